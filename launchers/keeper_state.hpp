// What a keeper knows: one entry for each running replica, and the agent that listens. Internal to the keeper.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "launchers/cgroup.hpp"
#include "launchers/file_descriptor.hpp"
#include "launchers/keeper_protocol.hpp"
#include "launchers/keeper_spawn.hpp"
#include "launchers/log_limit.hpp"
#include "launchers/process_tree.hpp"

namespace autotune {

/// Bounds of a keeper; each in one place.
struct KeeperConfig {
  std::string home;
  /// Without a replica and without an agent for this long, it ends.
  std::int64_t idle_ms = 30000;
  /// Log sizes are looked at this often: what a trial writes meanwhile is how far a log may exceed its limit.
  std::int64_t log_check_ms = 250;
  /// Memory of trees without a cgroup is looked at this often.
  std::int64_t memory_check_ms = 1000;
  /// While a tree is being ended, its remains are looked for at least this often.
  std::int64_t sweep_ms = 20;
  /// How long a process that was not our child may stay unreaped before we judge it without its status.
  std::int64_t reap_wait_ms = 2000;
  /// Exits without an exit file (a removed folder, a full disk) that are kept for the next agent.
  std::size_t kept_exits_max = 10000;
  /// Events that wait for an agent that does not read.
  std::size_t queued_events_max = 100000;
};

/// One replica whose tree is not yet gone.
struct KeptReplica {
  pb::KeeperStart start;  // all but the command
  std::string name;
  pid_t pid = 0;  // 0: being started
  std::uint64_t start_ticks = 0;
  std::int64_t started_at_ms = 0;
  std::int64_t ended_at_ms = 0;
  FileDescriptor pidfd;  // of a process that is not our child: how we learn of its end
  bool foreign = false;
  std::uint64_t watch_id = 0;  // of the pidfd in epoll
  bool main_gone = false;
  bool status_known = true;
  int status = 0;  // of the main process, as waitpid gives it
  pb::ExitCause cause =
      pb::EXIT_CAUSE_UNSPECIFIED;  // why we end it; unspecified: it goes by itself
  std::string detail;
  std::int64_t kill_at = 0;  // monotonic; 0: nobody is ending it
  std::int64_t reap_by = 0;  // a foreign zombie's time to be reaped
  Cgroup cgroup;
  LogLimit log;
};

class Keeper {
 public:
  Keeper(KeeperConfig config, FileDescriptor listener);

  /// Serves until there is nothing left to do.
  int run();

 private:
  // keeper.cpp: the agent, the loop
  bool open_descriptors();
  void accept_agent();
  void drop_agent();
  bool read_agent();
  void on_request(pb::KeeperRequest& request, FileDescriptor passed);
  void on_hello(const pb::KeeperHello& hello);
  void on_start(pb::KeeperStart&& start);
  void take_spawned();
  void on_spawned(SpawnJob& job);
  void on_adopt(const pb::KeeperAdopt& adopt, FileDescriptor pidfd);
  void on_release(const pb::KeeperRelease& release);
  void on_lease(const pb::KeeperLease& lease);
  void on_timer();
  void on_signal();
  void tell(pb::KeeperEvent event, int fd = -1);
  void notice(const pb::ReplicaKey& key, const std::string& text);
  void flush();
  std::int64_t wait_ms() const;
  bool done() const;
  void due(std::int64_t at);

  // keeper_ending.cpp: how replicas end
  void reap();
  void on_foreign_activity(KeptReplica& replica);
  void on_main_gone(KeptReplica& replica, int status, bool known);
  void begin_ending(KeptReplica& replica, pb::ExitCause cause, std::int64_t grace_ms,
                    const std::string& detail = {});
  std::vector<pid_t> tree_of(const KeptReplica& replica) const;
  int signal_tree(const KeptReplica& replica, int signal);
  void sweep(KeptReplica& replica);
  void sweep_all();
  void finish(KeptReplica& replica);
  void record(pb::ReplicaExit exit, const std::string& folder);
  void check_limits(std::int64_t now);
  void check_lease();
  std::int64_t lease_now() const;

  KeeperConfig config_;
  FileDescriptor listener_;
  FileDescriptor epoll_;
  FileDescriptor signals_;
  FileDescriptor children_;  // orphans that became ours
  FileDescriptor lease_timer_;
  FileDescriptor agent_;
  bool agent_greeted_ = false;
  PacketReader reader_;
  std::deque<std::pair<pb::KeeperEvent, FileDescriptor>>
      queue_;  // events that the socket had no room for
  std::map<std::string, std::unique_ptr<KeptReplica>> replicas_;
  std::unordered_map<pid_t, KeptReplica*> mains_;  // children of ours that are main processes
  std::unordered_map<std::uint64_t, KeptReplica*> foreign_;  // by watch_id
  std::uint64_t next_watch_id_ = 100;
  std::vector<KeptReplica*> ending_;  // main process gone, tree perhaps not
  std::deque<pb::ReplicaExit> kept_exits_;
  CgroupHost cgroups_;
  SpawnPool spawner_;
  bool can_mount_ = false;
  bool quitting_ = false;
  std::int64_t due_at_ = 0;      // monotonic; no timer is due before
  std::int64_t checked_at_ = 0;  // logs
  std::int64_t memory_checked_at_ = 0;
  std::int64_t idle_since_ = 0;
  std::int64_t lease_until_ = 0;  // 0: no lease was ever given
  std::int64_t lease_ms_ = 0;
  bool lease_boottime_ = false;
};

/// A replica's key as one string, also the way its events and log lines name it.
std::string name_of(const pb::ReplicaKey& key);

}  // namespace autotune
