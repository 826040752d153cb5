// What placement decides: which node holds a trial, who waits, and why.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
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

/// Nodes and their free cpu, memory and GPUs; requests wait in order of arrival, and a request that fits goes ahead
/// of one that does not (a trial that waits for four GPUs does not hold up one that needs none).
class PlacementCore {
 public:
  explicit PlacementCore(std::vector<NodeCapacity> nodes);

  PlacementEffects on_request(PlacementRequest request);
  /// Gives back a place, or withdraws a request that waits.
  PlacementEffects on_release(const std::string& experiment_id, Sequence sequence);
  /// An experiment was replayed: these of its trials run already, and what else it held or waited for is void
  /// (it was granted to an experiment that has died before it wrote that down).
  PlacementEffects on_replayed(const std::string& experiment_id, const PlacementNeeds& needs,
                               const std::vector<HeldPlace>& places);

  /// Why no node could ever hold this; nothing where one could.
  std::optional<std::string> impossible(const PlacementNeeds& needs) const;

 private:
  struct Node {
    NodeCapacity capacity;
    double cpu_free = 0;
    std::int64_t memory_free = 0;
    std::vector<std::string> gpus_free;
  };
  struct Held {
    PlacementNeeds needs;
    std::string node;
    std::vector<std::string> gpus;
  };
  using Key = std::pair<std::string, Sequence>;

  void give_back(const Held& held);
  PlacementEffects serve_waiting();

  std::optional<PlacementGranted> try_place(const PlacementRequest& request);
  std::string why_not(const PlacementNeeds& needs) const;

  std::vector<Node> nodes_;
  std::map<Key, Held> held_;
  std::deque<PlacementRequest> waiting_;
};

}  // namespace autotune
