#include "actors/node_agent.hpp"

#include <algorithm>

#include "actors/log.hpp"
#include "actors/trial_supervisor.hpp"

namespace autotune {

namespace {

AttemptKey key_of(const pb::ReplicaKey& key) {
  return {key.experiment_id(), key.sequence(), key.attempt()};
}

AttemptKey key_of(const pb::AttemptPlan& plan) {
  return {plan.experiment_id(), plan.sequence(), plan.attempt()};
}

}  // namespace

NodeAgentState::NodeAgentState(NodeAgentActor::pointer self, std::shared_ptr<Launcher> launcher,
                               ReportsActor sink, NodeAgentLimits limits)
    : self_(self),
      launcher_(std::move(launcher)),
      sink_(std::move(sink)),
      limits_(limits),
      poll_sent_(std::make_shared<std::atomic<bool>>(false)) {}

NodeAgentState::~NodeAgentState() {
  launcher_->on_activity([] {});
}

NodeAgentActor::behavior_type NodeAgentState::make_behavior() {
  // A weak reference: the launcher's thread must not keep the agent alive.
  auto weak = caf::actor_cast<caf::weak_actor_ptr>(self_->ctrl());
  launcher_->on_activity([weak, sent = poll_sent_] {
    if (sent->exchange(true))
      return;
    if (auto strong = weak.lock())
      compat::anon_send(caf::actor_cast<caf::actor>(strong), atom::poll_v);
  });
  return {
      [this](LaunchAttempt& wish) { take_in(wish); },
      [this](const StopAttemptRequest& wish) {
        launch_now(wish.key);
        if (auto* supervisor = find(wish.key))
          compat::send(self_, *supervisor, wish);
      },
      [this](const ReleaseAttempt& wish) {
        launch_now(wish.key);
        launcher_->release(wish.key);
        if (auto* supervisor = find(wish.key)) {
          compat::send(self_, *supervisor, wish);
          supervisors_.erase(wish.key);
        }
      },
      [this](const StartReplica& wish) {
        launcher_->start(wish.key, wish.deadline);
        schedule_wakeup();
      },
      [this](const StopReplica& wish) {
        launcher_->stop(wish.key, wish.grace);
        schedule_wakeup();
      },
      [this](const ReadReports& wish) { read(wish); },
      [this](const RenewLease& told) { launcher_->renew_lease(told.lease); },
      [this](atom::poll) { poll(); },
      [this](atom::next) { launch_next(); },
      [this](atom::tick) {
        ticking_ = false;
        for (auto& [key, supervisor] : supervisors_)
          compat::send(self_, supervisor, atom::tick_v);
        keep_ticking();
      },
  };
}

TrialSupervisorActor* NodeAgentState::find(const AttemptKey& key) {
  auto found = supervisors_.find(key);
  return found == supervisors_.end() ? nullptr : &found->second;
}

TrialSupervisorActor* NodeAgentState::find(const pb::ReplicaKey& key) { return find(key_of(key)); }

/// One launch a turn: what goes on with trials that are further along comes between. Launched in one go, as many trials
/// as may run at a time would stay in step for ever: all laid out by this one thread, then all started, then all ended,
/// with cores idle in between.
void NodeAgentState::take_in(LaunchAttempt& wish) {
  launches_.push_back(std::move(wish));
  if (launches_.size() == 1)
    compat::send(self_, NodeAgentActor(self_), atom::next_v);
}

void NodeAgentState::launch_next() {
  if (launches_.empty())
    return;
  auto first = std::move(launches_.front());
  launches_.pop_front();
  launch(first);
  if (!launches_.empty())
    compat::send(self_, NodeAgentActor(self_), atom::next_v);
}

/// What is said of an attempt finds it launched.
void NodeAgentState::launch_now(const AttemptKey& key) {
  auto waits = std::find_if(launches_.begin(), launches_.end(),
                            [&](const LaunchAttempt& one) { return key_of(one.plan) == key; });
  if (waits == launches_.end())
    return;
  auto one = std::move(*waits);
  launches_.erase(waits);
  launch(one);
}

void NodeAgentState::launch(LaunchAttempt& wish) {
  auto key = key_of(wish.plan);
  if (auto* known = find(key)) {
    if (!wish.adopt)
      return;  // told twice
    // Its experiment died and was replayed: the old supervisor would talk to nobody.
    self_->send_exit(*known, caf::exit_reason::kill);
    supervisors_.erase(key);
  }
  Prepared prepared;
  if (wish.adopt) {
    if (auto adopted = launcher_->adopt(wish.plan))
      prepared.adopted = std::move(*adopted);
    else
      prepared.error = adopted.error();
  } else if (auto done = launcher_->prepare(wish.plan); !done) {
    prepared.error = done.error();
  }
  auto supervisor =
      self_->spawn<caf::stateful_actor<TrialSupervisorState, TrialSupervisorActor::base>>(
          std::move(wish.plan), NodeAgentActor(self_), std::move(wish.experiment), sink_,
          limits_.supervisor);
  auto handle = caf::actor_cast<TrialSupervisorActor>(supervisor);
  supervisors_.emplace(std::move(key), handle);
  compat::send(self_, handle, std::move(prepared));
  keep_ticking();
  schedule_wakeup();  // what was adopted may end without any activity here
}

void NodeAgentState::read(const ReadReports& wish) {
  auto* supervisor = find(wish.key);
  if (supervisor == nullptr)
    return;
  ReportsRead answer{wish.key, {}};
  auto batch =
      launcher_->read_reports(wish.key, wish.after_line, limits_.supervisor.lines_max, wish.ended);
  if (batch)
    answer.batch = std::move(*batch);
  else
    log::warn("reports-unreadable", "trial={}/{} replica={} error={}", wish.key.experiment_id(),
              wish.key.sequence(), wish.key.replica(), batch.error().message);
  answer.batch.last_line = std::max(answer.batch.last_line, wish.after_line);
  compat::send(self_, *supervisor, std::move(answer));
}

void NodeAgentState::poll() {
  poll_sent_->store(false);
  for (auto& event : launcher_->poll(now())) {
    TrialSupervisorActor* supervisor = std::visit(
        [this]<class Event>(const Event& x) {
          if constexpr (std::is_same_v<Event, LauncherNotice>)
            return find(x.attempt);
          else
            return find(x.key());
        },
        event);
    if (supervisor != nullptr)
      compat::send(self_, *supervisor, ReplicaEvent{std::move(event)});
  }
  schedule_wakeup();
}

void NodeAgentState::schedule_wakeup() {
  auto next = launcher_->next_wakeup();
  if (!next || (wakeup_ && *wakeup_ <= *next && *wakeup_ > now()))
    return;
  wakeup_ = *next;
  auto wait = std::max(Time::duration(0), *next - now());
  compat::delayed_send(self_, NodeAgentActor(self_), wait, atom::poll_v);
}

void NodeAgentState::keep_ticking() {
  if (supervisors_.empty() || ticking_)
    return;
  ticking_ = true;
  if (limits_.lease.count() > 0 &&
      (!lease_renewed_ || now() - *lease_renewed_ > limits_.lease / 3)) {
    launcher_->renew_lease(limits_.lease);
    lease_renewed_ = now();
  }
  compat::delayed_send(self_, NodeAgentActor(self_), limits_.supervisor.report_interval,
                       atom::tick_v);
}

}  // namespace autotune
