#include "messages/states.hpp"

#include <catch2/catch.hpp>

namespace autotune {

TEST_CASE("a stopped experiment rests and has not ended, a paused one does neither", "[states]") {
  for (auto phase : {pb::PHASE_DONE, pb::PHASE_TIMEOUT, pb::PHASE_ERROR}) {
    CHECK(has_ended(phase));
    CHECK(at_rest(phase));
  }
  CHECK_FALSE(has_ended(pb::PHASE_STOPPED));
  CHECK(at_rest(pb::PHASE_STOPPED));
  for (auto phase : {pb::PHASE_PENDING, pb::PHASE_RUNNING, pb::PHASE_PAUSED}) {
    CHECK_FALSE(has_ended(phase));
    CHECK_FALSE(at_rest(phase));
  }
}

TEST_CASE("a trial counts in its state, an unknown one nowhere, or as failed once it has ended",
          "[states]") {
  pb::Counts counts;
  int n = 1;
  for (auto state :
       {pb::TRIAL_STATE_PENDING, pb::TRIAL_STATE_RUNNING, pb::TRIAL_STATE_SUCCEEDED,
        pb::TRIAL_STATE_FAILED, pb::TRIAL_STATE_EARLY_STOPPED, pb::TRIAL_STATE_KILLED}) {
    CHECK(has_ended(state) == (n > 2));
    count(counts, state, n++);
  }
  count(counts, pb::TRIAL_STATE_UNSPECIFIED, 9);
  CHECK(counts.ShortDebugString() ==
        "pending: 1 running: 2 succeeded: 3 failed: 4 early_stopped: 5 killed: 6");
  for (auto state : {pb::TRIAL_STATE_SUCCEEDED, pb::TRIAL_STATE_EARLY_STOPPED,
                     pb::TRIAL_STATE_KILLED, pb::TRIAL_STATE_FAILED, pb::TRIAL_STATE_UNSPECIFIED})
    count_ended(counts, state);
  CHECK(counts.ShortDebugString() ==
        "pending: 1 running: 2 succeeded: 4 failed: 6 early_stopped: 6 killed: 7");
}

}  // namespace autotune
