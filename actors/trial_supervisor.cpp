#include "actors/trial_supervisor.hpp"

namespace autotune {

TrialSupervisorState::TrialSupervisorState(TrialSupervisorActor::pointer self, pb::AttemptPlan plan,
                                           NodeAgentActor agent, caf::strong_actor_ptr experiment,
                                           ReportsActor sink, SupervisorLimits limits)
    : self_(self),
      core_(std::move(plan), limits),
      agent_(std::move(agent)),
      experiment_(std::move(experiment)),
      sink_(std::move(sink)) {}

TrialSupervisorActor::behavior_type TrialSupervisorState::make_behavior() {
  return {
      [this](const Prepared& prepared) {
        if (prepared.error)
          perform(core_.on_refused(*prepared.error));
        else
          perform(core_.on_adopted(now(), prepared.adopted));
      },
      [this](const ReplicaEvent& told) {
        if (const auto* started = std::get_if<ReplicaStarted>(&told.event))
          perform(core_.on_started(now(), *started));
        else if (const auto* exit = std::get_if<ReplicaExit>(&told.event))
          perform(core_.on_exit(now(), *exit));
        else
          perform(core_.on_notice(std::get<LauncherNotice>(told.event).text));
      },
      [this](const ReportsRead& read) { perform(core_.on_reports(read.key, read.batch)); },
      [this](const ReportsStored& stored) { perform(core_.on_stored(stored.count)); },
      [this](const StopAttemptRequest& wish) { perform(core_.on_stop(wish.reason, wish.hurry)); },
      [this](const ReleaseAttempt&) { self_->quit(); },
      [this](atom::tick) { perform(core_.on_tick(now())); },
  };
}

void TrialSupervisorState::perform(SupervisorEffects effects) {
  for (auto& effect : effects) {
    std::visit(
        [this]<class Effect>(Effect& x) {
          if constexpr (std::is_same_v<Effect, SendReports>)
            compat::send(self_, sink_, std::move(x.message));
          else if constexpr (std::is_same_v<Effect, SendNews>)
            compat::send(self_, caf::actor_cast<ExperimentActor>(experiment_), std::move(x.news));
          else if constexpr (std::is_same_v<Effect, SendResult>)
            compat::send(self_, caf::actor_cast<ExperimentActor>(experiment_), std::move(x.result));
          else
            compat::send(self_, agent_, std::move(x));
        },
        effect);
  }
}

}  // namespace autotune
