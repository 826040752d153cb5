// Which parameters a metric depends on.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "messages/result.hpp"
#include "messages/trial.hpp"
#include "tuner/space.hpp"

namespace autotune {

struct ParameterImportance {
  std::size_t dimension = 0;  ///< of the space
  double share = 0;           ///< of the metric's variance, in [0, 1]
};

struct PairImportance {
  std::size_t first = 0;
  std::size_t second = 0;
  double share = 0;  ///< of the variance that neither explains alone
};

struct Importance {
  std::vector<ParameterImportance> parameters;  ///< all of them, the greatest first
  std::vector<PairImportance> pairs;            ///< among the most important ones, greatest first
  std::size_t trials = 0;                       ///< that it was computed from
};

/// Functional ANOVA on a random forest (Hutter, Hoos, Leyton-Brown 2014, "An Efficient Approach for
/// Assessing Hyperparameter Importance", section 3): of the variance that the forest sees over the
/// whole space, the share that each parameter explains by itself, and that each pair of the seven
/// most important ones explains beyond its two.
///
/// Trials without a final value, or of another space, are passed over. Values beyond the far fences
/// (three interquartile ranges; Tukey 1977) count as lying on them, lest one diverged trial decides.
/// A conditional parameter's absence counts as one more value of it; parameters are taken to be
/// independent of each other, which conditional ones are not quite. At most 1,000 trials, evenly
/// chosen, are used. The same trials give the same answer.
/// Errors: failed_precondition (fewer than 10 usable trials, or all their values are equal).
Result<Importance> importance_of(const Space& space, std::span<const Trial> trials);

}  // namespace autotune
