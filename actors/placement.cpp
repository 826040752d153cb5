#include "actors/placement.hpp"

#include "actors/log.hpp"

namespace autotune {

PlacementState::PlacementState(PlacementActor::pointer self, const std::vector<NodeCapacity>& nodes)
    : self_(self), core_(nodes) {}

PlacementActor::behavior_type PlacementState::make_behavior() {
  return {
      [this](const PlaceTrial& wish) {
        experiments_[wish.experiment_id] = self_->current_sender();
        perform(core_.on_request(
            {wish.experiment_id, wish.sequence, wish.needs, wish.queue, wish.priority}));
      },
      [this](const UnplaceTrial& wish) {
        perform(core_.on_release(wish.experiment_id, wish.sequence, wish.lost));
      },
      [this](const HoldPlaces& told) {
        if (told.held.empty())
          experiments_.erase(told.experiment_id);  // it comes again when it asks
        else
          experiments_[told.experiment_id] = self_->current_sender();
        perform(core_.on_replayed(told.experiment_id, told.queue, told.needs, told.held));
      },
      [this](const NodeJoined& told) { perform(core_.on_node(told.capacity)); },
      [this](const NodeStateChanged& told) { perform(core_.on_node_state(told.name, told.state)); },
      [this](const NodeGone& told) { perform(core_.on_node_gone(told.name)); },
      [this](atom::nodes) { return NodeViews{core_.nodes()}; },
      [this](const NodeRested& told) { perform(core_.on_rested(told.name, told.rest)); },
  };
}

void PlacementState::perform(PlacementEffects effects) {
  for (auto& effect : effects) {
    if (auto* granted = std::get_if<PlacementGranted>(&effect)) {
      compat::send(self_,
                   caf::actor_cast<ExperimentActor>(experiments_[granted->request.experiment_id]),
                   Placed{granted->request.sequence, granted->node, granted->gpus});
    } else if (auto* rests = std::get_if<PlacementRests>(&effect)) {
      log::warn("node-rests", "node={} ms={}", rests->node, rests->span.count());
      compat::delayed_send(self_, caf::actor_cast<PlacementActor>(self_), rests->span,
                           NodeRested{rests->node, rests->rest});
    } else {
      auto& waits = std::get<PlacementWaits>(effect);
      compat::send(self_,
                   caf::actor_cast<ExperimentActor>(experiments_[waits.request.experiment_id]),
                   Waiting{waits.request.sequence, waits.why});
    }
  }
}

}  // namespace autotune
