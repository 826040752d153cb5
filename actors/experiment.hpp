// The experiment actor: a mailbox around ExperimentCore that performs its effects in order.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

#include "actors/interfaces.hpp"
#include "actors/placement_core.hpp"
#include "actors/storage_meter.hpp"
#include "actors/tuner.hpp"

namespace autotune {

/// What an experiment works with; the same for all experiments of a head.
struct ExperimentContext {
  StoreActor store;
  MetricsSinkActor sink;
  PlacementActor placement;
  AttemptsActor attempts;
  std::function<std::int64_t()> wall_ms;  ///< for people
  MakeAlgorithms make_algorithms;
  std::function<std::string(const std::string& experiment_id)> folder_of;  ///< may be empty
  Watcher watcher;                                                         ///< may be empty
  /// Told that events of an experiment became durable, by its ID; may be empty. As `watcher`, it must not block.
  std::function<void(const std::string& experiment_id)> on_durable;
  MeasureStorage measure_storage;  ///< may be empty: then quotas are not watched
  bool strict_resources = false;
  ExperimentLimits limits;
};

/// An experiment as it was read back from the store.
struct Replayed {
  std::shared_ptr<ExperimentCore> core;
  std::vector<Trial> history;  ///< what the tuner must be told
  std::vector<pb::SecretDocument> secrets;
};

/// State of the EXPERIMENT actor.
class ExperimentState {
 public:
  ExperimentState(ExperimentActor::pointer self, ExperimentContext context, Replayed replayed);

  ExperimentActor::behavior_type make_behavior();
  static inline const char* name = "experiment";

 private:
  using Response = caf::typed_response_promise<pb::ControlResponse>;

  Moment moment() const { return {self_->clock().now(), context_.wall_ms()}; }
  caf::result<pb::ControlResponse> command(pb::ControlRequest& request);
  Result<ExperimentEffects> carry_out(std::uint64_t number, const pb::ControlRequest& request);
  Result<void> begin();
  void spawn_tuner(Algorithms algorithms, const std::string& folder);
  Result<void> adopt_first(const pb::ControlRequest& request);
  void start_over(const Error& error);
  void perform(ExperimentEffects effects);
  bool must_wait(const ExperimentEffect& effect, bool after_append) const;
  bool cancel_launch(const AttemptKey& key);
  void act(ExperimentEffect& effect);
  void append(Append effect);
  void launch(Launch& effect);
  void stop(StopAttempt& effect);
  void answer(std::uint64_t request, pb::ControlResponse response);
  void on_stored(const Stored& stored);
  void schedule_tick();
  void watch_storage();
  void watch_tuner();
  PlacementNeeds needs() const;

  ExperimentActor::pointer self_;
  ExperimentContext context_;
  std::shared_ptr<ExperimentCore> core_;
  std::vector<Trial> history_;
  std::vector<pb::SecretDocument> secrets_;
  TunerActor tuner_;
  bool tuner_rests_ = false;
  StorageMeterActor meter_;
  std::uint64_t next_token_ = 1;
  struct WaitingForStore {
    std::uint64_t token = 0;
    std::vector<pb::Event> events;  // for the watcher
    ExperimentEffects rest;         // what must not happen before this is durable
  };
  std::deque<WaitingForStore> waiting_;
  std::uint64_t next_request_ = 1;
  std::unordered_map<std::uint64_t, Response> requests_;
  std::optional<Time> tick_at_;
};

/// What a trial of this spec needs on one node; without `strict`, requests of cpu and memory hold nothing back. Claims
/// whose folder the options name are no need: whoever gave it vouches for it.
PlacementNeeds needs_of(const pb::ExperimentSpec& spec, const pb::RunOptions& options, bool strict);

}  // namespace autotune
