#include "actors/nodes.hpp"

#include "actors/log.hpp"

namespace autotune {

namespace {

template <class Message>
AttemptKey key_in(const Message& message) {
  return {message.experiment_id(), message.sequence(), message.attempt()};
}

}  // namespace

NodesState::NodesState(NodesActor::pointer self, NodesContext context)
    : self_(self),
      context_(std::move(context)),
      core_(context_.limits, context_.seed, context_.local ? context_.local_name : "") {}

NodesActor::behavior_type NodesState::make_behavior() {
  return {
      [this](LaunchAttempt& wish) {
        if (context_.local && wish.node == context_.local_name) {
          if (!commands())
            return;  // the head that has taken over decides what becomes of it
          compat::send(self_, context_.local, std::move(wish));
          return;
        }
        experiments_[key_in(wish.plan)] = wish.experiment;
        perform(core_.on_launch(now(), wish.node, wish.plan, wish.adopt));
      },
      [this](const StopAttemptRequest& wish) {
        if (experiments_.count(wish.key) > 0)
          perform(core_.on_stop(now(), wish.key, wish.reason, wish.hurry));
        else if (context_.local)
          compat::send(self_, context_.local, wish);
      },
      [this](const ReleaseAttempt& wish) {
        if (experiments_.erase(wish.key) > 0)
          perform(core_.on_release(now(), wish.key));
        else if (context_.local)
          compat::send(self_, context_.local, wish);
      },
      [this](const NodeSaid& said) { hear(said); },
      [this](const ReportsStored&) { perform(core_.on_stored(now())); },
      [this](const ExperimentDeleted& told) {
        perform(core_.on_deleted(now(), told.experiment_id));
      },
      [this](const pb::ControlRequest& request) { return answer(request); },
      [this](atom::tick) {
        tick_at_.reset();
        perform(core_.on_tick(now()));
      },
  };
}

/// A node has one uplink, the newest that the core serves.
void NodesState::hear(const NodeSaid& said) {
  if (!said.uplink)
    return;
  auto address = caf::actor_cast<caf::actor_addr>(said.uplink);
  auto& known = uplinks_[said.frame.node()];
  if (said.frame.has_heartbeat() && known != said.uplink) {
    if (known)
      nodes_by_uplink_.erase(caf::actor_cast<caf::actor_addr>(known));
    known = said.uplink;
    nodes_by_uplink_[address] = said.frame.node();
    compat::monitor(self_, caf::actor_cast<caf::actor>(said.uplink),
                    [this](const caf::actor_addr& who) {
                      auto found = nodes_by_uplink_.find(who);
                      if (found == nodes_by_uplink_.end())
                        return;
                      auto node = found->second;
                      nodes_by_uplink_.erase(found);
                      uplinks_.erase(node);
                      log::warn("node-disconnected", "node={}", node);
                      perform(core_.on_disconnected(now(), node));
                    });
  }
  perform(core_.on_frame(now(), said.frame));
}

void NodesState::perform(NodesEffects effects) {
  for (auto& effect : effects)
    act(effect);
  schedule_tick();
}

void NodesState::act(NodesEffect& effect) {
  std::visit(
      [this]<class Effect>(Effect& x) {
        if constexpr (std::is_same_v<Effect, SendToNode>) {
          auto uplink = uplinks_.find(x.node);
          x.frame.set_epoch(context_.epoch);
          if (uplink != uplinks_.end() && commands())
            compat::send(self_, caf::actor_cast<UplinkActor>(uplink->second), std::move(x.frame));
        } else if constexpr (std::is_same_v<Effect, NewsOfAttempt>) {
          tell_experiment(std::move(x.news));
        } else if constexpr (std::is_same_v<Effect, ResultOfAttempt>) {
          tell_experiment(std::move(x.result));
        } else if constexpr (std::is_same_v<Effect, ReportsOfAttempt>) {
          compat::send(self_, context_.sink, std::move(x.message));
        } else if constexpr (std::is_same_v<Effect, NodeSeen>) {
          log::info("node-joined", "node={} cpu={} gpus={}", x.capacity.name, x.capacity.cpu,
                    x.capacity.gpus.size());
          compat::send(self_, context_.placement, NodeJoined{std::move(x.capacity)});
        } else if constexpr (std::is_same_v<Effect, NodeLeft>) {
          log::warn("node-lost", "node={}", x.node);
          compat::send(self_, context_.placement, NodeGone{x.node});
        } else {
          log::info("node-state", "node={} state={}", x.node, static_cast<int>(x.state));
          compat::send(self_, context_.placement, NodeStateChanged{x.node, x.state});
        }
      },
      effect);
}

void NodesState::tell_experiment(auto message) {
  auto found = experiments_.find(key_in(message));
  if (found != experiments_.end())
    compat::send(self_, caf::actor_cast<ExperimentActor>(found->second), std::move(message));
}

pb::ControlResponse NodesState::answer(const pb::ControlRequest& request) {
  pb::ControlResponse response;
  if (!request.has_drain()) {
    for (auto& summary : core_.summaries(now()))
      *response.add_nodes() = std::move(summary);
    return response;
  }
  const auto& wish = request.drain();
  auto effects = core_.on_drain(now(), wish.node(), wish.move(), wish.undo());
  if (effects) {
    perform(*std::move(effects));
  } else {
    response.set_error(effects.error().message);
    response.set_error_code(static_cast<int>(effects.error().code));
  }
  return response;
}

void NodesState::schedule_tick() {
  auto next = core_.next_tick(now());
  if (!next || (tick_at_ && *tick_at_ <= *next))
    return;
  tick_at_ = *next;
  compat::delayed_send(self_, NodesActor(self_), std::max(Time::duration(0), *next - now()),
                       atom::tick_v);
}

}  // namespace autotune
