// Starts a process inside a cgroup: clone3 with CLONE_INTO_CGROUP (Linux 5.7), for which glibc 2.36 has no wrapper.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace autotune {

/// As clone(2), and the child begins in the v2 cgroup whose folder `cgroup` has open. `flags` may hold CLONE_PIDFD and
/// CLONE_CHILD_SETTID. Half the price of a write to cgroup.procs, which stops the whole machine's forks for a moment.
/// -1: not done, errno says why (ENOSYS also where this processor's calling convention is not known here).
pid_t clone_into_cgroup(int (*child)(void*), char* stack, std::size_t stack_bytes, int flags,
                        void* argument, int& pidfd, pid_t* child_tid, int cgroup);

}  // namespace autotune
