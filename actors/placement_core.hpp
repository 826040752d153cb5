// What placement decides: which node holds a trial, who waits, and why.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "messages/ids.hpp"

namespace autotune {

/// What a node has in all.
struct NodeCapacity {
  std::string name;
  double cpu = 0;
  std::int64_t memory_bytes = 0;
  std::vector<std::string> gpus;
  std::map<std::string, std::string> labels = {};
  std::map<std::string, double> others = {};  ///< further resources that it declares: rdma/hca
  std::set<std::string> claims = {};          ///< volumes that it holds
  /// The machine of `run`, where the launcher says what it misses: labels, further resources and claims hold nothing
  /// back.
  bool alone = false;
};

enum class NodeState {
  ready,
  draining,     ///< by an operator: what runs there goes on, nothing new comes
  unreachable,  ///< cut off: what runs there is held until its experiments give it up
};

/// What a trial's replicas need together; a zero does not hold it back.
struct PlacementNeeds {
  double cpu = 0;
  std::int64_t memory_bytes = 0;
  int gpus = 0;
  std::set<std::pair<std::string, std::string>> labels = {};  ///< that its node must have
  std::map<std::string, double> others = {};
  std::set<std::string> claims = {};  ///< that its node must hold
};

/// Where a trial runs that was found after a restart.
struct HeldPlace {
  Sequence sequence = 0;
  std::string node;
  std::vector<std::string> gpus;
};

/// A node as `get nodes` shows it.
struct NodeView {
  NodeCapacity capacity;
  double cpu_free = 0;  ///< less than 0 where it came again with less than its trials hold
  std::int64_t memory_free_bytes = 0;
  std::vector<std::string> gpus_free;
  std::map<std::string, double> others_free;
  NodeState state = NodeState::ready;
  std::vector<std::pair<std::string, Sequence>> trials;  ///< (experiment, sequence), in order
};

struct PlacementRequest {
  std::string experiment_id;
  Sequence sequence = 0;
  PlacementNeeds needs;
  std::string queue;
  double priority = 0;  ///< more is sooner
};

struct PlacementGranted {
  PlacementRequest request;
  std::string node;
  std::vector<std::string> gpus;
};
struct PlacementWaits {
  PlacementRequest request;
  std::string why;
};
/// A node takes nothing in for so long; then on_rested is to be called.
struct PlacementRests {
  std::string node;
  std::uint64_t rest = 0;  ///< the number of this rest
  std::chrono::milliseconds span{0};
};
using PlacementEffect = std::variant<PlacementGranted, PlacementWaits, PlacementRests>;
using PlacementEffects = std::vector<PlacementEffect>;

/// Sums of fractions of cores are not exact.
inline constexpr double cpu_slack = 1e-6;

/// 0 where it is not named.
double amount_of(const std::map<std::string, double>& amounts, const std::string& name);

/// The number that scheduler.t9kScheduler.priority stands for: itself, or 0 where it is a name.
double priority_of(const std::string& text);

/// Nodes and their free cpu, memory and GPUs. Who comes next:
/// - the request of the highest priority;
/// - of these, one of the queue, and in it of the experiment, that holds the least: dominant shares (Ghodsi et al. 2011,
///   Dominant Resource Fairness), the largest of the shares of all cores, all memory, all GPUs and so on that it holds;
/// - of these, the one that came first.
/// One that fits goes ahead of one that does not, but not for ever: once a request was overtaken `overtaken_max` times
/// by others on nodes that could hold it, the node that has most of what it needs is kept for it, and takes in only
/// what leaves that alone and what has a higher priority. One request of an experiment is looked at at a time, since all
/// need the same.
///
/// Nodes come and go, and trials need not know: a place is held by the node's name from its grant (or its replay) to
/// its release, whether the node is there or not, and counts when the node is.
///
/// A trial without GPUs goes where the fewest trials a core are; one with GPUs where it leaves the fewest over.
class PlacementCore {
 public:
  /// With the nodes that are there from the start.
  explicit PlacementCore(const std::vector<NodeCapacity>& nodes);

  /// A node joined, or came again, perhaps with another capacity. Its trials stay held; where they hold more than it
  /// has now, it takes nothing of that kind in. One that was unreachable is ready again, one that is drained is not.
  PlacementEffects on_node(const NodeCapacity& capacity);
  /// Only a ready node takes trials in. Unknown nodes are passed over.
  PlacementEffects on_node_state(const std::string& name, NodeState state);
  /// It left for good. Its trials stay held until their experiments release them.
  PlacementEffects on_node_gone(const std::string& name);

  PlacementEffects on_request(PlacementRequest request);
  /// Gives back a place, or withdraws a request that waits. `lost`: by its node, which then rests for a while, twice as
  /// long each time until it has brought a trial to its end: one whose disk is full would else draw in all that waits,
  /// and lose it at once.
  PlacementEffects on_release(const std::string& experiment_id, Sequence sequence,
                              bool lost = false);
  /// A rest is over; one that a node's coming again has ended before is passed over.
  PlacementEffects on_rested(const std::string& name, std::uint64_t rest);
  /// An experiment was replayed: these of its trials run already, and what else it held or waited for is void
  /// (it was granted to an experiment that has died before it wrote that down).
  PlacementEffects on_replayed(const std::string& experiment_id, const std::string& queue,
                               const PlacementNeeds& needs, const std::vector<HeldPlace>& places);

  /// In order of joining.
  std::vector<NodeView> nodes() const;

  /// Why none of the nodes that are there could ever hold this; nothing where one could.
  std::optional<std::string> impossible(const PlacementNeeds& needs) const;

  static constexpr int overtaken_max = 8;
  static constexpr std::chrono::milliseconds rest_first{1000};
  static constexpr std::chrono::milliseconds rest_max{60000};

 private:
  struct Usage {
    double cpu = 0;
    double memory = 0;
    double gpus = 0;
    std::map<std::string, double> others;

    void add(const PlacementNeeds& needs, double sign);
  };
  struct Node {
    NodeCapacity capacity;
    double cpu_free = 0;
    std::int64_t memory_free = 0;
    std::vector<std::string> gpus_free;
    std::map<std::string, double> others_free;
    std::size_t trials = 0;
    std::string kept_for;  // an experiment whose first request waits
    NodeState state = NodeState::ready;
    bool drained = false;    // unreachable, it still is
    std::uint64_t rest = 0;  // number of the rest that it has; 0: none
    int losses = 0;          // rests since it brought a trial to its end

    bool is_ready() const { return state == NodeState::ready && rest == 0; }
    /// Whether it is of the kind that is needed, by its labels and claims.
    bool suits(const PlacementNeeds& needs) const;
    bool has(const PlacementNeeds& needs) const;         // now, where it suits
    bool could_hold(const PlacementNeeds& needs) const;  // when it is empty
    /// What is short of it, in shares of the needs, each at most 1.
    double lacks(const PlacementNeeds& needs) const;
  };
  struct Held {
    PlacementNeeds needs;
    std::string queue;
    std::string node;
    std::vector<std::string> gpus;
  };
  /// What of one experiment waits, in order of arrival.
  struct Line {
    std::deque<PlacementRequest> requests;
    std::uint64_t since = 0;
    int overtaken = 0;  // the first of it
  };
  using Key = std::pair<std::string, Sequence>;
  using Rank = std::tuple<double, double, double, std::uint64_t>;  // the least is next

  Node* find(const std::string& name);
  /// What is free of it: its capacity without what its trials hold.
  void count(Node& node);
  static void take(Node& node, const PlacementNeeds& needs, int sign);
  void count_gpus(Node& node);
  void count_total();
  const PlacementRequest* first_of(const std::string& experiment_id) const;
  bool leaves_alone(const Node& node, const PlacementRequest& request) const;
  Node* best_for(const PlacementRequest& request);
  PlacementGranted grant(Node& node, PlacementRequest request);
  void hold(const Key& key, Held held);
  void give_back(Key key);  // by value: what is erased may be the only other copy
  /// What a node's loss of a trial, or its end, says of the node.
  std::optional<PlacementRests> judge(const Key& key, bool lost);
  void withdraw(const std::string& experiment_id, Sequence sequence);
  void forget_line(const std::string& experiment_id);
  PlacementEffects serve_waiting();
  /// A trial was just placed on the node, ahead of these.
  void note_overtaken(const Node& placed_on, const PlacementNeeds& taken,
                      const std::set<std::string>& blocked);

  double share(const Usage& usage) const;
  Rank rank_of(const std::string& experiment_id, const Line& line) const;
  std::string why_not(const PlacementRequest& request) const;
  std::string shortages(const PlacementNeeds& needs) const;
  std::optional<std::string> missing_kind(const PlacementNeeds& needs) const;

  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::size_t> index_;  // by name, into nodes_
  bool any_joined_ = false;
  Usage total_;
  std::map<Key, Held> held_;
  std::unordered_map<std::string, std::set<Key>> held_on_;  // by node, also one that is not there
  std::map<std::string, Usage> by_experiment_;
  std::map<std::string, Usage> by_queue_;
  std::map<std::string, Line> lines_;  // by experiment
  std::uint64_t arrivals_ = 0;
  std::uint64_t rests_ = 0;
};

}  // namespace autotune
