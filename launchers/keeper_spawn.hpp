// Forks and executes replicas: own session, marker, cgroup, files, mounts, user, folder, program.
//
// A few threads do it, because who starts a process by vfork sleeps until the kernel has executed the program: half a
// millisecond on an idle machine, many on a busy one, for ever on a dead network folder. The keeper must not sleep:
// it holds deadlines and leases.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "launchers/file_descriptor.hpp"
#include "messages/keeper.pb.h"
#include "messages/result.hpp"

namespace autotune {

/// One replica to start, and what became of it.
struct SpawnJob {
  std::string name;
  pb::KeeperStart start;
  FileDescriptor cgroup;                ///< folder of the v2 cgroup to begin in
  std::vector<FileDescriptor> cgroups;  ///< cgroup.procs files of v1 cgroups to enter
  pid_t pid = 0;  ///< of the child, also of one that could not become the program
  FileDescriptor pidfd;
  std::uint64_t start_ticks = 0;
  std::string error;  ///< empty: its program runs
};

/// Memory that a child and the thread which waits for it share.
struct SpawnSlot;

/// The threads that start replicas. All calls come from the keeper's one thread.
class SpawnPool {
 public:
  SpawnPool();
  ~SpawnPool();
  SpawnPool(const SpawnPool&) = delete;
  SpawnPool& operator=(const SpawnPool&) = delete;

  /// Starts the threads; they inherit the caller's signal mask. False: not possible.
  bool open();
  /// Readable when `take` has something to give.
  int event_fd() const { return event_.value(); }
  void submit(std::unique_ptr<SpawnJob> job);
  std::vector<std::unique_ptr<SpawnJob>> take();

  /// Whether a reaped child is one of ours that nobody has taken yet; its status is kept then.
  bool claim(pid_t pid, int status);
  /// The status of a child that ended before its job was taken.
  std::optional<int> take_status(pid_t pid);

 private:
  void work(SpawnSlot& slot);

  FileDescriptor event_;
  std::vector<SpawnSlot*> slots_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wanted_;
  std::deque<std::unique_ptr<SpawnJob>> waiting_;
  std::vector<std::unique_ptr<SpawnJob>> done_;
  std::unordered_map<pid_t, int> early_;
  bool stop_ = false;
};

}  // namespace autotune
