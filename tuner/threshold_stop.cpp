#include "tuner/threshold_stop.hpp"

#include <algorithm>
#include <string>

namespace autotune {

std::optional<std::string> ThresholdStop::assess(const Trial& running) {
  const auto& results = running.intermediates;
  auto steps = static_cast<std::int64_t>(results.size());
  if (results.empty() || steps < options_.start_step)
    return std::nullopt;
  auto best = std::min_element(results.begin(), results.end(), [](const auto& a, const auto& b) {
                return a.value < b.value;
              })->value;
  if (best > options_.bound)
    return "its best of " + std::to_string(steps) + " intermediate results is worse than the bound";
  if (results.back().value - best > options_.divergence)
    return "its intermediate result " + std::to_string(steps) +
           " is worse than its own best by more than the divergence allowed";
  return std::nullopt;
}

}  // namespace autotune
