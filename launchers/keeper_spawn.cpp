#include "launchers/keeper_spawn.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

#include "launchers/clone_into_cgroup.hpp"
#include "launchers/keeper_protocol.hpp"
#include "launchers/mount_namespace.hpp"
#include "launchers/process_tree.hpp"

// A child shares its parent's memory and leaves by exec or _exit, never by return: a sanitizer's books would keep its
// calls for ever.
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

namespace autotune {

namespace {

/// What the child tells when it cannot become the program.
struct Failure {
  int error;
  char what[4096 + 256];
};

/// All that the child needs, laid out before the fork: it may share our memory and must not allocate.
struct Plan {
  const pb::KeeperStart* start = nullptr;
  const std::vector<FileDescriptor>* cgroups = nullptr;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<char*> shell_argv;  // for a script without #!
  const char* search_path = "/usr/local/bin:/usr/bin:/bin";
  std::string program;  // where the command was found lately; empty: search for it
  std::string out;
  std::string err;
  gid_t group = 0;
  std::optional<PrivateMounts> mounts;
  Failure* failure = nullptr;
  timespec* born = nullptr;

  /// `text` is closed by a NUL.
  void add_variable(std::string_view text) {
    envp.push_back(const_cast<char*>(text.data()));
    if (text.starts_with("PATH="))
      search_path = text.data() + 5;
  }
};

constexpr std::size_t stack_bytes = 128 * 1024;
// Enough that one slow file system does not stop all starts, few enough to stay small.
constexpr std::size_t threads = 4;

IN_CHILD int failed(const Plan& plan, const char* what, const char* name) {
  plan.failure->error = errno;
  std::snprintf(plan.failure->what, sizeof plan.failure->what, "%s%s", what, name);
  return 127;
}

/// The keeper blocks signals and handles none, and no signal is ignored in it (open_descriptors): nothing but the mask
/// has to be undone.
IN_CHILD void unblock_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

IN_CHILD bool open_as(int fd, const char* path, int flags) {
  int opened = ::open(path, flags | O_CLOEXEC, 0600);
  if (opened < 0)
    return false;
  if (opened ==
      fd)  // the keeper keeps 0 to 2 open, so this is not the case; dup2 would keep O_CLOEXEC
    return ::fcntl(fd, F_SETFD, 0) == 0;
  bool done = ::dup2(opened, fd) == fd;
  ::close(opened);
  return done;
}

/// execve, and for a file that is no program and names none, the shell, as execvp has it.
IN_CHILD void execute(Plan& plan, const char* path) {
  ::execve(path, plan.argv.data(), plan.envp.data());
  if (errno != ENOEXEC)
    return;
  plan.shell_argv[1] = const_cast<char*>(path);
  ::execve("/bin/sh", plan.shell_argv.data(), plan.envp.data());
}

IN_CHILD int execute_found(Plan& plan) {
  const char* name = plan.argv[0];
  if (std::strchr(name, '/') != nullptr) {
    execute(plan, name);
    return failed(plan, "cannot run ", name);
  }
  if (!plan.program.empty())
    execute(plan, plan.program.c_str());
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

gid_t group_of_user(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[16 * 1024];
  if (::getpwuid_r(user, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr)
    return found->pw_gid;
  return user;
}

IN_CHILD bool become_user(const Plan& plan) {
  auto user = plan.start->run_as_user();
  return ::setgroups(0, nullptr) == 0 && ::setresgid(plan.group, plan.group, plan.group) == 0 &&
         ::setresuid(user, user, user) == 0;
}

/// The child's life until exec.
IN_CHILD int child(void* argument) {
  auto& plan = *static_cast<Plan*>(argument);
  ::clock_gettime(CLOCK_BOOTTIME, plan.born);
  const auto& start = *plan.start;
  unblock_signals();
  ::setsid();
  mark_self(start.marker());
  for (const auto& cgroup : *plan.cgroups)
    if (::write(cgroup.value(), "0", 1) < 0)
      return failed(plan, "cannot enter its cgroup", "");
  if (!open_as(0, "/dev/null", O_RDONLY))
    return failed(plan, "cannot open ", "/dev/null");
  if (!open_as(1, plan.out.c_str(), O_WRONLY | O_CREAT | O_APPEND))
    return failed(plan, "cannot open ", plan.out.c_str());
  if (!open_as(2, plan.err.c_str(), O_WRONLY | O_CREAT | O_APPEND))
    return failed(plan, "cannot open ", plan.err.c_str());
  if (plan.mounts)
    if (const char* what = plan.mounts->enter())
      return failed(plan, what, "");
  if (start.has_run_as_user() && !become_user(plan))
    return failed(plan, "cannot become the user of runAsUser", "");
  if (!start.cwd().empty() && ::chdir(start.cwd().c_str()) != 0)
    return failed(plan, "cannot enter the workingDir ", start.cwd().c_str());
  return execute_found(plan);
}

/// The kernel's unit of a process's start in /proc.
std::uint64_t ticks_of(const timespec& boottime) {
  static const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  constexpr std::uint64_t second = 1000000000;
  auto nanoseconds = static_cast<std::uint64_t>(boottime.tv_sec) * second +
                     static_cast<std::uint64_t>(boottime.tv_nsec);
  return nanoseconds / (second / ticks_per_second);
}

/// Where a command was found, for as long as a shell user would accept: most folders of a PATH do not have it, and to
/// hear that from execve once per trial and folder is a good part of a short trial's cost.
class FoundProgram {
 public:
  /// Empty where it must be searched for: it is nowhere, or the PATH has relative folders.
  const std::string& find(const char* name, const char* search_path) {
    auto now = monotonic_ms();
    if (now - found_at_ms_ < kept_ms && name == name_ && search_path == search_path_)
      return path_;
    name_ = name;
    search_path_ = search_path;
    found_at_ms_ = now;
    path_.clear();
    std::string_view rest = search_path_;
    while (rest.starts_with('/')) {
      auto folder = rest.substr(0, rest.find(':'));
      auto path = std::string(folder) + "/" + name_;
      if (::access(path.c_str(), F_OK) == 0) {
        path_ = std::move(path);  // if it is no program after all, the search finds out
        break;
      }
      rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    }
    return path_;
  }

 private:
  static constexpr std::int64_t kept_ms = 1000;
  std::string name_;
  std::string search_path_;
  std::string path_;
  std::int64_t found_at_ms_ = -kept_ms;
};

Plan laid_out(const SpawnJob& job, FoundProgram& found) {
  const auto& start = job.start;
  Plan plan;
  plan.start = &start;
  plan.cgroups = &job.cgroups;
  plan.argv.reserve(static_cast<std::size_t>(start.argv_size()) + 1);
  for (const auto& one : start.argv())
    plan.argv.push_back(const_cast<char*>(one.c_str()));
  plan.shell_argv = {const_cast<char*>("sh"), nullptr};
  for (std::size_t i = 1; i < plan.argv.size(); ++i)
    plan.shell_argv.push_back(plan.argv[i]);
  plan.argv.push_back(nullptr);
  plan.shell_argv.push_back(nullptr);
  for (const auto& one : start.env())
    plan.add_variable(one);
  for (std::string_view block = start.environment(); !block.empty();)
    plan.add_variable(take_variable(block));
  plan.envp.push_back(nullptr);
  plan.out = start.folder() + "/stdout";
  plan.err = start.folder() + "/stderr";
  if (start.has_run_as_user())
    plan.group = group_of_user(start.run_as_user());
  if (start.mounts_size() > 0)
    plan.mounts.emplace(start.mounts());
  // With mounts of its own, or as another user, a replica may find another one.
  if (start.mounts_size() == 0 && !start.has_run_as_user() &&
      std::strchr(plan.argv[0], '/') == nullptr)
    plan.program = found.find(plan.argv[0], plan.search_path);
  return plan;
}

}  // namespace

struct SpawnSlot {
  Failure failure;
  timespec born;  // when the child began to run, since boot
  // The kernel writes the child's pid here before the child runs, so that it is known before it can be reaped.
  volatile pid_t child;
  alignas(16) char stack[stack_bytes];
};

namespace {

/// TSan's clone() tells the child's thread to ignore locks: with our memory that thread would be ours.
#if defined(__SANITIZE_THREAD__)
constexpr bool may_share_memory = false;
#else
constexpr bool may_share_memory = true;
#endif

/// The child's pid, or -1. A kernel that refuses to begin it in its cgroup lets it enter by itself.
int clone_child(SpawnJob& job, SpawnSlot& slot, Plan& plan, int& pidfd) {
  // vfork's way (our memory, we wait until exec) costs no copy of page tables. Mounts need a process of its own.
  int flags = CLONE_VFORK | CLONE_PIDFD | CLONE_CHILD_SETTID | SIGCHLD |
              (plan.mounts || !may_share_memory ? 0 : CLONE_VM);
  auto* tid = const_cast<pid_t*>(&slot.child);
  if (job.cgroup) {
    int pid = clone_into_cgroup(child, slot.stack, stack_bytes, flags, &plan, pidfd, tid,
                                job.cgroup.value());
    if (pid >= 0)
      return pid;
    job.cgroups.emplace_back(::openat(job.cgroup.value(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  }
  return ::clone(child, slot.stack + stack_bytes, flags, &plan, &pidfd, nullptr, tid);
}

void spawn(SpawnJob& job, SpawnSlot& slot, FoundProgram& found) {
  if (job.start.argv_size() == 0) {
    job.error = "no command to run";
    return;
  }
  auto plan = laid_out(job, found);
  slot.failure.error = 0;
  plan.failure = &slot.failure;
  plan.born = &slot.born;
  int pidfd = -1;
  timespec before{};
  ::clock_gettime(CLOCK_BOOTTIME, &before);
  int pid = clone_child(job, slot, plan, pidfd);
  if (pid < 0) {
    job.error = std::string("cannot start a process: ") + std::strerror(errno);
    return;
  }
  job.pid = pid;
  job.pidfd = FileDescriptor(pidfd);
  if (slot.failure.error != 0)
    job.error = std::string(slot.failure.what) + ": " + std::strerror(slot.failure.error);
  else  // /proc tells it, but it costs more than all else here, and between two looks at the clock there is one answer
    job.start_ticks =
        ticks_of(before) == ticks_of(slot.born) ? ticks_of(before) : start_ticks_of(pid);
}

}  // namespace

SpawnPool::SpawnPool() = default;

SpawnPool::~SpawnPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wanted_.notify_all();
  for (auto& thread : threads_)
    thread.join();
  for (auto* slot : slots_)
    ::munmap(slot, sizeof(SpawnSlot));
}

bool SpawnPool::open() {
  event_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  for (std::size_t i = 0; i < threads; ++i) {
    // Shared, so that a child with memory of its own still writes where we read.
    void* memory = ::mmap(nullptr, sizeof(SpawnSlot), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      return false;
    slots_.push_back(static_cast<SpawnSlot*>(memory));
  }
  for (auto* slot : slots_)
    threads_.emplace_back([this, slot] { work(*slot); });
  return static_cast<bool>(event_);
}

void SpawnPool::submit(std::unique_ptr<SpawnJob> job) {
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(job));
  }
  wanted_.notify_one();
}

std::vector<std::unique_ptr<SpawnJob>> SpawnPool::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] auto n = ::read(event_.value(), &count, sizeof count);
  std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

bool SpawnPool::claim(pid_t pid, int status) {
  std::lock_guard lock(mutex_);
  bool ours =
      std::any_of(slots_.begin(), slots_.end(),
                  [&](const auto* slot) { return slot->child == pid; }) ||
      std::any_of(done_.begin(), done_.end(), [&](const auto& job) { return job->pid == pid; });
  if (ours)
    early_[pid] = status;
  return ours;
}

std::optional<int> SpawnPool::take_status(pid_t pid) {
  std::lock_guard lock(mutex_);
  auto found = early_.find(pid);
  if (found == early_.end())
    return std::nullopt;
  auto status = found->second;
  early_.erase(found);
  return status;
}

void SpawnPool::work(SpawnSlot& slot) {
  FoundProgram found;
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (stop_)
      return;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    spawn(*job, slot, found);
    lock.lock();
    bool first = done_.empty();
    done_.push_back(std::move(job));
    slot.child = 0;
    if (first) {
      std::uint64_t one = 1;
      [[maybe_unused]] auto n = ::write(event_.value(), &one, sizeof one);
    }
  }
}

}  // namespace autotune
