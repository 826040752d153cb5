// SMAC: a random forest predicts losses, and the point of the greatest expected improvement is tried.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tuner/random_forest.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct SmacOptions {
  std::int64_t n_startup_jobs = 10;  ///< trials before the forest is asked; >= 1
  std::int64_t n_trees = 10;         ///< >= 1
  double random_fraction = 0.1;      ///< of the suggestions are draws from the space; in [0, 1]
  std::int64_t n_candidates = 1000;  ///< draws that compete for a suggestion; >= 1
  std::int64_t local_searches = 10;  ///< walks that start from the best trials; >= 0
};

/// SMAC (Hutter, Hoos, Leyton-Brown 2011; Lindauer et al. 2022, "SMAC3"): sequential model-based
/// optimisation with a random forest, at home in mixed, conditional and high-dimensional spaces.
///
/// What differs, and why:
/// - The first trials are a Latin hypercube.
/// - Losses become normal quantiles of their ranks before the forest sees them: a few enormous
///   losses would else decide every split.
/// - Running trials take part with the loss that the forest predicts for them (kriging believer,
///   Ginsbourger et al. 2010), so that workers keep apart.
/// - A trial that failed counts as worse than all that did not, so that the search leaves what fails.
/// - No intensification: a configuration is tried once, as all trials here are.
///
/// An ask costs O(trees * dimensions * n log n) with n at most 1000: of more trials the best half
/// thousand and the newest half thousand make the forest. tell costs O(dimensions + log n).
class SmacTuner : public Tuner {
 public:
  SmacTuner(Space space, std::int64_t seed, SmacOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  struct Known {
    std::vector<double> points;   // [trial][dimension]
    std::vector<double> targets;  // normal quantiles of the losses' ranks
    std::vector<Point> best;      // of those with a value, the best first
  };

  Known known() const;
  RandomForest forest(const Known& known) const;
  Point propose(std::span<const Trial> running, const SeenPoints::Taken& taken, Rng& rng) const;

  std::int64_t seed_;
  SmacOptions options_;
  SeenPoints seen_;
  std::vector<double> points_;  // [trial with a value, or failed][dimension]
  std::vector<double> losses_;  // infinite where it failed
  std::size_t failed_ = 0;
};

}  // namespace autotune
