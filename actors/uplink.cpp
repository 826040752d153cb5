#include "actors/uplink.hpp"

#include <algorithm>

#include "actors/log.hpp"

namespace autotune {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds connect_wait_min{100};  // after a failure; doubles
constexpr milliseconds connect_wait_max{2000};
constexpr int silent_beats_max = 5;  // a head that answers none of so many is looked for anew

}  // namespace

UplinkState::UplinkState(UplinkActor::pointer self, UplinkContext context)
    : self_(self), context_(std::move(context)), core_(context_.node, context_.incarnation) {}

UplinkActor::behavior_type UplinkState::make_behavior() {
  return {
      [this](const ServeNode& told) {
        agent_ = caf::actor_cast<NodeAgentActor>(told.agent);
        for (const auto& connect : context_.connect) {
          auto connector = self_->spawn<caf::stateful_actor<ConnectorState, ConnectorActor::base>,
                                        caf::linked + caf::detached>(UplinkActor(self_), connect);
          routes_.push_back({caf::actor_cast<ConnectorActor>(connector)});
          look(routes_.size() - 1);
        }
      },
      [this](const HeadFound& found) { on_head(found); },
      [this](const pb::NodeFrame& frame) {
        if (core_.heeds(frame))
          heard_ = now();
        if (core_.heeds(frame) && frame.has_answer() && frame.answer().refused().empty())
          say("connected");
        perform(core_.on_frame(now(), context_.lease_ms(), frame));
      },
      [this](const pb::AttemptNews& news) { perform(core_.on_news(now(), news)); },
      [this](const pb::AttemptResult& result) { perform(core_.on_result(now(), result)); },
      [this](const pb::ReportsMessage& message) {
        auto batch = next_batch_++;
        batches_[batch] = {self_->current_sender(),
                           static_cast<std::size_t>(message.reports_size())};
        perform(core_.on_reports(now(), message, batch));
      },
      [this](atom::tick) {
        if (next_beat_ &&
            now() >= *next_beat_)  // else one of before a loss: each would go on for ever
          beat();
      },
  };
}

/// Several places are looked at together, since one that is frozen or far may hold its connector up; the first that
/// answers is followed.
void UplinkState::on_head(const HeadFound& found) {
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    auto& route = routes_[i];
    if (route.connector.address() != caf::actor_cast<caf::actor_addr>(self_->current_sender()))
      continue;
    route.busy = false;
    if (found.why_not.empty()) {
      route.wait = milliseconds(0);
      break;
    }
    if (head_)
      return;
    if (route.wait.count() == 0)  // once is enough to be told of it
      say("not connected: " + found.why_not);
    route.wait = std::clamp(route.wait * 2, connect_wait_min, connect_wait_max);
    return look(i);
  }
  if (head_ || !found.head)
    return;
  head_ = caf::actor_cast<ControlEndpoint>(found.head);
  heard_ = now();
  compat::monitor(self_, head_, [this](const caf::actor_addr& who) {
    if (head_ && head_.address() == who)
      lose_head();
  });
  beat();
}

void UplinkState::look(std::size_t index) {
  auto& route = routes_[index];
  if (route.busy)
    return;
  route.busy = true;
  if (route.wait.count() > 0)
    compat::delayed_send(self_, route.connector, route.wait, atom::poll_v);
  else
    compat::send(self_, route.connector, atom::poll_v);
}

/// Handles are looked up again, never kept across a loss.
void UplinkState::lose_head() {
  head_ = nullptr;
  next_beat_.reset();
  std::string left =
      core_.lease().count() > 0
          ? "; what runs here runs on for " + std::to_string(core_.lease().count() / 1000) + " s"
          : "";
  say("lost the connection" + left);
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    routes_[i].wait = milliseconds(0);
    look(i);
  }
}

void UplinkState::beat() {
  if (!head_)
    return;  // on_head begins again
  if (heard_ && now() - *heard_ > silent_beats_max * core_.interval())
    return lose_head();
  perform(core_.on_tick(now(), context_.lease_ms()));
  next_beat_ = now() + core_.interval();
  compat::delayed_send(self_, UplinkActor(self_), core_.interval(), atom::tick_v);
}

void UplinkState::perform(UplinkEffects effects) {
  for (auto& effect : effects)
    act(effect);
}

void UplinkState::act(UplinkEffect& effect) {
  std::visit(
      [this]<class Effect>(Effect& x) {
        if constexpr (std::is_same_v<Effect, SendToHead>) {
          if (head_)
            compat::send(self_, head_, std::move(x.frame));
        } else if constexpr (std::is_same_v<Effect, LaunchHere>) {
          for (const auto& [claim, folder] : context_.volumes)
            x.plan.mutable_options()->mutable_volumes()->insert({claim, folder});
          compat::send(self_, agent_,
                       LaunchAttempt{std::move(x.plan), x.adopt, context_.node.name(),
                                     caf::actor_cast<caf::strong_actor_ptr>(self_)});
        } else if constexpr (std::is_same_v<Effect, StopHere>) {
          compat::send(self_, agent_, StopAttemptRequest{x.key, x.reason, x.hurry});
        } else if constexpr (std::is_same_v<Effect, ReleaseHere>) {
          compat::send(self_, agent_, ReleaseAttempt{x.key});
        } else if constexpr (std::is_same_v<Effect, StoredThere>) {
          auto batch = batches_.extract(x.batch);
          if (!batch.empty())
            compat::send(self_, caf::actor_cast<TrialSupervisorActor>(batch.mapped().first),
                         ReportsStored{batch.mapped().second});
        } else if constexpr (std::is_same_v<Effect, RenewHere>) {
          compat::send(self_, agent_, RenewLease{x.lease});
        } else if constexpr (std::is_same_v<Effect, ForgetHere>) {
          if (context_.remove_folders)
            context_.remove_folders(x.experiment_id);
        } else {
          say("refused: " + x.why);
        }
      },
      effect);
}

/// Each thing once, until something else is to be said.
void UplinkState::say(const std::string& what) {
  if (what == said_)
    return;
  said_ = what;
  log::info("uplink", "{}", what);
  if (context_.say)
    context_.say(what);
}

ConnectorState::ConnectorState(ConnectorActor::pointer self, UplinkActor uplink,
                               ConnectToHead connect)
    : self_(self), uplink_(std::move(uplink)), connect_(std::move(connect)) {}

ConnectorActor::behavior_type ConnectorState::make_behavior() {
  return {[this](atom::poll) {
    auto head = connect_();
    compat::send(self_, uplink_,
                 head ? HeadFound{caf::actor_cast<caf::strong_actor_ptr>(*head), ""}
                      : HeadFound{nullptr, head.error().message});
  }};
}

}  // namespace autotune
