#include "cli/resumed_view.hpp"

#include <algorithm>

#include "cli/goals.hpp"
#include "messages/states.hpp"

namespace autotune::cli {

namespace {

/// More single reads than this cost more than reading all trials at once.
constexpr std::size_t single_reads_max = 1000;

/// The trials that a table shows, in order; nothing where they do not lie close to the end.
std::optional<std::vector<pb::TrialSummary>> newest_trials(
    StoreReader& store, const pb::ExperimentSummary& experiment) {
  const auto& counts = experiment.counts();
  auto live = counts.pending() + counts.running();
  auto sequence = live + counts.succeeded() + counts.failed() + counts.early_stopped() +
                  counts.killed();  // numbers have no gaps
  std::vector<pb::TrialSummary> trials;
  std::size_t ended = 0;
  while (sequence > 0 && (live > 0 || ended < RunView::ended_rows_kept)) {
    if (trials.size() == single_reads_max)
      return std::nullopt;
    auto trial = store.trial(experiment.id(), --sequence);
    if (!trial)
      return std::nullopt;
    if (has_ended(trial->state()))
      ++ended;
    else
      --live;
    trials.push_back(*std::move(trial));
  }
  std::reverse(trials.begin(), trials.end());
  return trials;
}

}  // namespace

Result<RunView> resumed_view(StoreReader& store, const pb::ExperimentSummary& experiment) {
  RunView view(experiment.spec());
  if (is_plain(Objective(experiment.spec().objective()))) {
    if (auto newest = newest_trials(store, experiment)) {
      view.load(experiment, *newest);
      return view;
    }
  }
  auto trials = store.trials(experiment.id());
  if (!trials)
    return tl::unexpected(trials.error());
  view.load(*trials);
  return view;
}

}  // namespace autotune::cli
