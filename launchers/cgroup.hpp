// Control groups of replicas: limits of memory, cpu and processes by cgroup v2 or v1, whichever has the controllers.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "launchers/file_descriptor.hpp"
#include "messages/keeper.pb.h"
#include "messages/result.hpp"

namespace autotune {

/// The cgroup of one replica (v1: one folder in each hierarchy that limits something). Empty: it has none.
struct Cgroup {
  std::vector<std::string> folders;
  std::string memory_folder;  ///< the one of them that limits memory; empty: none does
  bool v2 = false;

  explicit operator bool() const { return !folders.empty(); }
};

/// Where this process may make cgroups, found once.
class CgroupHost {
 public:
  CgroupHost() = default;
  /// Removes the folders that `probe` made, where nothing is in them.
  ~CgroupHost();
  CgroupHost(const CgroupHost&) = delete;
  CgroupHost& operator=(const CgroupHost&) = delete;

  /// Looks at the mounted hierarchies and tries to make a folder in each. `name`: of the folder that holds ours.
  void probe(const std::string& name);

  bool can_limit_memory() const { return !memory_.empty(); }
  bool can_limit_cpu() const { return !cpu_.empty(); }
  bool can_limit_pids() const { return !pids_.empty(); }
  bool can_group() const { return !group_.empty(); }

  /// Makes a replica's cgroup with its limits, those that can be enforced; `marker` names it.
  /// Error: unavailable (the kernel refused).
  Result<Cgroup> make(const pb::KeeperLimits& limits, std::uint64_t marker);
  /// The cgroup that `make` made for it, after a restart of the keeper.
  Cgroup find(const pb::KeeperLimits& limits, std::uint64_t marker) const;
  /// Removes it; where processes are still on their way out, `tidy` tries again.
  void remove(const Cgroup& cgroup);
  /// Removes it if nothing lives in it and nothing is to be read from it. False: it is as it was.
  static bool remove_if_empty(const Cgroup& cgroup);
  void tidy();
  bool is_tidy() const { return leftovers_.empty(); }

 private:
  Cgroup place(const pb::KeeperLimits& limits, std::uint64_t marker) const;
  void remove_stale(const std::string& base) const;

  std::string
      memory_;  // folder below which replicas' folders are made; empty: that limit cannot be enforced
  std::string cpu_;
  std::string pids_;
  std::string group_;
  bool v2_ = false;
  std::vector<std::string> leftovers_;
};

/// Opens the folder of a v2 cgroup for a process that begins in it.
FileDescriptor open_to_begin_in(const Cgroup& cgroup);

/// Opens the cgroup.procs files that a process writes "0" to in order to enter.
std::vector<FileDescriptor> open_to_enter(const Cgroup& cgroup);

/// All processes in it.
std::vector<pid_t> processes_in(const Cgroup& cgroup);

/// Ends all processes in it at once (v2, cgroup.kill). False: has to be done one by one.
bool kill_at_once(const Cgroup& cgroup);

/// How many of its processes the kernel has killed for want of memory.
std::int64_t oom_kills(const Cgroup& cgroup);

}  // namespace autotune
