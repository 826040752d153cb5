// An attempt as the process launcher holds it: its folder, ports, and what each replica is to run. Internal to it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launchers/collector.hpp"
#include "launchers/job_folder.hpp"
#include "launchers/launcher.hpp"
#include "launchers/ports.hpp"
#include "launchers/process.hpp"
#include "launchers/replica_environment.hpp"
#include "launchers/report_reader.hpp"
#include "messages/keeper.pb.h"

namespace autotune {

inline AttemptKey attempt_of(const pb::ReplicaKey& key) {
  return {key.experiment_id(), key.sequence(), key.attempt()};
}
inline AttemptKey attempt_of(const pb::AttemptPlan& plan) {
  return {plan.experiment_id(), plan.sequence(), plan.attempt()};
}
bool same_key(const pb::ReplicaKey& a, const pb::ReplicaKey& b);

/// One replica of a prepared attempt.
struct PreparedReplica {
  ReplicaPlace place;
  std::optional<pb::KeeperStart> command;  ///< ready to be sent; taken by the first start
  std::string collected_from;              ///< what the collector reads, on this machine
  std::unique_ptr<Collector> collector;
  std::optional<ReportReader> reader;

  // Its newest start, until its exit was told.
  bool running = false;
  bool sent = false;  ///< a keeper was asked to start it
  int sent_again = 0;
  int restart = 0;
  pid_t pid = 0;  ///< 0: not heard of yet
  std::uint64_t start_ticks = 0;
  FileDescriptor pidfd;
  std::int64_t started_at_ms = 0;
  std::optional<std::int64_t>
      kill_at_ms;         ///< asked to end, killed then (monotonic): a new keeper must hear it too
  pb::KeeperStart frame;  ///< what a new keeper has to know of it
};

struct PreparedAttempt {
  pb::AttemptPlan plan;
  JobFolder folder;
  PortReservation ports;
  std::map<std::string, PreparedReplica> replicas;
  Redaction secrets;              ///< what no text that leaves this attempt may show
  std::set<std::string> notices;  ///< those that were given already
  bool kept_by_keeper =
      false;  ///< an exit without a file, which the keeper remembers until it is told to forget

  pb::ReplicaKey key(const PreparedReplica& replica, int restart) const;
};

/// An attempt without its command lines, from the plan alone.
Result<PreparedAttempt> lay_out(const std::string& home, const pb::AttemptPlan& plan);

/// Takes the ports that the plan needs, the same ones as before where the attempt's folder names them.
Result<void> take_ports(PreparedAttempt& attempt);

/// What a keeper has to know of a replica beside its command.
pb::KeeperStart frame_of(const ProcessLauncherOptions& options, const PreparedAttempt& attempt,
                         const PreparedReplica& replica, const pb::ReplicaKey& key);

/// Builds the command of a replica: arguments, environment, volumes, collector. Returns notices.
/// Errors: invalid_argument, resource_exhausted.
Result<std::vector<std::string>> build_command(const ProcessLauncherOptions& options,
                                               PreparedAttempt& attempt, PreparedReplica& replica,
                                               bool can_mount);

/// Hands folders and files of the attempt to the user that the file names (`--honor-run-as-user`).
/// Error: invalid_argument where that user cannot get there.
Result<void> hand_to_user(const PreparedAttempt& attempt);

/// Makes the reports of a replica readable: its collector, where there is one, and the reader.
Result<ReportReader*> reader_of(PreparedAttempt& attempt, PreparedReplica& replica);

}  // namespace autotune
