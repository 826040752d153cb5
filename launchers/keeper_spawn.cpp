#include "launchers/keeper_spawn.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "launchers/mount_namespace.hpp"
#include "launchers/process_tree.hpp"

namespace autotune {

namespace {

/// What the child tells when it cannot become the program. In shared memory: it must reach us across a fork too.
struct Failure {
  int error = 0;
  char what[4096 + 256] = {};
};

/// All that the child needs, laid out before the fork: it may share our memory and must not allocate.
struct Plan {
  const pb::KeeperStart* start = nullptr;
  const std::vector<int>* cgroups = nullptr;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<char*> shell_argv;  // for a script without #!
  const char* search_path = "/usr/local/bin:/usr/bin:/bin";
  std::string out;
  std::string err;
  gid_t group = 0;
  Failure* failure = nullptr;
};

constexpr std::size_t stack_bytes = 256 * 1024;

int failed(const Plan& plan, const char* what, const char* name) {
  plan.failure->error = errno;
  std::snprintf(plan.failure->what, sizeof plan.failure->what, "%s%s", what, name);
  return 127;
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_DFL) {
      action.sa_handler = SIG_DFL;
      ::sigaction(signal, &action, nullptr);
    }
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool open_as(int fd, const char* path, int flags) {
  int opened = ::open(path, flags | O_CLOEXEC, 0600);
  if (opened < 0)
    return false;
  if (opened == fd)  // the keeper keeps 0 to 2 open, so this is not the case; dup2 would keep O_CLOEXEC
    return ::fcntl(fd, F_SETFD, 0) == 0;
  bool done = ::dup2(opened, fd) == fd;
  ::close(opened);
  return done;
}

/// execve, and for a file that is no program and names none, the shell, as execvp has it.
void execute(Plan& plan, const char* path) {
  ::execve(path, plan.argv.data(), plan.envp.data());
  if (errno != ENOEXEC)
    return;
  plan.shell_argv[1] = const_cast<char*>(path);
  ::execve("/bin/sh", plan.shell_argv.data(), plan.envp.data());
}

int execute_found(Plan& plan) {
  const char* name = plan.argv[0];
  if (std::strchr(name, '/') != nullptr) {
    execute(plan, name);
    return failed(plan, "cannot run ", name);
  }
  char path[4096];
  int error = ENOENT;
  for (const char* at = plan.search_path; *at != '\0';) {
    const char* end = ::strchrnul(at, ':');
    auto length = static_cast<int>(end - at);
    auto n = std::snprintf(path, sizeof path, "%.*s%s%s", length, at, length > 0 ? "/" : "", name);
    if (n < static_cast<int>(sizeof path)) {
      execute(plan, path);
      if (errno == EACCES)
        error = EACCES;
      else if (errno != ENOENT && errno != ENOTDIR)
        return failed(plan, "cannot run ", path);
    }
    at = *end == ':' ? end + 1 : end;
  }
  errno = error;
  return failed(plan, "cannot find in PATH the command ", name);
}

bool become_user(const Plan& plan) {
  auto user = plan.start->run_as_user();
  return ::setgroups(0, nullptr) == 0 && ::setresgid(plan.group, plan.group, plan.group) == 0 &&
         ::setresuid(user, user, user) == 0;
}

/// The child's life until exec.
int child(void* argument) {
  auto& plan = *static_cast<Plan*>(argument);
  const auto& start = *plan.start;
  reset_signals();
  ::setsid();
  mark_self(start.marker());
  for (int cgroup : *plan.cgroups)
    if (::write(cgroup, "0", 1) < 0)
      return failed(plan, "cannot enter its cgroup", "");
  if (!open_as(0, "/dev/null", O_RDONLY))
    return failed(plan, "cannot open ", "/dev/null");
  if (!open_as(1, plan.out.c_str(), O_WRONLY | O_CREAT | O_APPEND))
    return failed(plan, "cannot open ", plan.out.c_str());
  if (!open_as(2, plan.err.c_str(), O_WRONLY | O_CREAT | O_APPEND))
    return failed(plan, "cannot open ", plan.err.c_str());
  if (start.mounts_size() > 0) {  // forked, not sharing memory: this part may allocate
    std::string what;
    if (!enter_private_mounts(start.mounts(), what))
      return failed(plan, what.c_str(), "");
  }
  if (start.has_run_as_user() && !become_user(plan))
    return failed(plan, "cannot become the user of runAsUser", "");
  if (!start.cwd().empty() && ::chdir(start.cwd().c_str()) != 0)
    return failed(plan, "cannot enter the workingDir ", start.cwd().c_str());
  return execute_found(plan);
}

Plan laid_out(const pb::KeeperStart& start, const std::vector<int>& cgroups) {
  Plan plan;
  plan.start = &start;
  plan.cgroups = &cgroups;
  plan.argv.reserve(static_cast<std::size_t>(start.argv_size()) + 1);
  for (const auto& one : start.argv())
    plan.argv.push_back(const_cast<char*>(one.c_str()));
  plan.shell_argv = {const_cast<char*>("sh"), nullptr};
  for (std::size_t i = 1; i < plan.argv.size(); ++i)
    plan.shell_argv.push_back(plan.argv[i]);
  plan.argv.push_back(nullptr);
  plan.shell_argv.push_back(nullptr);
  plan.envp.reserve(static_cast<std::size_t>(start.env_size()) + 1);
  for (const auto& one : start.env()) {
    plan.envp.push_back(const_cast<char*>(one.c_str()));
    if (one.starts_with("PATH="))
      plan.search_path = one.c_str() + 5;
  }
  plan.envp.push_back(nullptr);
  plan.out = start.folder() + "/stdout";
  plan.err = start.folder() + "/stderr";
  if (start.has_run_as_user()) {
    const auto* entry = ::getpwuid(start.run_as_user());
    plan.group = entry != nullptr ? entry->pw_gid : start.run_as_user();
  }
  return plan;
}

}  // namespace

Result<Spawned> spawn_replica(const pb::KeeperStart& start, const std::vector<int>& cgroups) {
  static auto* failure = static_cast<Failure*>(
      ::mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  static auto* stack = static_cast<char*>(::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0));
  if (failure == MAP_FAILED || stack == MAP_FAILED)
    return fail(ErrorCode::resource_exhausted, "no memory to start a process");
  if (start.argv_size() == 0)
    return fail(ErrorCode::failed_precondition, "no command to run");
  auto plan = laid_out(start, cgroups);
  *failure = {};
  plan.failure = failure;
  // vfork's way (our memory, we wait until exec) costs no copy of page tables. Mounts need a process of its own.
  int flags = CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (start.mounts_size() > 0 ? 0 : CLONE_VM);
  int pidfd = -1;
  sigset_t all;
  sigset_t old;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &old);  // no handler of ours may run in the child
  int pid = ::clone(child, stack + stack_bytes, flags, &plan, &pidfd);
  int error = errno;
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0)
    return fail(ErrorCode::failed_precondition,
                std::string("cannot start a process: ") + std::strerror(error));
  Spawned spawned{pid, FileDescriptor(pidfd)};
  if (failure->error == 0)
    return spawned;
  return fail(ErrorCode::failed_precondition,
              std::string(failure->what) + ": " + std::strerror(failure->error));
}

}  // namespace autotune
