// What the head knows and decides of nodes on other machines: sessions, leases, and the fate of what runs there.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "actors/link.hpp"
#include "actors/placement_core.hpp"
#include "messages/ids.hpp"

namespace autotune {

/// The version of what head and agents say to each other; an agent of another is refused.
inline constexpr std::uint32_t cluster_protocol = 1;

/// Spans of the agreement between the head and its nodes.
struct ClusterLimits {
  /// Between two heartbeats of an agent; what was not acknowledged is said again after two.
  std::chrono::milliseconds heartbeat_interval{1000};
  /// Without a heartbeat for so long a node gets no new trials.
  std::chrono::milliseconds unreachable_after{3000};
  /// A node that is cut off ends its trials itself when its lease is over: long enough for a head to restart in,
  /// since its trials go on only so long; short enough to wait for when a machine is gone.
  std::chrono::milliseconds lease{120000};
  /// The head gives a node up after so many leases: clocks of two machines do not run alike.
  double given_up_after = 1.25;
};

// --- effects ------------------------------------------------------------------------------------------------------

struct SendToNode {
  std::string node;
  pb::NodeFrame frame;
};
struct NewsOfAttempt {
  pb::AttemptNews news;
};
struct ResultOfAttempt {
  pb::AttemptResult result;
};
/// To be stored; on_stored is called once for each, in order.
struct ReportsOfAttempt {
  pb::ReportsMessage message;
};
struct NodeSeen {
  NodeCapacity capacity;
};
/// It was given up: what was granted there is void.
struct NodeLeft {
  std::string node;
};
struct NodeBecame {
  std::string node;
  NodeState state = NodeState::ready;
};

using NodesEffect = std::variant<SendToNode, NewsOfAttempt, ResultOfAttempt, ReportsOfAttempt,
                                 NodeSeen, NodeBecame, NodeLeft>;
using NodesEffects = std::vector<NodesEffect>;

/// All nodes on other machines, and the attempts that are to run there. Three different losses:
/// - the connection breaks: the node gets no new trials, what runs there runs on, and the session goes on when it comes
///   back;
/// - the agent or the head restarts: a new session, in which the head names all that is to run, and the agent looks for
///   it before it starts it;
/// - nothing is heard for `given_up_after` leases: the node has ended its trials by then, and they are void.
class NodesCore {
 public:
  /// `own`: the name of the head's own node, which no agent may take; empty: it runs no trials.
  NodesCore(ClusterLimits limits, std::uint64_t seed, std::string own = "");

  /// A message of the agent that calls itself frame.node.
  NodesEffects on_frame(Time now, const pb::NodeFrame& frame);
  /// Its connection broke.
  NodesEffects on_disconnected(Time now, const std::string& node);
  NodesEffects on_tick(Time now);
  /// The oldest reports that were handed out are durable.
  NodesEffects on_stored(Time now);

  // Of experiments.
  NodesEffects on_launch(Time now, const std::string& node, const pb::AttemptPlan& plan,
                         bool adopt);
  NodesEffects on_stop(Time now, const AttemptKey& key, const std::string& reason, bool hurry);
  NodesEffects on_release(Time now, const AttemptKey& key);

  /// The experiment was deleted: nodes remove its folders, those that are away when they come back to this head.
  NodesEffects on_deleted(Time now, const std::string& experiment_id);

  /// No new trials there; with `move`, what runs there is ended and starts anew elsewhere. `undo` takes it back.
  /// not_found: no such node.
  Result<NodesEffects> on_drain(Time now, const std::string& node, bool move, bool undo);

  std::optional<Time> next_tick(Time now) const;
  /// For people: state, and when each was last heard of.
  std::vector<pb::NodeSummary> summaries(Time now) const;
  /// Messages of older sessions and attempts, which had no effect.
  std::int64_t dropped() const { return dropped_; }

 private:
  struct Held {
    pb::AttemptPlan plan;
    struct Stop {
      std::string reason;
      bool hurry = false;
    };
    std::optional<Stop> stop;
    bool ended = false;  // its experiment was told; its release is to come
    bool moved = false;  // ended by us: to start anew elsewhere, at no cost
  };
  struct Node {
    pb::NodeDescription description;
    std::uint64_t incarnation = 0;
    std::uint64_t beat = 0;  // number of the newest heartbeat
    Link link;
    bool has_session = false;
    bool draining = false;
    NodeState told = NodeState::unreachable;  // what placement was told
    std::optional<Time> heard;
    Time answered{};  // from here on its lease may run
    bool given_up = false;
    std::map<AttemptKey, Held> attempts;
  };

  void on_heartbeat(Time now, Node& node, const pb::NodeFrame& frame, NodesEffects& effects);
  void open_session(Time now, Node& node, const pb::NodeFrame& frame, NodesEffects& effects);
  void on_item(Node& node, const pb::NodeFrame& frame, NodesEffects& effects);
  static void refuse(const pb::NodeFrame& frame, const std::string& why, NodesEffects& effects);
  void say(Time now, Node& node, pb::NodeFrame item, NodesEffects& effects);
  void say_launch(Time now, Node& node, const Held& held, bool adopt, NodesEffects& effects);
  void say_stop(Time now, Node& node, const AttemptKey& key, const Held::Stop& stop,
                NodesEffects& effects);
  void say_forget(Time now, Node& node, const std::string& experiment_id, NodesEffects& effects);
  void tell(Node& node, NodeState state, NodesEffects& effects);
  void give_up(Node& node, NodesEffects& effects);
  Held* voice_of(Node& node, const AttemptKey& key);
  Node& node_named(Time now, const std::string& name);
  std::chrono::milliseconds given_up_after() const;
  NodeState alive_state(const Node& node) const;

  ClusterLimits limits_;
  std::string own_;
  std::mt19937_64 random_;
  std::map<std::string, Node> nodes_;
  struct Batch {
    std::string node;
    std::uint64_t session = 0;
    std::uint64_t number = 0;
  };
  std::deque<Batch> storing_;
  std::deque<std::string> deleted_;  // experiments, said again in each new session
  std::int64_t dropped_ = 0;
};

/// What a node says of itself, as placement counts it.
NodeCapacity capacity_of(const pb::NodeDescription& description);

}  // namespace autotune
