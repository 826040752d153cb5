#include "launchers/clone_into_cgroup.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cerrno>
#include <vector>

#include "launchers/cgroup.hpp"

namespace autotune {
namespace {

constexpr std::size_t stack_bytes = 64 * 1024;

__attribute__((no_sanitize("address", "thread", "undefined"))) int leave_with(void* argument) {
  return *static_cast<int*>(argument);
}

TEST_CASE("a process begins in its cgroup and ends with what its function gave", "[process]") {
  CgroupHost host;
  host.probe("autotune-clone-test-" + std::to_string(::getpid()));
  if (!host.can_group()) {
    WARN("no v2 cgroup may be made here: skipped");
    return;
  }
  pb::KeeperLimits limits;
  limits.set_own_cgroup(true);
  auto cgroup = host.make(limits, 42);
  REQUIRE(cgroup);
  auto folder = open_to_begin_in(*cgroup);
  REQUIRE(folder);
  std::vector<char> stack(stack_bytes);
  int code = 7;
  int pidfd = -1;
  pid_t tid = 0;
  auto pid = clone_into_cgroup(leave_with, stack.data(), stack_bytes,
                               CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CHILD_SETTID | SIGCHLD,
                               &code, pidfd, &tid, folder.value());
  REQUIRE(pid > 0);
  CHECK(tid == pid);
  CHECK(pidfd >= 0);
  // Not yet reaped, so its cgroup may still be read.
  auto text = [&] {
    FileDescriptor file(
        ::open(("/proc/" + std::to_string(pid) + "/cgroup").c_str(), O_RDONLY | O_CLOEXEC));
    char buffer[4096];
    auto n = ::read(file.value(), buffer, sizeof buffer);
    return std::string(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  }();
  CHECK(text.find("/000000000000002a") != std::string::npos);
  int status = 0;
  CHECK(::waitpid(pid, &status, 0) == pid);
  CHECK(WEXITSTATUS(status) == code);
  ::close(pidfd);
  CHECK(CgroupHost::remove_if_empty(*cgroup));
}

TEST_CASE("what is no cgroup is refused, and no process is made", "[process]") {
  FileDescriptor folder(::open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::vector<char> stack(stack_bytes);
  int code = 0;
  int pidfd = -1;
  pid_t tid = 0;
  CHECK(clone_into_cgroup(leave_with, stack.data(), stack_bytes,
                          CLONE_VM | CLONE_VFORK | CLONE_CHILD_SETTID | SIGCHLD, &code, pidfd, &tid,
                          folder.value()) == -1);
  CHECK(errno != 0);
  CHECK(tid == 0);
}

}  // namespace
}  // namespace autotune
