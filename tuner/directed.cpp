#include "tuner/directed.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tuner/trial_order.hpp"

namespace autotune {

std::string_view name_of(Direction direction) {
  return direction == Direction::maximize ? "maximize" : "minimize";
}

Trial as_loss(Trial trial, std::span<const Direction> directions) {
  bool several = directions.size() > 1;
  bool counts =
      trial.outcome == TrialOutcome::succeeded || trial.outcome == TrialOutcome::early_stopped;
  counts = counts && trial.final_value && std::isfinite(*trial.final_value);
  if (several)
    counts = counts && trial.goal_values.size() == directions.size() &&
             std::all_of(trial.goal_values.begin(), trial.goal_values.end(),
                         [](double v) { return std::isfinite(v); });
  if (!counts) {
    trial.final_value.reset();
    trial.violations.clear();
  }
  if (!counts || !several)
    trial.goal_values.clear();
  std::erase_if(trial.intermediates, [](const Measurement& m) { return !std::isfinite(m.value); });
  for (auto& v : trial.violations)
    v = std::isnan(v) ? std::numeric_limits<double>::infinity() : std::max(0.0, v);
  for (std::size_t g = 0; g < trial.goal_values.size(); ++g)
    if (directions[g] == Direction::maximize)
      trial.goal_values[g] = -trial.goal_values[g];
  if (directions.front() == Direction::maximize) {
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
    losses.push_back(as_loss(t, directions_));
  return inner_->ask(trial, losses);
}

void DirectedTuner::tell(const Trial& ended) { inner_->tell(as_loss(ended, directions_)); }

void ConstrainedTuner::tell(const Trial& ended) {
  if (!breaks_constraint(ended)) {
    inner_->tell(ended);
    return;
  }
  Trial failed = ended;
  failed.outcome = TrialOutcome::failed;
  failed.final_value.reset();
  failed.goal_values.clear();
  failed.violations.clear();
  inner_->tell(failed);
}

std::optional<std::string> DirectedAssessor::assess(const Trial& running) {
  return inner_->assess(as_loss(running, direction_));
}

void DirectedAssessor::tell(const Trial& ended) { inner_->tell(as_loss(ended, direction_)); }

}  // namespace autotune
