// One parameter of a search space as a coordinate in [0, 1]: the mapping between values and the
// unit interval.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/search_space.hpp"
#include "messages/value.hpp"

namespace autotune {

/// A parameter in the flattened tree of a space (a nested choice stands before what it opens).
///
/// The unit coordinate u of a value is its place in the prior's distribution: uniform u is a draw
/// from the prior. A discrete parameter has levels (the values it can take, in order); each covers
/// a cell of [0, 1].
class Dimension {
 public:
  /// `parameter` must outlive the dimension.
  explicit Dimension(const Parameter& parameter);

  const Parameter& parameter() const { return *parameter_; }
  /// Values without an order: choice, nested or not, layer_choice and input_choice.
  bool categorical() const { return listed(); }
  bool nested() const { return !parameter_->branches.empty(); }
  /// Takes a countable number of values.
  bool discrete() const { return discrete_; }
  /// How many different values it can take; infinite for reals and for qnormal, qlognormal.
  double levels() const { return levels_; }

  /// The level that coordinate u belongs to (discrete only). May be any whole number for qnormal.
  double level_at(double u) const;
  /// The part of [0, 1] that gives this level.
  std::pair<double, double> cell(double level) const;
  /// The coordinate of the level's value (of its cell's middle where values have no size).
  double unit_of_level(double level) const;

  /// The parameter's value at u as a number: only for types that are not choices.
  double number_at(double u) const;
  /// The parameter's value at u as it is emitted (a nested choice has none of its own).
  Value value_at(double u) const;
  /// The coordinate of a number, or nothing where the parameter cannot take it.
  std::optional<double> unit_of_number(double x) const;
  /// The coordinate of a value, or nothing where the parameter cannot take it.
  std::optional<double> unit_of(const Value& value) const;
  /// "a number in [0.0, 1.0]"; what would have been valid, for an error message.
  std::string expectation() const;

  std::string path;          ///< "algo.lr", for messages
  std::int32_t parent = -1;  ///< index of the nested choice that opens it; -1 at the top
  std::int32_t branch = -1;  ///< by choosing this branch
  std::int32_t end = 0;      ///< one past the last dimension below it

 private:
  bool listed() const;
  std::optional<double> unit_of_listed(const Value& value) const;
  Value listed_value(std::size_t level) const;
  double latent_at(double u) const;
  double unit_of_latent(double y) const;
  double emit_level(double k) const;
  double number_of_latent(double y) const;

  const Parameter* parameter_;
  bool discrete_ = false;
  bool log_ = false;
  bool normal_ = false;
  bool bounded_ = false;    // the uniform family: values are clipped to [low, high]
  double offset_ = 0;       // latent value (after log) at u = 0, or mu
  double width_ = 1;        // latent width, or sigma
  double first_level_ = 0;  // round(low / q) for the q types of the uniform family
  double levels_ = 0;
  double scale_ = 0;  // power of ten with which q is whole; 0 where q has no short decimal form
};

}  // namespace autotune
