// Where good configurations are, from results with different budgets.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "tuner/kernel_mixture.hpp"
#include "tuner/ranking.hpp"
#include "tuner/seen_points.hpp"

namespace autotune {

struct BudgetModelOptions {
  std::optional<std::int64_t> min_points_in_model;  ///< >= 1; nothing: dimensions + 1
  double top_n_percent = 15;                        ///< so many of 100 trials count as good
  std::int64_t num_samples = 64;                    ///< draws that compete for a suggestion; >= 1
  double bandwidth_factor = 3;                      ///< how much wider draws are than the model
  double min_bandwidth = 1e-3;                      ///< of a kernel, in the unit interval
};

/// The model of BOHB (Falkner, Klein, Hutter 2018, section 3.2), with a density of good and one of
/// bad configurations for each budget. It speaks for the largest budget that has three times
/// min_points_in_model + 2 results. Its top_n_percent, at least the square root of their number, are
/// good; the draw from around the good ones, `bandwidth_factor` times wider, with the greatest ratio
/// of densities is proposed.
///
/// What differs from the paper, and why (together they were measured on
/// tests/tuner/curve_problems.cpp; not each alone):
/// - Configurations that were left behind at lower budgets are among the bad ones. Those that came
///   to the greatest budget are all good, so that their worse half alone makes bad a region that is
///   better than what lies far off.
/// - Three times as many results before a budget speaks: a handful says less than many at a lower
///   one.
/// - Both densities have the good ones' bandwidths, by the normal reference rule and at most
///   0.35 / (1 + 0.1 n), as in TPE here: a wide density of bad ones can't tell what lies between.
/// - Better good ones weigh more, and a fifth of a draw's coordinates comes from another good one.
/// - A tenth of each density is the prior, so that what lies far off is neither good nor bad.
/// - Running configurations count as bad ones, so that workers keep apart.
/// - Kernels and conditional spaces as in KernelMixture.
class BudgetModel {
 public:
  BudgetModel(Space space, BudgetModelOptions options)
      : space_(std::move(space)), options_(options) {}

  /// No loss: the trial came to nothing, which is worse than any.
  void tell(Point point, std::int64_t budget, std::optional<double> loss);
  /// The budget that speaks; nothing where none has enough results yet.
  std::optional<std::int64_t> budget() const;
  /// A new configuration; there must be a budget. O(num_samples * components * dimensions) with at
  /// most 300 components besides running trials, and a look at the newest 1,000 results a budget.
  Point propose(std::span<const Trial> running, const SeenPoints::Taken& taken, Rng& rng) const;

 private:
  struct History {
    std::vector<Point> points;
    std::vector<std::uint64_t> keys;  // of points
    std::unordered_set<std::uint64_t> known;
    Ranking ranking;           // of points
    std::size_t measured = 0;  // that have a loss; they come first
  };

  std::size_t points_min() const;
  Bandwidths bandwidths(const std::vector<const Point*>& good, std::size_t results) const;
  /// Those with a result at a lower budget and none at this one, evenly spread over time.
  std::vector<const Point*> left_behind(std::int64_t budget) const;

  Space space_;
  BudgetModelOptions options_;
  std::map<std::int64_t, History> histories_;  // by budget
};

}  // namespace autotune
