// The placement actor: a mailbox around PlacementCore.
#pragma once

#include <map>

#include "actors/interfaces.hpp"
#include "actors/placement_core.hpp"

namespace autotune {

/// State of the PLACEMENT actor.
class PlacementState {
 public:
  PlacementState(PlacementActor::pointer self, const std::vector<NodeCapacity>& nodes);

  PlacementActor::behavior_type make_behavior();
  static inline const char* name = "placement";

 private:
  void perform(PlacementEffects effects);

  PlacementActor::pointer self_;
  PlacementCore core_;
  std::map<std::string, caf::strong_actor_ptr> experiments_;  // who is told
};

}  // namespace autotune
