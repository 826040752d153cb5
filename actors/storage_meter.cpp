#include "actors/storage_meter.hpp"

#include <algorithm>

#include "actors/log.hpp"

namespace autotune {

StorageMeterState::StorageMeterState(StorageMeterActor::pointer self, ExperimentActor experiment,
                                     std::string experiment_id, MeasureStorage measure,
                                     StorageMeterLimits limits)
    : self_(self),
      experiment_(std::move(experiment)),
      experiment_id_(std::move(experiment_id)),
      measure_(std::move(measure)),
      limits_(limits) {}

StorageMeterActor::behavior_type StorageMeterState::make_behavior() {
  return {
      [this](atom::tick) { measure(); },
  };
}

void StorageMeterState::measure() {
  auto began = std::chrono::steady_clock::now();
  auto used = measure_(experiment_id_);
  auto took = std::chrono::steady_clock::now() - began;
  if (used)
    compat::send(self_, experiment_, StorageUsed{*used});
  else
    log::warn("storage-unmeasured", "experiment={} error={}", experiment_id_, used.error().message);
  auto wait = std::max<std::chrono::nanoseconds>(limits_.interval, took * limits_.share_of_time);
  compat::delayed_send(self_, StorageMeterActor(self_), wait, atom::tick_v);
}

}  // namespace autotune
