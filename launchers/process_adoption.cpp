// What the process launcher does when an agent or a keeper was gone: finds again what runs and what has ended.
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "launchers/job_folder.hpp"
#include "launchers/process_launcher.hpp"
#include "launchers/process_tree.hpp"

namespace autotune {

using std::chrono::milliseconds;

namespace {

// A start that kills its keeper again and again must end some time.
constexpr int sent_again_max = 2;

}  // namespace

/// The keeper has died: what it told before is taken, a new one is started, and gets what still runs.
void ProcessLauncher::recover() {
  bool lost = false;
  for (auto& [event, pidfd] : keeper_.take(lost))
    take(event, std::move(pidfd));
  auto connected = keeper_.connect();
  if (connected && lease_) {
    pb::KeeperRequest request;
    *request.mutable_lease() = *lease_;
    [[maybe_unused]] auto sent = keeper_.send(request);
  }
  for (auto& [key, attempt] : attempts_)
    for (auto& [name, replica] : attempt.replicas)
      if (replica.running && replica.sent)
        hand_over(attempt, replica);
}

/// A replica of a keeper that has died: its exit file says how it ended, or the new keeper takes it over.
void ProcessLauncher::hand_over(PreparedAttempt& attempt, PreparedReplica& replica) {
  auto key = attempt.key(replica, replica.restart);
  for (const auto& running : keeper_.welcome().running())
    if (keeper_.connected() && same_key(running.key(), key))
      return;  // the same keeper: only the connection had broken
  auto exit = newest_exit(attempt.folder.replica(replica.place.name));
  if (exit && exit->key().restart() == replica.restart)
    return take_exit(*exit);
  if (replica.pid == 0) {  // asked to start, not heard of since
    auto found = first_marked(replica.frame.marker());
    if (!found && left_nothing(attempt, replica) && replica.sent_again < sent_again_max) {
      ++replica.sent_again;
      replica.running = false;
      auto deadline = replica.frame.deadline_at_ms();
      return start(key, deadline > 0 ? std::optional(milliseconds(deadline - monotonic_ms()))
                                     : std::nullopt);
    }
    if (!found)
      return end(key, pb::EXIT_CAUSE_LOST, "its keeper is gone, and so is its process");
    if (found->session != found->pid) {  // we make the main process the leader of a session
      for (auto pid : all_marked(replica.frame.marker()))
        signal_marked(pid, replica.frame.marker(), SIGKILL);
      return end(key, pb::EXIT_CAUSE_LOST,
                 "its keeper is gone, and so is its process; what that had started was ended");
    }
    replica.pid = found->pid;
    replica.start_ticks = found->start_ticks;
    ReplicaStarted started;
    *started.mutable_key() = key;
    started.set_pid(replica.pid);
    started.set_pid_start_ticks(replica.start_ticks);
    add_event(started);
  }
  pb::KeeperRequest request;
  auto& adopt = *request.mutable_adopt();
  *adopt.mutable_start() = replica.frame;
  adopt.set_pid(replica.pid);
  adopt.set_pid_start_ticks(replica.start_ticks);
  adopt.set_started_at_ms(replica.started_at_ms);
  if (auto sent = keeper_.send(request, replica.pidfd.value()); !sent) {
    // Nobody would hold its deadline, and its next attempt may start at once: it must not run on.
    for (auto pid : all_marked(replica.frame.marker()))
      signal_marked(pid, replica.frame.marker(), SIGKILL);
    return end(key, pb::EXIT_CAUSE_LOST,
               "its keeper died, and no new one can be started: " + sent.error().message);
  }
  if (!replica.kill_at_ms)
    return;
  // What the old keeper was asked last it may never have read.
  pb::KeeperRequest again;
  *again.mutable_stop()->mutable_key() = key;
  again.mutable_stop()->set_grace_ms(
      std::max<std::int64_t>(0, *replica.kill_at_ms - monotonic_ms()));
  [[maybe_unused]] auto asked = keeper_.send(again);
}

/// No keeper can be had, so nobody would see these end: they must not run beside the next attempt.
void ProcessLauncher::kill_unheld(const PreparedAttempt& attempt) const {
  for (const auto& [name, replica] : attempt.replicas) {
    auto key = attempt.key(replica, newest_start(attempt.folder.replica(name)).value_or(0));
    auto marker = marker_of(options_.home, key);
    for (auto pid : all_marked(marker))
      signal_marked(pid, marker, SIGKILL);
  }
}

Result<std::vector<AdoptedReplica>> ProcessLauncher::adopt(const pb::AttemptPlan& plan) {
  auto added = add_attempt(plan);
  if (!added)
    return tl::unexpected(added.error());
  auto& attempt = **added;
  if (auto connected = ensure_keeper(); !connected) {
    kill_unheld(attempt);
    return tl::unexpected(connected.error());
  }
  std::vector<AdoptedReplica> found;
  for (auto& [name, replica] : attempt.replicas)
    if (auto one = adopt_replica(attempt, replica))
      found.push_back(std::move(*one));
  auto ready = make_ready(attempt, found.empty());
  if (!ready && found.empty()) {
    ready.error().message = attempt.secrets.clean(ready.error().message);
    attempts_.erase(attempt_of(plan));
    return tl::unexpected(ready.error());
  }
  return found;  // what runs goes on, even where a restart of it would fail now
}

/// True where a replica's first start cannot have come so far as to open its output. A restart finds the files of the
/// start before it, so there we cannot tell.
bool ProcessLauncher::left_nothing(const PreparedAttempt& attempt,
                                   const PreparedReplica& replica) const {
  auto output = attempt.folder.replica(replica.place.name) + "/stdout";
  return replica.restart == 0 && ::access(output.c_str(), F_OK) != 0;
}

/// What became of a replica while no agent was there; nothing: it was never started.
std::optional<AdoptedReplica> ProcessLauncher::adopt_replica(PreparedAttempt& attempt,
                                                             PreparedReplica& replica) {
  auto folder = attempt.folder.replica(replica.place.name);
  auto exit = newest_exit(folder);
  auto restart = std::max(newest_start(folder).value_or(-1), exit ? exit->key().restart() : -1);
  auto look_at = [&](const ReplicaExit& kept) {
    if (attempt_of(kept.key()) == attempt_of(attempt.plan) &&
        kept.key().replica() == replica.place.name && kept.key().restart() >= restart)
      exit = kept;
  };
  for (const auto& kept : keeper_.welcome().exits()) {
    look_at(kept);
    attempt.kept_by_keeper =
        attempt.kept_by_keeper || attempt_of(kept.key()) == attempt_of(attempt.plan);
  }
  std::for_each(unclaimed_.begin(), unclaimed_.end(), look_at);
  if (exit)
    restart = std::max(restart, exit->key().restart());
  if (restart < 0)
    return std::nullopt;
  auto key = attempt.key(replica, restart);
  if (exit && exit->key().restart() == restart) {
    exit->set_detail(attempt.secrets.clean(exit->detail()));
    return AdoptedReplica{key, exit};
  }
  replica.frame = frame_of(options_, attempt, replica, key);
  const auto& running = keeper_.welcome().running();
  auto kept = std::find_if(running.begin(), running.end(),
                           [&](const ReplicaStarted& one) { return same_key(one.key(), key); });
  std::optional<ProcessStat> process;
  if (kept == running.end())
    process = first_marked(replica.frame.marker());
  // Its agent died between its note and its request: the first start has left nothing.
  replica.restart = restart;
  if (kept == running.end() && !process && left_nothing(attempt, replica))
    return std::nullopt;
  replica.running = true;
  replica.sent = true;
  if (kept != running.end()) {
    replica.pid = kept->pid();  // 0: being started; its event comes
    replica.start_ticks = kept->pid_start_ticks();
    if (replica.pid != 0)
      replica.pidfd = open_process(replica.pid, replica.start_ticks);
    return AdoptedReplica{key, std::nullopt};
  }
  if (process) {
    replica.started_at_ms = wall_clock_ms() - age_ms(process->start_ticks);
    if (attempt.plan.deadline_ms() > 0)  // its keeper took the deadline with it
      replica.frame.set_deadline_at_ms(std::max<std::int64_t>(
          1, monotonic_ms() - age_ms(process->start_ticks) + attempt.plan.deadline_ms()));
  }
  hand_over(attempt, replica);
  return AdoptedReplica{key, std::nullopt};
}

}  // namespace autotune
