// What a Gaussian process believes of whole trials, from results with different budgets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tuner/gp_model.hpp"
#include "tuner/seen_points.hpp"

namespace autotune {

/// One process over configurations and budgets together (Klein et al. 2020, Model-Based Asynchronous
/// Hyperparameter Optimization, there of MOBSTER): the logarithm of the budget is a further
/// coordinate with a length of its own, so how much a short trial says of a long one is learned. It
/// proposes where a trial with the greatest budget promises most.
///
/// At most 200 results make it (see GpModel), so that a proposal costs some milliseconds.
class BudgetProcess {
 public:
  BudgetProcess(Space space, std::int64_t budget_min, std::int64_t budget_max);

  /// Without a loss the trial failed, which counts as the worst there is.
  void tell(const Point& point, std::int64_t budget, std::optional<double> loss);
  /// True once there are results enough to say anything.
  bool speaks() const;
  /// A new configuration; it must speak. Nothing where a finite space is used up.
  std::optional<Point> propose(std::span<const Trial> running, const SeenPoints::Taken& taken,
                               Rng& rng) const;
  /// What it believes that these configurations reach with the greatest budget, in units of its own.
  std::vector<double> expected(const std::vector<Point>& points) const;

 private:
  Features features_at_most(const Point& point) const;

  std::size_t dimensions_;
  GpModel model_;
};

}  // namespace autotune
