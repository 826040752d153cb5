// All actors of a head with one node of its own: what `autotune run` starts, and what an embedder does.
#pragma once

#include <memory>

#include "actors/control.hpp"
#include "actors/node_agent.hpp"
#include "actors/nodes.hpp"
#include "actors/placement_core.hpp"
#include "actors/query.hpp"
#include "actors/store.hpp"
#include "tuner/algorithms.hpp"

namespace autotune {

struct HeadOptions {
  std::shared_ptr<StoreWriter> writer;
  OpenReader open_reader;
  std::shared_ptr<Launcher> launcher;  ///< null: no trials run on this machine
  NodeCapacity node;                   ///< this machine
  /// Null: this machine alone. Else agents of other machines may join, where its owner publishes `Head::control`.
  std::optional<ClusterLimits> cluster;
  std::uint64_t epoch = 0;  ///< of a head that shares its store with others (store/head_lease.hpp)
  std::function<bool()> commands;  ///< whether it is still the head; empty: it always is
  Watcher watcher;                 ///< may be empty
  ReportsActor metrics_sink;  ///< hears of every report once it is durable, in order; null: nobody
  std::function<std::int64_t()> wall_ms;  ///< empty: the system's clock
  std::function<Result<void>(const std::string& experiment_id)> remove_folders;  ///< may be empty
  TrialLogs logs;                  ///< what trials wrote on this machine; may be empty
  MeasureStorage measure_storage;  ///< may be empty: then quotas (spec.storage) are not watched
  MakeAlgorithms make_algorithms;  ///< empty: by name
  /// Ours and the embedder's own (AlgorithmTable::add); null: ours.
  std::shared_ptr<const AlgorithmTable> algorithms;
  /// The folder of an experiment, where its trials may share files; may be empty.
  std::function<std::string(const std::string& experiment_id)> folder_of;
  std::uint64_t id_seed = 0;  ///< of experiment IDs; 0: from the system's entropy
  bool strict_resources = false;
  bool detached = true;  ///< store and agent on threads of their own; false in tests on one thread
  ExperimentLimits experiment_limits;
  NodeAgentLimits agent_limits;
  StoreLimits store_limits;
  QueryLimits query_limits;
  WatchLimits watch_limits;
};

struct Head {
  ControlActor control;
  StoreActor store;
  MetricsSinkActor sink;
  PlacementActor placement;
  QueryActor query;
  NodeAgentActor agent;  ///< null: no trials run on this machine
  NodesActor nodes;      ///< null: there are no others

  /// Ends all actors; what was accepted by the store is written first.
  void shut_down(caf::actor_system& system);
};

/// Makes our message types known to CAF: once per process, before the first actor_system.
void configure_types();
/// What a host's CAF configuration needs for our actors to live in its system.
void configure(caf::actor_system_config& config);

Head spawn_head(caf::actor_system& system, HeadOptions options);

/// The algorithms that a spec names, by tuner/factory.
Result<Algorithms> make_algorithms(const pb::ExperimentSpec& spec, std::int64_t seed,
                                   const std::string& folder,
                                   const AlgorithmTable& table = built_in_algorithms());

/// Whether a spec can run here, as far as algorithms and their search space say; all that is wrong in one text.
Result<void> admit(const pb::ExperimentSpec& spec,
                   const AlgorithmTable& table = built_in_algorithms());

/// Whether the trials of a warm start are of the spec's search space.
Result<void> check_warm_start(const pb::ExperimentSpec& spec, const pb::WarmStarted& warm_start);

/// Whether these are parameters of the spec's search space (some may be missing: they are drawn).
Result<void> check_parameters(const pb::ExperimentSpec& spec, const std::string& parameters_json);

}  // namespace autotune
