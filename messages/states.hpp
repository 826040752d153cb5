// What the phase of an experiment and the state of a trial mean, and counts of trials by state.
#pragma once

#include <cstdint>

#include "messages/experiment.pb.h"
#include "messages/trial.pb.h"

namespace autotune {

/// DONE, TIMEOUT or ERROR: it goes on only if its budget grows.
bool has_ended(pb::Phase phase);
/// Ended or STOPPED: nothing of it runs.
bool at_rest(pb::Phase phase);

/// Neither Pending nor Running.
bool has_ended(pb::TrialState state);
/// Adds `n` trials in that state; an unknown state counts nowhere.
void count(pb::Counts& counts, pb::TrialState state, std::int64_t n);
/// Adds one that has ended: whatever is not Succeeded, EarlyStopped or Killed has failed.
void count_ended(pb::Counts& counts, pb::TrialState state);

}  // namespace autotune
