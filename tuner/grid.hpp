// The grid of a space: every point has a place, found without walking there.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "tuner/space.hpp"

namespace autotune {

/// A sequence of grids, each twice as fine. Epoch 1 holds all values of choices and randints and
/// the middle (in the prior's distribution) of all others; epoch e adds the odd multiples of 1/2^e
/// that lead to new values. A point belongs to the first epoch that has all its coordinates; within
/// an epoch the last parameter varies fastest, and older coordinates come before newer ones.
/// Dimensions of branches that are not chosen are not iterated.
///
/// A dimension whose values all stand in the grid gets no more; when every one is complete the grid
/// ends. Values so rare that 8 times their number of points did not meet them are appended
/// together; of the endless values of qnormal and qlognormal those count that 2^16 points meet.
///
/// Finding a place costs time linear in the dimensions. A grid has at most 2^64 - 1 places.
class Grid {
 public:
  explicit Grid(Space space);

  /// The point at that place; nothing past the end.
  std::optional<Point> at(std::uint64_t place) const;
  const Space& space() const { return space_; }

 private:
  /// Coordinates of one dimension in the order of their coming; only where they cannot be computed.
  struct Axis {
    std::vector<double> units;
    std::vector<std::uint64_t> until;  // how many of them epochs 1..e have
    std::unordered_set<std::int64_t> seen;
    bool complete = false;
  };

  /// How many combinations a part of the space has: of coordinates of earlier epochs, and with at
  /// least one fresh.
  struct Count {
    std::uint64_t old = 1;
    std::uint64_t fresh = 0;
    std::uint64_t all() const;
  };
  static Count product(const Count& a, const Count& b);

  /// A walk to one place of an epoch.
  struct Walk {
    std::size_t epoch;
    std::uint64_t place;
    bool need_fresh;
    Point point;
  };

  void extend() const;
  void extend(Axis& axis, const Dimension& d, std::size_t epoch) const;
  bool complete() const;
  bool computed(std::size_t i) const;
  std::uint64_t coordinates(std::size_t i, std::size_t epoch) const;
  double unit(std::size_t i, std::uint64_t n) const;
  Count count(std::size_t i, std::size_t epoch) const;
  Count count_siblings(std::size_t from, std::size_t to, std::int32_t branch,
                       std::size_t epoch) const;
  void walk_siblings(Walk& walk, std::size_t from, std::size_t to, std::int32_t branch,
                     const Count& tail) const;
  void step(Walk& walk, std::size_t i, const Count& rest) const;

  Space space_;
  // Axes grow as far as they were asked for: a cache of what the space alone determines.
  mutable std::vector<Axis> axes_;
  mutable std::size_t epochs_ = 0;
};

}  // namespace autotune
