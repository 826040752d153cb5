// A search space as algorithms see it: a flat list of dimensions and points in the unit cube.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "messages/result.hpp"
#include "messages/search_space.hpp"
#include "tuner/dimension.hpp"
#include "tuner/rng.hpp"

namespace autotune {

/// One coordinate a dimension, in [0, 1]; `inactive` where the branch that holds the dimension was
/// not chosen.
using Point = std::vector<double>;
inline constexpr double inactive = std::numeric_limits<double>::quiet_NaN();

/// The flattened space. Dimensions stand in the order of the file, a nested choice before what it
/// opens, so a walk from 0 upwards always knows whether a dimension is active. Copying is cheap.
class Space {
 public:
  explicit Space(SearchSpace description);

  std::size_t size() const { return dimensions_->size(); }
  const Dimension& operator[](std::size_t i) const { return (*dimensions_)[i]; }
  const std::vector<Dimension>& dimensions() const { return *dimensions_; }

  /// True where the parent of dimension i is active at `point` and chose the branch that holds i.
  /// Coordinates before i must be set.
  bool active(const Point& point, std::size_t i) const;
  /// How many different points there are; infinite where any dimension has no end of values.
  double cardinality() const { return cardinality_; }

  /// A draw from the prior.
  Point sample_point(Rng& rng) const;
  Value sample(Rng& rng) const { return value_of(sample_point(rng)); }

  /// The parameters at a point: choices as they were written, randint whole, others real ("3.0"), a
  /// nested choice as {"_name": ..., its own parameters}. Coordinates of inactive dimensions are
  /// not looked at.
  Value value_of(const Point& point) const;
  /// Where these parameters lie. Members that the space does not know are ignored (an algorithm may
  /// have added them). The error names the parameter, its value, and what would be valid.
  Result<Point> point_of(const Value& parameters) const;
  /// Whether these are parameters of this space: nothing missing, nothing unknown, each one legal.
  Result<void> contains(const Value& parameters) const;
  /// The same parameters with those that are missing drawn from the prior; an illegal or unknown
  /// one is an error.
  Result<Value> complete(const Value& parameters, Rng& rng) const;

  /// True where every active dimension is discrete: only such points can come twice.
  bool discrete(const Point& point) const;
  /// Two discrete points have the same key exactly when they are the same parameters (but for a
  /// chance of 2^-64).
  std::uint64_t key(const Point& point) const;
  /// Steps to the next point of a finite space, the last dimension varying fastest; starts over
  /// after the last.
  void advance(Point& point) const;

 private:
  enum class Reading { lenient, strict, filling };
  struct Reader;

  std::shared_ptr<const SearchSpace> description_;
  std::shared_ptr<const std::vector<Dimension>> dimensions_;
  double cardinality_ = 1;
};

}  // namespace autotune
