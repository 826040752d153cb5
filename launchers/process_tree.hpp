// Finding and ending all processes of a replica: children that called setsid, double forks, and orphans included.
//
// Each replica's processes carry a marker that is inherited, survives exec, `env -i`, setsid and a change of parent,
// and costs one system call: the resource limit RLIMIT_RTTIME (microseconds of real-time scheduling without a pause),
// set to a number that no program ever reaches and that names the replica.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "launchers/file_descriptor.hpp"
#include "messages/node.pb.h"

namespace autotune {

/// The number that marks a replica's processes: of the home and the whole key, so that no two are the same.
std::uint64_t marker_of(const std::string& home, const pb::ReplicaKey& key);

/// Marks the calling process and all that it will start. Async-signal-safe. False where the system does not let us.
bool mark_self(std::uint64_t marker);

/// The marker that a process carries; 0: none, gone, or not ours to look at.
std::uint64_t marker_on(pid_t pid);

/// When a process started, in ticks since boot (field 22 of /proc/<pid>/stat): with its pid the name of a process.
/// 0: it is gone.
std::uint64_t start_ticks_of(pid_t pid);

/// How long ago that start was.
std::int64_t age_ms(std::uint64_t start_ticks);

/// What /proc/<pid>/stat says of a process.
struct ProcessStat {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t session = 0;
  std::uint64_t start_ticks = 0;
  int exit_code = 0;  ///< wait status of a zombie that we may look at
};
std::optional<ProcessStat> stat_of(pid_t pid);

/// The direct children of a process.
std::vector<pid_t> children_of(pid_t pid);

/// The kernel's list of the children of the calling process' first thread, to be read again and again: to it go the
/// orphans of which the process is the sub-reaper. What other threads have started is not among them.
FileDescriptor own_children();
std::vector<pid_t> children_in(const FileDescriptor& list);

/// Appends all descendants of `pid` (without itself), parents before children.
void add_descendants(pid_t pid, std::vector<pid_t>& found);

/// All processes of the machine that carry the marker and live (no zombies). A look at all of /proc: slow.
std::vector<pid_t> all_marked(std::uint64_t marker);

/// The marked process that was started first, if any lives: the replica's main process, the leader of its session; or,
/// where that is gone, what it has left behind.
std::optional<ProcessStat> first_marked(std::uint64_t marker);

/// A pidfd of the process that has this pid *and* started then; empty: it is gone.
FileDescriptor open_process(pid_t pid, std::uint64_t start_ticks);

/// What a pidfd tells of its process.
struct ProcessEnd {
  bool ended = false;   ///< it runs no more
  bool reaped = false;  ///< and its parent has taken its status
  std::optional<int>
      status;  ///< as waitpid gives it, where the kernel tells those who are not its parent
};
ProcessEnd end_of(const FileDescriptor& pidfd, pid_t pid);

/// Sends a signal to one process, if it still carries the marker: its pid may belong to another by now.
bool signal_marked(pid_t pid, std::uint64_t marker, int signal);

/// Resident memory of these processes together, in bytes; shared pages count once per process.
std::int64_t resident_bytes(const std::vector<pid_t>& processes);

}  // namespace autotune
