// The query actor: answers out of the store, beside control, so that a question holds up nothing else.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "actors/control.hpp"
#include "actors/interfaces.hpp"
#include "actors/query_core.hpp"

namespace autotune {

/// Wakes the query actor when an experiment that is watched has new events. Thread-safe.
class EventBell {
 public:
  /// Whom it wakes; before the first ring.
  void set(QueryActor query);
  /// The next ring of that experiment is wanted.
  void want(const std::string& experiment_id);
  /// Called for each experiment's events once they are durable: nearly free where none is wanted.
  void ring(const std::string& experiment_id);

 private:
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::set<std::string> wanted_;
  QueryActor query_;
};

struct QueryContext {
  OpenReader open_reader;
  std::shared_ptr<EventBell> bell;
  TrialLogs logs;
  QueryLimits limits;
  WatchLimits watch_limits;
};

/// State of the QUERY actor.
class QueryState {
 public:
  QueryState(QueryActor::pointer self, QueryContext context);

  QueryActor::behavior_type make_behavior();
  static inline const char* name = "query";

 private:
  using Response = caf::typed_response_promise<pb::EventBatch>;

  struct Pending {
    Response response;
    caf::actor_addr watcher;
  };

  /// The reader, opened at its first use.
  Result<StoreReader*> reader();
  caf::result<pb::EventBatch> watch(pb::Watch& watch);
  void deliver(WatchCore::Answers answers);
  void monitor_sender();
  void on_down(const caf::actor_addr& who);
  void schedule_tick();

  QueryActor::pointer self_;
  QueryContext context_;
  std::unique_ptr<StoreReader> reader_;
  QueryCore core_;
  WatchCore watches_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Pending> pending_;  // by the number under which `watches_` has it
  std::set<caf::actor_addr> monitored_;
  bool ticks_ = false;
};

}  // namespace autotune
