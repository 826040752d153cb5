// The metrics sink: batches of reports to the store, acknowledged to the supervisor, told to the experiment.
#pragma once

#include <unordered_map>

#include "actors/interfaces.hpp"

namespace autotune {

/// State of the METRICS SINK actor.
class MetricsSinkState {
 public:
  MetricsSinkState(MetricsSinkActor::pointer self, StoreActor store);

  MetricsSinkActor::behavior_type make_behavior();
  static inline const char* name = "metrics-sink";

 private:
  struct UnderWay {
    caf::strong_actor_ptr supervisor;
    pb::ReportsMessage message;  // kept only where a subscriber wants it
    std::size_t count = 0;
  };

  MetricsSinkActor::pointer self_;
  StoreActor store_;
  std::uint64_t next_token_ = 1;
  std::unordered_map<std::uint64_t, UnderWay> under_way_;
  std::unordered_map<std::string, caf::strong_actor_ptr> subscribers_;  // by experiment
};

}  // namespace autotune
