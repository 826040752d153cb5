// What placement decides: which node holds a trial, who waits, and why.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
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
};

/// What a trial's replicas need together; a zero does not hold it back.
struct PlacementNeeds {
  double cpu = 0;
  std::int64_t memory_bytes = 0;
  int gpus = 0;
};

/// Where a trial runs that was found after a restart.
struct HeldPlace {
  Sequence sequence = 0;
  std::string node;
  std::vector<std::string> gpus;
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
using PlacementEffect = std::variant<PlacementGranted, PlacementWaits>;
using PlacementEffects = std::vector<PlacementEffect>;

/// The number that scheduler.t9kScheduler.priority stands for: itself, or 0 where it is a name.
double priority_of(const std::string& text);

/// Nodes and their free cpu, memory and GPUs. Who comes next:
/// - the request of the highest priority;
/// - of these, one of the queue, and in it of the experiment, that holds the least: dominant shares (Ghodsi et al. 2011,
///   Dominant Resource Fairness), the largest of the shares of all cores, all memory and all GPUs that it holds;
/// - of these, the one that came first.
/// One that fits goes ahead of one that does not, but not for ever: once a request was overtaken `overtaken_max` times
/// by others on nodes that could hold it, the node that has most of what it needs is kept for it, and takes in only
/// what leaves that alone and what has a higher priority. One request of an experiment is looked at at a time, since all
/// need the same.
///
/// A trial without GPUs goes where the fewest trials a core are; one with GPUs where it leaves the fewest over.
class PlacementCore {
 public:
  explicit PlacementCore(std::vector<NodeCapacity> nodes);

  PlacementEffects on_request(PlacementRequest request);
  /// Gives back a place, or withdraws a request that waits.
  PlacementEffects on_release(const std::string& experiment_id, Sequence sequence);
  /// An experiment was replayed: these of its trials run already, and what else it held or waited for is void
  /// (it was granted to an experiment that has died before it wrote that down).
  PlacementEffects on_replayed(const std::string& experiment_id, const std::string& queue,
                               const PlacementNeeds& needs, const std::vector<HeldPlace>& places);

  /// Why no node could ever hold this; nothing where one could.
  std::optional<std::string> impossible(const PlacementNeeds& needs) const;

  static constexpr int overtaken_max = 8;

 private:
  struct Usage {
    double cpu = 0;
    double memory = 0;
    double gpus = 0;

    void add(const PlacementNeeds& needs, double sign);
  };
  struct Node {
    NodeCapacity capacity;
    double cpu_free = 0;
    std::int64_t memory_free = 0;
    std::vector<std::string> gpus_free;
    int trials = 0;
    std::string kept_for;  // an experiment whose first request waits

    bool has(const PlacementNeeds& needs) const;         // now
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
  const PlacementRequest* first_of(const std::string& experiment_id) const;
  bool leaves_alone(const Node& node, const PlacementRequest& request) const;
  Node* best_for(const PlacementRequest& request);
  PlacementGranted grant(Node& node, PlacementRequest request);
  void hold(Node& node, const Key& key, Held held);
  void give_back(const Held& held, const std::string& experiment_id);
  void withdraw(const std::string& experiment_id, Sequence sequence);
  void forget_line(const std::string& experiment_id);
  PlacementEffects serve_waiting();
  /// A trial was just placed on the node, ahead of these.
  void note_overtaken(const Node& placed_on, const PlacementNeeds& taken,
                      const std::set<std::string>& blocked);

  double share(const Usage& usage) const;
  Rank rank_of(const std::string& experiment_id, const Line& line) const;
  std::string why_not(const PlacementRequest& request) const;

  std::vector<Node> nodes_;
  Usage total_;
  std::map<Key, Held> held_;
  std::map<std::string, Usage> by_experiment_;
  std::map<std::string, Usage> by_queue_;
  std::map<std::string, Line> lines_;  // by experiment
  std::uint64_t arrivals_ = 0;
};

}  // namespace autotune
