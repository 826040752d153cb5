#include "launchers/process.hpp"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "launchers/process_launcher.hpp"
#include "launchers/process_tree.hpp"
#include "launchers/volumes.hpp"

namespace autotune {

namespace {

using std::chrono::milliseconds;

// Exits of attempts that a restarted agent has not adopted yet; their exit files say the same, mostly.
constexpr std::size_t unclaimed_max = 10000;

std::string own_binary() {
  char path[PATH_MAX];
  auto n = ::readlink("/proc/self/exe", path, sizeof path);
  return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : std::string();
}

ProcessLauncherOptions completed(ProcessLauncherOptions options) {
  if (options.keeper_binary.empty())
    options.keeper_binary = own_binary();
  if (options.sdk_path.empty())
    options.sdk_path = find_sdk();
  return options;
}

}  // namespace

ProcessLauncher::ProcessLauncher(ProcessLauncherOptions options)
    : options_(completed(std::move(options))),
      keeper_({options_.home, options_.keeper_binary, options_.keeper_idle.count()}, [this] {
        std::lock_guard lock(wake_mutex_);
        if (wake_)
          wake_();
      }) {}

void ProcessLauncher::on_activity(std::function<void()> wake) {
  std::lock_guard lock(wake_mutex_);
  wake_ = std::move(wake);
}

void ProcessLauncher::add_event(LauncherEvent event) {
  events_.push_back(std::move(event));
  std::lock_guard lock(wake_mutex_);
  if (wake_)
    wake_();
}

// --- the keeper --------------------------------------------------------------------------------------------------

Result<void> ProcessLauncher::ensure_keeper() {
  if (keeper_.connected())
    return {};
  auto connected = keeper_.connect();
  if (!connected)
    return connected;
  if (lease_) {
    pb::KeeperRequest request;
    *request.mutable_lease() = *lease_;
    [[maybe_unused]] auto sent = keeper_.send(request);
  }
  return {};
}

void ProcessLauncher::send(const pb::KeeperRequest& request) {
  auto sent = ensure_keeper();
  if (sent)
    sent = keeper_.send(request);
  if (!sent && keeper_.connected()) {
    recover();
    sent = ensure_keeper();
    if (sent)
      sent = keeper_.send(request);
  }
  if (!sent && request.has_start())
    end(request.start().key(), pb::EXIT_CAUSE_LOST, sent.error().message);
}

void ProcessLauncher::renew_lease(milliseconds lease) {
  pb::KeeperLease renewal;
  renewal.set_sent_at_ms(options_.lease_on_boottime ? boottime_ms() : monotonic_ms());
  renewal.set_lease_ms(lease.count());
  renewal.set_boottime(options_.lease_on_boottime);
  lease_ = renewal;
  if (!keeper_.connected())
    return;  // a keeper that is started later hears of it then
  pb::KeeperRequest request;
  *request.mutable_lease() = renewal;
  send(request);
}

// --- attempts ----------------------------------------------------------------------------------------------------

Result<PreparedAttempt*> ProcessLauncher::add_attempt(const pb::AttemptPlan& plan) {
  auto attempt = lay_out(options_.home, plan);
  if (!attempt)
    return tl::unexpected(attempt.error());
  auto& placed = attempts_[attempt_of(plan)];
  placed = std::move(*attempt);
  return &placed;
}

Result<void> ProcessLauncher::prepare(const pb::AttemptPlan& plan) {
  auto added = add_attempt(plan);
  if (!added)
    return tl::unexpected(added.error());
  auto& attempt = **added;
  auto ready = make_ready(attempt, true);
  if (!ready) {
    ready.error().message = attempt.secrets.clean(ready.error().message);
    attempts_.erase(attempt_of(plan));
  }
  return ready;
}

/// Folders (where nothing runs in them yet), ports, commands.
Result<void> ProcessLauncher::make_ready(PreparedAttempt& attempt, bool make_folders) {
  if (make_folders)
    if (auto made = attempt.folder.make(attempt.plan); !made)
      return made;
  if (auto ports = take_ports(attempt); !ports)
    return ports;
  for (auto& [name, replica] : attempt.replicas)
    if (auto built = build(attempt, replica); !built)
      return built;
  return hand_to_user(attempt);
}

Result<void> ProcessLauncher::build(PreparedAttempt& attempt, PreparedReplica& replica) {
  bool can_mount = false;
  if (!replica.place.task->container().volume_mounts().empty()) {
    if (auto ready = ensure_keeper(); !ready)  // it knows what this machine allows
      return ready;
    can_mount = keeper_.welcome().can_mount();
  }
  auto notices = build_command(options_, attempt, replica, can_mount);
  if (!notices)
    return tl::unexpected(notices.error());
  for (const auto& text : *notices)
    if (attempt.notices.insert(text).second)
      add_event(LauncherNotice{attempt_of(attempt.plan), attempt.secrets.clean(text)});
  return {};
}

void ProcessLauncher::release(const AttemptKey& attempt) {
  auto found = attempts_.find(attempt);
  if (found == attempts_.end())
    return;
  for (const auto& [name, replica] : found->second.replicas)
    if (!replica.place.task->container().volume_mounts().empty())
      remove_secret_files(found->second.folder.replica(name));
  if (found->second.kept_by_keeper && keeper_.connected()) {
    pb::KeeperRequest request;
    request.mutable_release()->set_experiment_id(attempt.experiment_id);
    request.mutable_release()->set_sequence(attempt.sequence);
    request.mutable_release()->set_attempt(attempt.attempt);
    [[maybe_unused]] auto sent = keeper_.send(request);
  }
  attempts_.erase(found);
}

PreparedReplica* ProcessLauncher::find(const pb::ReplicaKey& key) {
  auto attempt = attempts_.find(attempt_of(key));
  if (attempt == attempts_.end())
    return nullptr;
  auto replica = attempt->second.replicas.find(key.replica());
  return replica == attempt->second.replicas.end() ? nullptr : &replica->second;
}

// --- starting and stopping ---------------------------------------------------------------------------------------

Result<pb::KeeperRequest> ProcessLauncher::start_request(PreparedAttempt& attempt,
                                                         PreparedReplica& replica,
                                                         const pb::ReplicaKey& key,
                                                         std::optional<milliseconds> deadline) {
  auto folder = attempt.folder.replica(replica.place.name);
  if (key.restart() > 0) {
    // The trial may have removed its folder; and half a line at the end of its reports is a line of its own.
    if (auto made = attempt.folder.make(attempt.plan); !made)
      return tl::unexpected(made.error());
    end_last_line(attempt.folder.reports(replica.place.name));
  }
  if (!replica.command)
    if (auto built = build(attempt, replica); !built)
      return tl::unexpected(built.error());
  replica.frame = frame_of(options_, attempt, replica, key);
  if (deadline)
    replica.frame.set_deadline_at_ms(monotonic_ms() + std::max<std::int64_t>(1, deadline->count()));
  pb::KeeperRequest request;
  auto& start = *request.mutable_start();
  start = std::move(*replica.command);
  replica.command.reset();
  start.MergeFrom(replica.frame);
  if (auto noted = notes_.write(folder, key.restart(), start.environment()); !noted)
    return tl::unexpected(noted.error());
  return request;
}

void ProcessLauncher::start(const pb::ReplicaKey& key, std::optional<milliseconds> deadline) {
  auto* replica = find(key);
  if (replica == nullptr) {
    ReplicaExit exit;
    *exit.mutable_key() = key;
    exit.set_cause(pb::EXIT_CAUSE_SPAWN_FAILED);
    exit.set_detail("its attempt was not prepared");
    return add_event(exit);
  }
  if (replica->running)
    return;  // asked twice
  auto& attempt = attempts_.at(attempt_of(key));
  replica->running = true;
  replica->sent = false;
  replica->restart = key.restart();
  replica->pid = 0;
  replica->pidfd.reset();
  replica->kill_at_ms.reset();
  replica->started_at_ms = wall_clock_ms();
  // First, so that the time which a keeper takes to start is not taken from the deadline; send() tells of its failure.
  [[maybe_unused]] auto ready = ensure_keeper();
  auto request = start_request(attempt, *replica, key, deadline);
  if (!request)
    return end(key, pb::EXIT_CAUSE_SPAWN_FAILED, request.error().message);
  send(*request);
  replica->sent = true;
}

void ProcessLauncher::stop(const pb::ReplicaKey& key, milliseconds grace) {
  auto* replica = find(key);
  if (replica == nullptr || !replica->running || replica->restart != key.restart())
    return;
  auto kill_at = monotonic_ms() + grace.count();
  replica->kill_at_ms = std::min(replica->kill_at_ms.value_or(kill_at), kill_at);
  pb::KeeperRequest request;
  *request.mutable_stop()->mutable_key() = key;
  request.mutable_stop()->set_grace_ms(grace.count());
  send(request);
}

/// An end that no keeper tells.
void ProcessLauncher::end(const pb::ReplicaKey& key, pb::ExitCause cause, const std::string& why) {
  ReplicaExit exit;
  *exit.mutable_key() = key;
  exit.set_cause(cause);
  exit.set_detail(why);
  exit.set_ended_at_ms(wall_clock_ms());
  auto attempt = attempts_.find(attempt_of(key));
  if (attempt != attempts_.end()) {
    exit.set_detail(attempt->second.secrets.clean(why));
    // For an agent that restarts before this exit is durable.
    [[maybe_unused]] auto written = write_exit(attempt->second.folder.replica(key.replica()), exit);
  }
  take_exit(exit);
}

// --- events ------------------------------------------------------------------------------------------------------

std::vector<LauncherEvent> ProcessLauncher::poll(Time) {
  bool lost = false;
  for (auto& [event, pidfd] : keeper_.take(lost))
    take(event, std::move(pidfd));
  if (lost)
    recover();
  return std::exchange(events_, {});
}

void ProcessLauncher::take(const pb::KeeperEvent& event, FileDescriptor pidfd) {
  if (event.has_started()) {
    auto* replica = find(event.started().key());
    if (replica == nullptr || !replica->running ||
        replica->restart != event.started().key().restart())
      return;
    replica->pid = event.started().pid();
    replica->start_ticks = event.started().pid_start_ticks();
    replica->pidfd = std::move(pidfd);
    events_.emplace_back(event.started());
  } else if (event.has_exit()) {
    auto attempt = event.kept() ? attempts_.find(attempt_of(event.exit().key())) : attempts_.end();
    if (attempt != attempts_.end())
      attempt->second.kept_by_keeper = true;
    take_exit(event.exit());
  } else if (event.has_notice()) {
    auto attempt = attempts_.find(attempt_of(event.notice().key()));
    if (attempt != attempts_.end())
      events_.emplace_back(
          LauncherNotice{attempt->first, event.notice().key().replica() + ": " +
                                             attempt->second.secrets.clean(event.notice().text())});
  }
}

/// An exit counts once, and only of a start that is waited for.
void ProcessLauncher::take_exit(const ReplicaExit& exit) {
  auto* replica = find(exit.key());
  if (replica == nullptr && unclaimed_.size() < unclaimed_max)
    unclaimed_.push_back(exit);  // of an attempt that is going to be adopted, perhaps
  if (replica == nullptr || !replica->running || replica->restart != exit.key().restart())
    return;
  replica->running = false;
  replica->pidfd.reset();
  ReplicaExit told = exit;
  bool failed =
      exit.cause() == pb::EXIT_CAUSE_EXITED && (exit.exit_code() != 0 || exit.signal() != 0);
  const auto& attempt = attempts_.at(attempt_of(exit.key()));
  if (failed && exit.detail().empty())  // a user's first question
    told.set_detail(
        last_line_of(attempt.folder.replica(exit.key().replica()) + "/stderr", attempt.secrets));
  else
    told.set_detail(attempt.secrets.clean(exit.detail()));
  add_event(std::move(told));
}

// --- reports and adoption ----------------------------------------------------------------------------------------

Result<ReportBatch> ProcessLauncher::read_reports(const pb::ReplicaKey& key,
                                                  std::int64_t after_line, std::size_t lines_max,
                                                  bool ended) {
  auto* replica = find(key);
  if (replica == nullptr)
    return fail(ErrorCode::not_found, "no attempt prepared for the reports of " + key.replica());
  auto& attempt = attempts_.at(attempt_of(key));
  auto read = [&]() -> Result<ReportBatch> {
    if (replica->collector)
      if (auto collected = replica->collector->collect(ended); !collected)
        return tl::unexpected(collected.error());
    auto reader = reader_of(attempt, *replica);
    if (!reader)
      return tl::unexpected(reader.error());
    return (*reader)->read(after_line, lines_max, ended);
  };
  auto batch = read();
  if (!batch)
    batch.error().message = attempt.secrets.clean(batch.error().message);
  return batch;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> found;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!std::string_view(*entry).starts_with("PGPASSWORD="))  // of our own store
      found.emplace_back(*entry);
  return found;
}

std::vector<std::string> environment_of(const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const auto& name : names)
    if (const char* value = std::getenv(name.c_str()))
      found.push_back(name + "=" + value);
  return found;
}

std::unique_ptr<Launcher> make_process_launcher(ProcessLauncherOptions options) {
  return std::make_unique<ProcessLauncher>(std::move(options));
}

}  // namespace autotune
