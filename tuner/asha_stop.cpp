#include "tuner/asha_stop.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>

namespace autotune {

void AshaStop::put(Rung& rung, Sequence sequence, double loss) const {
  if (auto known = rung.loss_of.find(sequence); known != rung.loss_of.end()) {
    if (known->second == loss)
      return;
    // A later attempt's result counts instead of the earlier one's.
    rung.best.erase({known->second, sequence});
    rung.rest.erase({known->second, sequence});
  }
  rung.loss_of[sequence] = loss;
  rung.rest.insert({loss, sequence});
  balance(rung);
}

void AshaStop::forget(Sequence sequence) {
  for (auto& rung : rungs_) {
    auto known = rung.loss_of.find(sequence);
    if (known == rung.loss_of.end())
      continue;
    rung.best.erase({known->second, sequence});
    rung.rest.erase({known->second, sequence});
    rung.loss_of.erase(known);
    balance(rung);
  }
}

void AshaStop::balance(Rung& rung) const {
  auto wanted = std::max<std::size_t>(1, rung.loss_of.size() / static_cast<std::size_t>(eta_));
  while (rung.best.size() > wanted)
    rung.rest.insert(rung.best.extract(std::prev(rung.best.end())));
  while (rung.best.size() < wanted && !rung.rest.empty())
    rung.best.insert(rung.rest.extract(rung.rest.begin()));
  while (!rung.rest.empty() && *rung.rest.begin() < *rung.best.rbegin()) {
    rung.rest.insert(rung.best.extract(std::prev(rung.best.end())));
    rung.best.insert(rung.rest.extract(rung.rest.begin()));
  }
}

std::ptrdiff_t AshaStop::note(const Trial& trial) {
  auto steps = static_cast<std::int64_t>(trial.intermediates.size());
  double least = std::numeric_limits<double>::infinity();
  std::size_t rung = 0;
  auto next = min_steps_;
  for (std::int64_t step = 1; step <= steps; ++step) {
    least = std::min(least, trial.intermediates[static_cast<std::size_t>(step - 1)].value);
    if (step < next)
      continue;
    if (rungs_.size() <= rung)
      rungs_.emplace_back();
    put(rungs_[rung], trial.sequence, least);
    if (step == steps)
      return static_cast<std::ptrdiff_t>(rung);
    ++rung;
    next *= eta_;
  }
  return -1;
}

std::optional<std::string> AshaStop::assess(const Trial& running) {
  auto arrived = note(running);
  if (arrived < 0)
    return std::nullopt;
  const auto& rung = rungs_[static_cast<std::size_t>(arrived)];
  if (rung.best.contains({rung.loss_of.at(running.sequence), running.sequence}))
    return std::nullopt;
  return "after " + std::to_string(running.intermediates.size()) +
         " intermediate results it is not among the best 1/" + std::to_string(eta_) + " of " +
         std::to_string(rung.loss_of.size()) + " trials";
}

void AshaStop::tell(const Trial& ended) {
  if (ended.outcome == TrialOutcome::failed)
    forget(ended.sequence);
  else
    note(ended);
}

}  // namespace autotune
