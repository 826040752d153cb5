// How replicas end: by themselves, on request, at a deadline, a limit or the end of a lease; and their trees with them.
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "launchers/job_folder.hpp"
#include "launchers/keeper_state.hpp"

namespace autotune {

// --- noticing ----------------------------------------------------------------------------------------------------

void Keeper::reap() {
  bool orphans = false;
  for (;;) {
    int status = 0;
    auto pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR)
      continue;
    if (pid <= 0)
      break;
    auto found = mains_.find(pid);
    if (found == mains_.end()) {
      // Perhaps one that was started this moment; else an orphan that we inherited.
      orphans = !spawner_.claim(pid, status) || orphans;
      continue;
    }
    auto* replica = found->second;
    mains_.erase(found);
    on_main_gone(*replica, status, true);
  }
  if (orphans && !ending_.empty())
    sweep_all();
}

void Keeper::on_foreign_activity(KeptReplica& replica) {
  if (replica.main_gone)
    return;
  auto end = end_of(replica.pidfd, replica.pid);
  if (!end.ended)
    return;
  auto now = monotonic_ms();
  if (!end.status && !end.reaped) {  // its new parent has not looked yet
    if (replica.reap_by == 0)
      replica.reap_by = now + config_.reap_wait_ms;
    if (now < replica.reap_by)
      return due(now + config_.sweep_ms);
  }
  ::epoll_ctl(epoll_.value(), EPOLL_CTL_DEL, replica.pidfd.value(), nullptr);
  foreign_.erase(replica.watch_id);
  on_main_gone(replica, end.status.value_or(0), end.status.has_value());
}

void Keeper::on_main_gone(KeptReplica& replica, int status, bool known) {
  replica.main_gone = true;
  replica.status = status;
  replica.status_known = known;
  replica.ended_at_ms = wall_clock_ms();
  ending_.push_back(&replica);
  sweep(replica);
}

// --- ending ------------------------------------------------------------------------------------------------------

void Keeper::begin_ending(KeptReplica& replica, pb::ExitCause cause, std::int64_t grace_ms,
                          const std::string& detail) {
  auto now = monotonic_ms();
  auto kill_at = now + std::max<std::int64_t>(0, grace_ms);
  bool first = replica.kill_at == 0;
  if (first) {
    // A process that has gone by itself keeps its own ending; only its remains are hurried.
    if (!replica.main_gone) {
      replica.cause = cause;
      replica.detail = detail;
    }
    replica.kill_at = kill_at;
  } else {
    replica.kill_at = std::min(replica.kill_at, kill_at);
  }
  if (replica.kill_at <= now)
    signal_tree(replica, SIGKILL);
  else if (first)
    signal_tree(replica, SIGTERM);
  due(replica.kill_at > now ? replica.kill_at : now + config_.sweep_ms);
}

std::vector<pid_t> Keeper::tree_of(const KeptReplica& replica) const {
  if (replica.pid == 0)
    return {};
  if (replica.cgroup)
    return processes_in(replica.cgroup);
  auto marker = replica.start.marker();
  if (replica.foreign)
    return all_marked(marker);
  std::vector<pid_t> found;
  if (!replica.main_gone) {
    found.push_back(replica.pid);
    add_descendants(replica.pid, found);
  }
  // What lost its parent became our child, for we are its sub-reaper.
  for (auto pid : children_in(children_)) {
    if (mains_.contains(pid))
      continue;
    bool belongs = marker_on(pid) == marker;
    if (!belongs) {
      auto stat = stat_of(pid);  // a setuid program hides its limits, not its session
      belongs = stat && stat->session == replica.pid;
    }
    if (!belongs)
      continue;
    found.push_back(pid);
    add_descendants(pid, found);
  }
  return found;
}

int Keeper::signal_tree(const KeptReplica& replica, int signal) {
  int sent = 0;
  if (signal == SIGKILL && replica.cgroup && kill_at_once(replica.cgroup))
    return 1;
  for (auto pid : tree_of(replica)) {
    bool child_of_ours =
        pid == replica.pid && !replica.foreign;  // nobody but we can reap it: its pid is its own
    if (child_of_ours ? ::kill(pid, signal) == 0
                      : signal_marked(pid, replica.start.marker(), signal))
      ++sent;
  }
  return sent;
}

// --- the rest of the tree ----------------------------------------------------------------------------------------

void Keeper::sweep_all() {
  auto ending = ending_;  // finish() takes from it
  for (auto* replica : ending)
    sweep(*replica);
}

void Keeper::sweep(KeptReplica& replica) {
  if (replica.cgroup && CgroupHost::remove_if_empty(replica.cgroup)) {
    replica.cgroup = {};
    return finish(replica);
  }
  auto rest = tree_of(replica);
  std::erase_if(rest, [](pid_t pid) {
    auto stat = stat_of(pid);
    return !stat || stat->state == 'Z' || stat->state == 'X';
  });
  if (rest.empty())
    return finish(replica);
  auto now = monotonic_ms();
  // Told to end: what remains has the rest of the grace. Gone by itself: what it left behind goes at once.
  if (replica.kill_at == 0)
    replica.kill_at = now;
  if (now >= replica.kill_at)
    signal_tree(replica, SIGKILL);
  due(now >= replica.kill_at ? now + config_.sweep_ms : replica.kill_at);
}

void Keeper::finish(KeptReplica& replica) {
  if (auto text = replica.log.check(); !text.empty())
    notice(replica.start.key(), text);
  pb::ReplicaExit exit;
  *exit.mutable_key() = replica.start.key();
  exit.set_started_at_ms(replica.started_at_ms);
  exit.set_ended_at_ms(replica.ended_at_ms);
  exit.set_detail(replica.detail);
  exit.set_cause(pb::EXIT_CAUSE_EXITED);
  if (WIFSIGNALED(replica.status))
    exit.set_signal(WTERMSIG(replica.status));
  else
    exit.set_exit_code(WEXITSTATUS(replica.status));
  if (replica.cause != pb::EXIT_CAUSE_UNSPECIFIED) {
    exit.set_cause(replica.cause);
  } else if (!replica.status_known) {
    exit.set_cause(pb::EXIT_CAUSE_LOST);
    exit.set_detail("its keeper died, and the kernel does not tell how it ended");
  } else if (replica.cgroup && replica.status != 0 && oom_kills(replica.cgroup) > 0) {
    exit.set_cause(pb::EXIT_CAUSE_OUT_OF_MEMORY);
    exit.set_detail("its memory limit of " + std::to_string(replica.start.limits().memory_bytes()) +
                    " bytes");
  }
  cgroups_.remove(replica.cgroup);
  if (!cgroups_.is_tidy())
    due(monotonic_ms() + config_.sweep_ms);
  auto folder = replica.start.folder();
  std::erase(ending_, &replica);
  mains_.erase(replica.pid);
  foreign_.erase(replica.watch_id);
  auto name = replica.name;
  replicas_.erase(name);  // `replica` is gone from here on
  if (replicas_.empty())
    idle_since_ = monotonic_ms();
  record(std::move(exit), folder);
}

void Keeper::record(pb::ReplicaExit exit, const std::string& folder) {
  auto written = write_exit(folder, exit);
  if (!written) {
    if (kept_exits_.size() >= config_.kept_exits_max)
      kept_exits_.pop_front();
    kept_exits_.push_back(exit);
  }
  pb::KeeperEvent event;
  event.set_kept(!written);
  *event.mutable_exit() = std::move(exit);
  tell(std::move(event));
}

// --- limits and leases -------------------------------------------------------------------------------------------

void Keeper::check_limits(std::int64_t now) {
  std::vector<KeptReplica*> all;
  all.reserve(replicas_.size());
  for (auto& [name, replica] : replicas_)
    all.push_back(replica.get());
  bool logs = now - checked_at_ >= config_.log_check_ms;
  bool memory = now - memory_checked_at_ >= config_.memory_check_ms;
  for (auto* replica : all) {
    if (logs)
      if (auto text = replica->log.check(); !text.empty())
        notice(replica->start.key(), text);
    const auto& limits = replica->start.limits();
    if (memory && limits.memory_bytes() > 0 && replica->cgroup.memory_folder.empty() &&
        replica->kill_at == 0 && resident_bytes(tree_of(*replica)) > limits.memory_bytes())
      begin_ending(
          *replica, pb::EXIT_CAUSE_OUT_OF_MEMORY, 0,
          "its processes held more than " + std::to_string(limits.memory_bytes()) + " bytes");
    auto deadline = replica->start.deadline_at_ms();
    if (deadline > 0 && replica->kill_at == 0 && !replica->main_gone) {
      if (now >= deadline)
        begin_ending(*replica, pb::EXIT_CAUSE_DEADLINE, replica->start.grace_ms());
      else
        due(deadline);
    }
    if (replica->reap_by != 0 && !replica->main_gone)
      on_foreign_activity(*replica);
    else if (replica->main_gone)
      sweep(*replica);
    else if (replica->kill_at != 0) {
      if (now >= replica->kill_at)
        signal_tree(*replica, SIGKILL);
      due(std::max(replica->kill_at, now + config_.sweep_ms));
    }
  }
  if (logs)
    checked_at_ = now;
  if (memory)
    memory_checked_at_ = now;
  if (!replicas_.empty())
    due(now + config_.log_check_ms);
}

std::int64_t Keeper::lease_now() const { return lease_boottime_ ? boottime_ms() : monotonic_ms(); }

void Keeper::check_lease() {
  if (lease_until_ == 0)
    return;
  std::uint64_t expirations = 0;
  [[maybe_unused]] auto n = ::read(lease_timer_.value(), &expirations, sizeof expirations);
  auto now = lease_now();
  // The grace ends inside the lease: whoever granted it starts the next attempt soon after.
  auto next = lease_until_ - lease_ms_ / 4;
  bool all_late = true;
  for (auto& [name, replica] : replicas_) {
    auto term_at = lease_until_ - std::min(replica->start.grace_ms(), lease_ms_ / 4);
    if (now < term_at) {
      all_late = false;
      next = now >= next ? term_at : std::min(next, term_at);
    } else if (replica->kill_at == 0) {
      begin_ending(*replica, pb::EXIT_CAUSE_LEASE, lease_until_ - now,
                   "no renewal from its agent came in time");
    } else {
      begin_ending(*replica, replica->cause,
                   lease_until_ - now);  // a longer grace ends with the lease
    }
  }
  if (all_late && now >= next)
    next = lease_until_ > now ? lease_until_ : 0;
  itimerspec timer{};
  if (next != 0) {
    auto wait = std::max<std::int64_t>(1, next - now);
    timer.it_value.tv_sec = wait / 1000;
    timer.it_value.tv_nsec = wait % 1000 * 1000000;
  }
  ::timerfd_settime(lease_timer_.value(), 0, &timer, nullptr);
}

}  // namespace autotune
