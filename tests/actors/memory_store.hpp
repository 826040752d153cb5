// The store's contract on plain maps, for tests that restart a head thousands of times.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "store/store.hpp"

namespace autotune::test {

/// What is durable: it outlives writers and readers.
struct MemoryDatabase {
  using ReportKey = std::tuple<Sequence, std::int32_t, std::string, std::int64_t>;

  struct Experiment {
    std::string id;
    std::vector<StoredEvent> events;
    std::vector<pb::Report> reports;  // in order of commit
    std::set<ReportKey> known;
    std::int64_t running_ms = 0;
  };

  Experiment* find(const std::string& id_or_name);

  std::vector<Experiment> experiments;  // oldest first
  std::map<std::string, std::vector<pb::SecretDocument>> secrets;
  std::int64_t last_number = 0;
  std::int64_t commits = 0;

  /// Asked before each commit: an error is what the commit answers. Empty: none fails.
  std::function<Result<void>(const std::vector<StoreWrite>&)> fault;
  /// Asked by restore_reserve. Empty: there is room.
  std::function<bool()> room;
  /// Told of each event once it is durable. May be empty.
  std::function<void(const std::string& experiment_id, const pb::Event&)> on_event;
};

/// Writes as long as `alive` holds: afterwards it is the writer of a process that was killed.
std::unique_ptr<StoreWriter> memory_writer(std::shared_ptr<MemoryDatabase> database,
                                           std::shared_ptr<bool> alive = nullptr);
std::unique_ptr<StoreReader> memory_reader(std::shared_ptr<MemoryDatabase> database);

}  // namespace autotune::test
