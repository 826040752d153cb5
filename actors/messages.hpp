// What actors say to each other beside the protobuf messages. None of these leaves the process.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include "actors/experiment_core.hpp"
#include "actors/supervisor_core.hpp"
#include "launchers/launcher.hpp"
#include "messages/cluster.pb.h"
#include "messages/control.pb.h"
#include "messages/node.pb.h"
#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune {

/// To the store: write this; the sender gets a Stored with the same token when it is durable.
struct Write {
  std::uint64_t token = 0;  ///< 0: no answer wanted
  StoreWrite what;
};
/// From the store.
struct Stored {
  std::uint64_t token = 0;
  std::optional<Error> error;  ///< set where it will never be durable
};

/// To the tuner.
struct AskTuner {
  Sequence sequence = 0;
  std::optional<Value> partial;
};
struct TrialBegan {
  Trial trial;
};
struct TrialOver {
  Trial trial;
};
/// What ended before a replay, in order: one message, as there may be a hundred thousand.
struct TrialsBefore {
  std::vector<Trial> trials;
};
struct Measured {
  Sequence sequence = 0;
  std::int32_t attempt = 0;
  Measurement measurement;
  bool assess = true;
};
/// From the tuner.
struct Suggested {
  Sequence sequence = 0;
  Result<Ask> ask;
};
struct StopAdvised {
  Sequence sequence = 0;
  std::int32_t attempt = 0;
  std::string reason;
};

/// To the tuner: its experiment came to rest, or goes on.
struct TunerRests {
  bool rests = false;
};
/// From a program's thread to the tuner whose program it is: a line, or how it ended.
struct ProgramSaid {
  int generation = 0;
  std::string text;
  bool ended = false;
};

/// To placement: a place for this trial's replicas, all or none.
struct PlaceTrial {
  std::string experiment_id;
  Sequence sequence = 0;
  PlacementNeeds needs;
  std::string queue;
  double priority = 0;
};
/// To placement, once, from an experiment that was replayed: these run already, and it holds nothing else.
struct HoldPlaces {
  std::string experiment_id;
  std::string queue;
  PlacementNeeds needs;  ///< of each
  std::vector<HeldPlace> held;
};
struct UnplaceTrial {
  std::string experiment_id;
  Sequence sequence = 0;
  bool lost = false;  ///< by its node
};
/// From placement to itself, later: the node has rested.
struct NodeRested {
  std::string name;
  std::uint64_t rest = 0;  ///< the number of that rest
};
/// From placement.
struct Placed {
  Sequence sequence = 0;
  std::string node;
  std::vector<std::string> gpus;
};
struct Waiting {
  Sequence sequence = 0;
  std::string why;
};

/// To placement, from whoever speaks with a node's agent: it joined, or came again.
struct NodeJoined {
  NodeCapacity capacity;
};
struct NodeStateChanged {
  std::string name;
  NodeState state = NodeState::ready;
};
/// It left for good.
struct NodeGone {
  std::string name;
};
/// From placement: all nodes.
struct NodeViews {
  std::vector<NodeView> nodes;
};

/// To the node agent.
struct LaunchAttempt {
  pb::AttemptPlan plan;
  bool adopt = false;
  std::string node;                  ///< where it is to run
  caf::strong_actor_ptr experiment;  ///< who is told what becomes of it
};
struct StopAttemptRequest {
  AttemptKey key;
  std::string reason;
  bool hurry = false;
};
struct ReleaseAttempt {
  AttemptKey key;
};
/// From the node agent to a supervisor.
struct Prepared {
  std::optional<Error> error;
  std::vector<AdoptedReplica> adopted;
};
struct ReplicaEvent {
  LauncherEvent event;
};
struct ReportsRead {
  pb::ReplicaKey key;
  ReportBatch batch;
};
/// From the sink to a supervisor.
struct ReportsStored {
  std::size_t count = 0;
};

/// To the node agent: its head lets what runs there go on for so long, from now.
struct RenewLease {
  std::chrono::milliseconds lease{0};
};
/// To the nodes actor, from control: that experiment is no more.
struct ExperimentDeleted {
  std::string experiment_id;
};
/// To the nodes actor: a message of an agent, and by whom it is answered.
struct NodeSaid {
  pb::NodeFrame frame;
  caf::strong_actor_ptr uplink;
};
/// To the uplink: whose line it is.
struct ServeNode {
  caf::strong_actor_ptr agent;
};
/// To the uplink: the head's control, or why it was not found.
struct HeadFound {
  caf::strong_actor_ptr head;
  std::string why_not;
};

/// To the sink: this experiment wants to hear of its stored reports (it has an assessor).
struct Subscribe {
  std::string experiment_id;
  caf::strong_actor_ptr subscriber;  ///< null: no longer
};

/// From the store: room on the disk went or came back.
struct DiskFull {
  bool full = false;
};

/// To the query actor: this experiment, of which somebody waits for events, has new ones.
struct EventsStored {
  std::string experiment_id;
};

/// From the storage meter: what an experiment's rows and logs take.
struct StorageUsed {
  std::int64_t bytes = 0;
};

/// Told of an experiment's events once they are durable; called on the experiment's thread, so it must not block.
using Watcher =
    std::function<void(const std::string& experiment_id, const std::vector<pb::Event>&)>;

}  // namespace autotune
