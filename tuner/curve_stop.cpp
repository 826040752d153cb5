#include "tuner/curve_stop.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tuner/curve_fit.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune {

std::optional<std::string> CurveStop::assess(const Trial& running) {
  auto steps = static_cast<std::int64_t>(running.intermediates.size());
  bool due = steps >= std::max<std::int64_t>(1, options_.start_step) &&
             (steps - options_.start_step) % options_.gap == 0;
  if (!due || !best_ || steps >= options_.epoch_num)
    return std::nullopt;
  std::vector<double> scores;  // rising, as the families do
  for (const auto& m : running.intermediates)
    scores.push_back(-m.value);
  auto expected = extrapolate(scores, static_cast<double>(options_.epoch_num));
  double bar = -*best_ - (1 - options_.threshold) * std::abs(*best_);
  bool falls_short = expected && *expected <= bar && *expected < -*best_;  // a best of 0 has no bar
  if (!falls_short)
    return std::nullopt;
  return "after " + std::to_string(steps) +
         " intermediate results its curve is not expected to come near the best result by number " +
         std::to_string(options_.epoch_num);
}

void CurveStop::tell(const Trial& ended) {
  auto loss = loss_of(ended);
  if (ended.outcome == TrialOutcome::succeeded && loss)
    best_ = std::min(*loss, best_.value_or(*loss));
}

}  // namespace autotune
