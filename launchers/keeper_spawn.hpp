// Forks and executes one replica: own session, marker, cgroup, files, mounts, user, folder, program.
#pragma once

#include <sys/types.h>

#include <vector>

#include "launchers/file_descriptor.hpp"
#include "messages/keeper.pb.h"
#include "messages/result.hpp"

namespace autotune {

struct Spawned {
  pid_t pid = 0;
  FileDescriptor pidfd;
};

/// Starts what `start` says and returns once its program runs. `cgroups`: open cgroup.procs files to join.
/// Blocks while the kernel executes the program (about half a millisecond).
/// Error: failed_precondition, with what could not be done and why.
Result<Spawned> spawn_replica(const pb::KeeperStart& start, const std::vector<int>& cgroups);

}  // namespace autotune
