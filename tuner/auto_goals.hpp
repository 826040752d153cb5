// The default tuner where there are several goals, or constraints.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tuner/nsga2.hpp"
#include "tuner/tpe.hpp"

namespace autotune {

/// TPE, and from 250 results on NSGA-II for every second suggestion: TPE is ahead while trials are few, and in a long
/// run its kernels get too narrow to go along a front or the border of what is allowed, which crossover does. Both
/// are told everything. The start is TPE's (a Latin hypercube).
class AutoGoalsTuner : public Tuner {
 public:
  /// goals >= 1.
  AutoGoalsTuner(const Space& space, std::int64_t seed, std::size_t goals)
      : tpe_(space, seed, TpeOptions{.goals = goals}),
        evolution_(space, seed, Nsga2Options{.goals = goals}) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override {
    bool evolve = results_ >= tpe_alone && trial % 2 != 0;
    return evolve ? evolution_.ask(trial, running) : tpe_.ask(trial, running);
  }
  void tell(const Trial& ended) override {
    tpe_.tell(ended);
    evolution_.tell(ended);
    results_ += ended.final_value ? 1 : 0;
  }

 private:
  static constexpr std::size_t tpe_alone = 250;  // results

  TpeTuner tpe_;
  Nsga2Tuner evolution_;
  std::size_t results_ = 0;
};

}  // namespace autotune
