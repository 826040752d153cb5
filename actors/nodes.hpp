// The nodes actor: a mailbox around NodesCore, between the experiments of a head and the agents of other machines.
#pragma once

#include <functional>
#include <map>
#include <unordered_map>

#include "actors/interfaces.hpp"
#include "actors/nodes_core.hpp"

namespace autotune {

/// What the nodes actor works with.
struct NodesContext {
  MetricsSinkActor sink;
  PlacementActor placement;
  NodeAgentActor local;    ///< of the head's own machine; null: it runs no trials
  std::string local_name;  ///< of that node
  ClusterLimits limits;
  std::uint64_t seed = 0;          ///< of session numbers
  std::uint64_t epoch = 0;         ///< of this head, in all that it says to agents
  std::function<bool()> commands;  ///< whether this head is still the head; empty: it always is
};

/// State of the NODES actor.
class NodesState {
 public:
  NodesState(NodesActor::pointer self, NodesContext context);

  NodesActor::behavior_type make_behavior();
  static inline const char* name = "nodes";

 private:
  Time now() const { return self_->clock().now(); }
  bool commands() const { return !context_.commands || context_.commands(); }
  void hear(const NodeSaid& said);
  void perform(NodesEffects effects);
  void act(NodesEffect& effect);
  void tell_experiment(auto message);
  pb::ControlResponse answer(const pb::ControlRequest& request);
  void schedule_tick();

  NodesActor::pointer self_;
  NodesContext context_;
  NodesCore core_;
  std::map<std::string, caf::strong_actor_ptr> uplinks_;  // by node
  std::map<caf::actor_addr, std::string> nodes_by_uplink_;
  std::unordered_map<AttemptKey, caf::strong_actor_ptr> experiments_;  // until the release
  std::optional<Time> tick_at_;
};

}  // namespace autotune
