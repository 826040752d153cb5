#include "tuner/directed.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace autotune {

std::string_view name_of(Direction direction) {
  return direction == Direction::maximize ? "maximize" : "minimize";
}

Trial as_loss(Trial trial, Direction direction) {
  bool counts =
      trial.outcome == TrialOutcome::succeeded || trial.outcome == TrialOutcome::early_stopped;
  if (!counts || (trial.final_value && !std::isfinite(*trial.final_value)))
    trial.final_value.reset();
  std::erase_if(trial.intermediates, [](const Measurement& m) { return !std::isfinite(m.value); });
  if (direction == Direction::maximize) {
    if (trial.final_value)
      trial.final_value = -*trial.final_value;
    for (auto& m : trial.intermediates)
      m.value = -m.value;
  }
  return trial;
}

Ask DirectedTuner::ask(Sequence trial, std::span<const Trial> running) const {
  bool measured = std::any_of(running.begin(), running.end(),
                              [](const Trial& t) { return !t.intermediates.empty(); });
  if (!measured)
    return inner_->ask(trial, running);  // nothing to turn: spare the copies
  std::vector<Trial> losses;
  losses.reserve(running.size());
  for (const auto& t : running)
    losses.push_back(as_loss(t, direction_));
  return inner_->ask(trial, losses);
}

void DirectedTuner::tell(const Trial& ended) { inner_->tell(as_loss(ended, direction_)); }

std::optional<std::string> DirectedAssessor::assess(const Trial& running) {
  return inner_->assess(as_loss(running, direction_));
}

void DirectedAssessor::tell(const Trial& ended) { inner_->tell(as_loss(ended, direction_)); }

}  // namespace autotune
