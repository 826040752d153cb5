// The process launcher's class. Internal: others use make_process_launcher.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "launchers/keeper_client.hpp"
#include "launchers/process.hpp"
#include "launchers/process_attempt.hpp"

namespace autotune {

class ProcessLauncher : public Launcher {
 public:
  explicit ProcessLauncher(ProcessLauncherOptions options);
  Result<void> prepare(const pb::AttemptPlan& plan) override;
  void start(const pb::ReplicaKey& key, std::optional<std::chrono::milliseconds> deadline) override;
  void stop(const pb::ReplicaKey& key, std::chrono::milliseconds grace) override;
  std::vector<LauncherEvent> poll(Time now) override;
  std::optional<Time> next_wakeup() const override { return std::nullopt; }
  void on_activity(std::function<void()> wake) override;
  Result<ReportBatch> read_reports(const pb::ReplicaKey& key, std::int64_t after_line,
                                   std::size_t lines_max, bool ended) override;
  Result<std::vector<AdoptedReplica>> adopt(const pb::AttemptPlan& plan) override;
  void release(const AttemptKey& attempt) override;
  void renew_lease(std::chrono::milliseconds lease) override;

 private:
  Result<PreparedAttempt*> add_attempt(const pb::AttemptPlan& plan);
  PreparedReplica* find(const pb::ReplicaKey& key);
  Result<void> ensure_keeper();
  void send(const pb::KeeperRequest& request);
  void recover();
  void hand_over(PreparedAttempt& attempt, PreparedReplica& replica);
  Result<void> make_ready(PreparedAttempt& attempt, bool make_folders);
  Result<void> build(PreparedAttempt& attempt, PreparedReplica& replica);
  Result<pb::KeeperRequest> start_request(PreparedAttempt& attempt, PreparedReplica& replica,
                                          const pb::ReplicaKey& key,
                                          std::optional<std::chrono::milliseconds> deadline);
  std::optional<AdoptedReplica> adopt_replica(PreparedAttempt& attempt, PreparedReplica& replica);
  bool left_nothing(const PreparedAttempt& attempt, const PreparedReplica& replica) const;
  void kill_unheld(const PreparedAttempt& attempt) const;
  void take(const pb::KeeperEvent& event, FileDescriptor pidfd);
  void take_exit(const ReplicaExit& exit);
  void end(const pb::ReplicaKey& key, pb::ExitCause cause, const std::string& why);
  void add_event(LauncherEvent event);

  ProcessLauncherOptions options_;
  std::map<AttemptKey, PreparedAttempt> attempts_;
  std::vector<LauncherEvent> events_;   // what poll gives next
  std::vector<ReplicaExit> unclaimed_;  // of attempts that nobody has prepared or adopted yet
  std::mutex wake_mutex_;
  std::function<void()> wake_;
  std::optional<pb::KeeperLease> lease_;
  StartNotes notes_;
  KeeperClient keeper_;  // last: its thread ends first
};

}  // namespace autotune
