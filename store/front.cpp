#include "store/front.hpp"

#include <algorithm>
#include <tuple>

namespace autotune {

void FrontFinder::add(Sequence sequence, pb::TrialState state, const Metrics& final_metrics) {
  if (state != pb::TRIAL_STATE_SUCCEEDED)
    return;
  auto scores = objective_.scores_of(final_metrics);
  if (!scores.finite())
    return;
  sequences_.push_back(sequence);
  standings_.push_back(objective_.standing_of(scores));
}

Front FrontFinder::find() const {
  auto members = pareto_front(standings_);
  std::sort(members.begin(), members.end(), [this](std::size_t a, std::size_t b) {
    return std::tie(standings_[a].losses, sequences_[a]) <
           std::tie(standings_[b].losses, sequences_[b]);
  });
  Front front;
  if (members.empty())
    return front;
  if (standings_[members.front()].breach > 0) {
    front.nearest = sequences_[members.front()];
    return front;
  }
  if (!objective_.has_several_goals())
    members.resize(1);
  for (auto member : members)
    front.trials.push_back(sequences_[member]);
  return front;
}

Front front_of(const Objective& objective, const std::vector<pb::TrialSummary>& trials) {
  FrontFinder finder(objective);
  for (const auto& trial : trials)
    finder.add(trial.sequence(), trial.state(), trial.final_metrics());
  return finder.find();
}

}  // namespace autotune
