// The view of an experiment that goes on, with what there was before.
#pragma once

#include "cli/run_view.hpp"
#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune::cli {

/// Nothing of the experiment runs in this process yet, so what the store holds stands still. With one goal and no
/// constraints the store keeps the counts and the best, and only the trials that a table shows are read: those that
/// have not ended and the newest of the others. Else all are read, as each may be part of the front.
Result<RunView> resumed_view(StoreReader& store, const pb::ExperimentSummary& experiment);

}  // namespace autotune::cli
