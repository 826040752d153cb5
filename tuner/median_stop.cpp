#include "tuner/median_stop.hpp"

#include <algorithm>
#include <string>

namespace autotune {

std::optional<std::string> MedianStop::assess(const Trial& running) {
  auto steps = running.intermediates.size();
  if (steps == 0 || static_cast<std::int64_t>(steps) < start_step_ || steps > averages_.size())
    return std::nullopt;
  const auto& averages = averages_[steps - 1];
  double median =
      averages[averages.size() / 2];  // of losses: the greater, more lenient of two middle ones
  auto best = std::min_element(running.intermediates.begin(), running.intermediates.end(),
                               [](const auto& a, const auto& b) { return a.value < b.value; });
  if (best->value <= median)
    return std::nullopt;
  return "its best of " + std::to_string(steps) +
         " intermediate results is worse than the median average of " +
         std::to_string(averages.size()) + " succeeded trials";
}

void MedianStop::tell(const Trial& ended) {
  if (ended.outcome != TrialOutcome::succeeded)
    return;
  double sum = 0;
  for (std::size_t n = 0; n < ended.intermediates.size(); ++n) {
    sum += ended.intermediates[n].value;
    if (averages_.size() <= n)
      averages_.emplace_back();
    double average = sum / static_cast<double>(n + 1);
    auto& sorted = averages_[n];
    sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), average), average);
  }
}

}  // namespace autotune
