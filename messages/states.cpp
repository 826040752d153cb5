#include "messages/states.hpp"

namespace autotune {

bool has_ended(pb::Phase phase) {
  return phase == pb::PHASE_DONE || phase == pb::PHASE_TIMEOUT || phase == pb::PHASE_ERROR;
}

bool at_rest(pb::Phase phase) { return has_ended(phase) || phase == pb::PHASE_STOPPED; }

bool has_ended(pb::TrialState state) {
  return state != pb::TRIAL_STATE_PENDING && state != pb::TRIAL_STATE_RUNNING;
}

void count(pb::Counts& counts, pb::TrialState state, std::int64_t n) {
  switch (state) {
    case pb::TRIAL_STATE_PENDING: return counts.set_pending(counts.pending() + n);
    case pb::TRIAL_STATE_RUNNING: return counts.set_running(counts.running() + n);
    case pb::TRIAL_STATE_SUCCEEDED: return counts.set_succeeded(counts.succeeded() + n);
    case pb::TRIAL_STATE_FAILED: return counts.set_failed(counts.failed() + n);
    case pb::TRIAL_STATE_EARLY_STOPPED: return counts.set_early_stopped(counts.early_stopped() + n);
    case pb::TRIAL_STATE_KILLED: return counts.set_killed(counts.killed() + n);
    default: return;
  }
}

void count_ended(pb::Counts& counts, pb::TrialState state) {
  bool known = state == pb::TRIAL_STATE_SUCCEEDED || state == pb::TRIAL_STATE_EARLY_STOPPED ||
               state == pb::TRIAL_STATE_KILLED;
  count(counts, known ? state : pb::TRIAL_STATE_FAILED, 1);
}

}  // namespace autotune
