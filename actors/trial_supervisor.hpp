// The trial supervisor: a mailbox around SupervisorCore.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/supervisor_core.hpp"

namespace autotune {

/// State of the TRIAL SUPERVISOR actor: one attempt of one trial on one node.
class TrialSupervisorState {
 public:
  TrialSupervisorState(TrialSupervisorActor::pointer self, pb::AttemptPlan plan,
                       NodeAgentActor agent, caf::strong_actor_ptr experiment, ReportsActor sink,
                       SupervisorLimits limits);

  TrialSupervisorActor::behavior_type make_behavior();
  static inline const char* name = "trial-supervisor";

 private:
  Time now() const { return self_->clock().now(); }
  void perform(SupervisorEffects effects);

  TrialSupervisorActor::pointer self_;
  SupervisorCore core_;
  NodeAgentActor agent_;
  caf::strong_actor_ptr experiment_;
  ReportsActor sink_;
};

}  // namespace autotune
