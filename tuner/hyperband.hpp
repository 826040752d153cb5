// Hyperband: many configurations with small budgets, the best of them with larger ones.
#pragma once

#include <utility>

#include "tuner/brackets.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/trial_budget.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct HyperbandOptions {
  std::int64_t budget_max = 60;  ///< R: the most that one trial may spend; >= 1
  std::int64_t eta = 3;          ///< one in eta goes on, with eta times the budget; >= 2
  bool serial = false;           ///< one bracket at a time instead of as many as workers ask for
};

/// Hyperband (Li et al. 2018, Journal of Machine Learning Research 18(185), algorithm 1) with the
/// brackets of NNI: see Brackets and nni-compat.md 4.1. Each promotion is a trial of its own, from
/// scratch, with a greater TRIAL_BUDGET. New configurations are draws from the prior.
///
/// What differs from NNI's, and why:
/// - Trials that fail, or end without a value, leave their slot empty. NNI then lacks a score and
///   ends with an IndexError.
/// - Its state is read from the trials, so it goes on after a restart. NNI's cannot.
/// - No configuration is drawn twice in a discrete space, nested choices are searched, and a finite
///   space ends: when all its points have been started, what stands is promoted to the end.
class HyperbandTuner : public Tuner {
 public:
  HyperbandTuner(Space space, std::int64_t seed, HyperbandOptions options)
      : seed_(seed),
        serial_(options.serial),
        budget_max_(options.budget_max),
        brackets_(options.budget_max, 1, options.eta),
        seen_(std::move(space)) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  Value as_tried(Value parameters) const override {
    return with_budget(std::move(parameters), budget_max_);
  }
  void tell(const Trial& ended) override;

 private:
  std::int64_t seed_;
  bool serial_;
  std::int64_t budget_max_;
  Brackets brackets_;
  SeenPoints seen_;
};

}  // namespace autotune
