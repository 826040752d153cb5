// The contract of what starts, watches and ends the processes of a trial on one node.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/ids.hpp"
#include "messages/node.pb.h"
#include "messages/result.hpp"
#include "messages/trial.pb.h"

namespace autotune {

/// Time as launchers and actors see it: monotonic, virtual in tests.
using Time = std::chrono::steady_clock::time_point;

/// A replica's process runs.
using ReplicaStarted = pb::ReplicaStarted;
/// A replica's process and its whole tree are gone (or it never started).
using ReplicaExit = pb::ReplicaExit;
/// Something that a user should know, said once per attempt (a mapped path, a limit that cannot be enforced).
struct LauncherNotice {
  AttemptKey attempt;
  std::string text;
};

using LauncherEvent = std::variant<ReplicaStarted, ReplicaExit, LauncherNotice>;

/// What a replica reported since the last look.
struct ReportBatch {
  std::vector<pb::Report> reports;  ///< sequence, attempt, replica, line, kind, step, metrics set
  std::vector<std::int64_t> bad_lines;  ///< line numbers that hold no report
  std::string bad_example;              ///< the first of them, cut at 200 bytes
  std::int64_t last_line = 0;           ///< the last complete line that was read, good or bad
  bool more = false;                    ///< the batch was cut at its bound: look again at once
};

/// What an attempt's folder and processes say after a restart of the agent.
struct AdoptedReplica {
  pb::ReplicaKey key;
  std::optional<ReplicaExit> exit;  ///< absent: still running (its events come as ever)
};

/// Starts, watches and ends replicas. All calls come from one thread (the node agent's); none blocks for long.
class Launcher {
 public:
  virtual ~Launcher() = default;

  /// Makes an attempt ready: its job folder with parameters.json, its ports, the commands of its replicas.
  /// Nothing runs yet. Errors: invalid_argument (the plan cannot run here), resource_exhausted (disk, ports).
  virtual Result<void> prepare(const pb::AttemptPlan& plan) = 0;

  /// Starts a replica of a prepared attempt; the answer comes as an event (ReplicaStarted, or ReplicaExit with
  /// cause SPAWN_FAILED). `deadline` counts from now; when it passes the tree is ended (TERM, grace, KILL).
  virtual void start(const pb::ReplicaKey& key,
                     std::optional<std::chrono::milliseconds> deadline) = 0;

  /// Ends a replica's whole tree: TERM, after `grace` KILL (at once where grace is 0). Unknown keys are ignored.
  virtual void stop(const pb::ReplicaKey& key, std::chrono::milliseconds grace) = 0;

  /// What happened up to `now`, in order.
  virtual std::vector<LauncherEvent> poll(Time now) = 0;

  /// When poll should be called next even without activity; nothing: only on activity.
  virtual std::optional<Time> next_wakeup() const = 0;

  /// `wake` is called, from any thread, when poll would give something.
  virtual void on_activity(std::function<void()> wake) = 0;

  /// Reads at most `lines_max` new lines of a replica's reports, from the line after `after_line` on.
  /// `ended`: the process is gone, so a last line without a newline counts too (and collectors of kind stdout,
  /// file and tensorboard turn their last number into the final result).
  virtual Result<ReportBatch> read_reports(const pb::ReplicaKey& key, std::int64_t after_line,
                                           std::size_t lines_max, bool ended) = 0;

  /// After a restart of the agent: prepares `plan` again without touching what is there, and tells what runs and
  /// what has ended of that attempt. An empty answer: nothing of it was ever started.
  virtual Result<std::vector<AdoptedReplica>> adopt(const pb::AttemptPlan& plan) = 0;

  /// The attempt is over and its results are durable: gives back ports, cgroups, mounts. Files stay.
  virtual void release(const AttemptKey& attempt) = 0;

  /// Renews the lease of all running replicas: without a renewal for this long the keeper ends them.
  virtual void renew_lease(std::chrono::milliseconds lease) = 0;
};

}  // namespace autotune
