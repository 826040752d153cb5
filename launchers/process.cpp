#include "launchers/process.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>

#include "launchers/job_folder.hpp"
#include "launchers/keeper_client.hpp"
#include "launchers/ports.hpp"
#include "launchers/process_tree.hpp"
#include "launchers/replica_environment.hpp"
#include "launchers/report_reader.hpp"

extern char** environ;

namespace autotune {

namespace {

using std::chrono::milliseconds;

AttemptKey attempt_of(const pb::ReplicaKey& key) { return {key.experiment_id(), key.sequence(), key.attempt()}; }
AttemptKey attempt_of(const pb::AttemptPlan& plan) {
  return {plan.experiment_id(), plan.sequence(), plan.attempt()};
}

pb::ReplicaKey key_of(const pb::AttemptPlan& plan, const std::string& replica, int restart) {
  pb::ReplicaKey key;
  key.set_experiment_id(plan.experiment_id());
  key.set_sequence(plan.sequence());
  key.set_attempt(plan.attempt());
  key.set_replica(replica);
  key.set_restart(restart);
  return key;
}

// Exits of attempts that a restarted agent has not adopted yet; their exit files say the same, mostly.
constexpr std::size_t unclaimed_max = 10000;

/// One replica of a prepared attempt.
struct Replica {
  ReplicaPlace place;
  std::optional<ReportReader> reader;
  // Its newest start, until its exit was told.
  bool running = false;
  int restart = 0;
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  FileDescriptor pidfd;
  pb::KeeperStart request;  // as it was sent, without argv and env: what a new keeper has to know
  std::int64_t started_at_ms = 0;
};

struct Attempt {
  pb::AttemptPlan plan;
  JobFolder folder;
  PortReservation ports;
  std::map<std::string, Replica> replicas;
};

class ProcessLauncher : public Launcher {
 public:
  explicit ProcessLauncher(ProcessLauncherOptions options);
  Result<void> prepare(const pb::AttemptPlan& plan) override;
  void start(const pb::ReplicaKey& key, std::optional<milliseconds> deadline) override;
  void stop(const pb::ReplicaKey& key, milliseconds grace) override;
  std::vector<LauncherEvent> poll(Time now) override;
  std::optional<Time> next_wakeup() const override { return std::nullopt; }
  void on_activity(std::function<void()> wake) override;
  Result<ReportBatch> read_reports(const pb::ReplicaKey& key, std::int64_t after_line, std::size_t lines_max,
                                   bool ended) override;
  Result<std::vector<AdoptedReplica>> adopt(const pb::AttemptPlan& plan) override;
  void release(const AttemptKey& attempt) override;
  void renew_lease(milliseconds lease) override;

 private:
  Result<Attempt*> add_attempt(const pb::AttemptPlan& plan);
  Result<void> make_ready(Attempt& attempt);
  bool was_started(const pb::ReplicaKey& key, const std::string& folder) const;
  Replica* find(const pb::ReplicaKey& key);
  Result<void> ensure_keeper();
  void send(const pb::KeeperRequest& request);
  void recover();
  void hand_over(Attempt& attempt, Replica& replica);
  pb::KeeperStart frame_of(const Attempt& attempt, const Replica& replica, const pb::ReplicaKey& key) const;
  Result<pb::KeeperRequest> start_request(Attempt& attempt, Replica& replica, const pb::ReplicaKey& key,
                                          std::optional<milliseconds> deadline);
  void take(const pb::KeeperEvent& event, FileDescriptor pidfd);
  void take_exit(const ReplicaExit& exit);
  void refuse(const pb::ReplicaKey& key, const std::string& why);
  void lose(const pb::ReplicaKey& key, const std::string& why);
  void add_event(LauncherEvent event);
  AttemptContext context_of(const Attempt& attempt) const;

  ProcessLauncherOptions options_;
  std::map<AttemptKey, Attempt> attempts_;
  std::vector<LauncherEvent> events_;   // what poll gives next
  std::vector<ReplicaExit> unclaimed_;  // of attempts that nobody has prepared or adopted yet
  std::mutex wake_mutex_;
  std::function<void()> wake_;
  std::optional<pb::KeeperLease> lease_;
  StartNotes notes_;
  KeeperClient keeper_;  // last: its thread ends first
};

std::string ports_path(const JobFolder& folder) { return folder.attempt() + "/ports"; }

Result<void> note_ports(const JobFolder& folder, const std::vector<std::uint16_t>& ports) {
  std::string text;
  for (auto port : ports)
    text += std::to_string(port) + "\n";
  return write_whole_file(ports_path(folder), text);
}

/// None where none are noted.
std::vector<std::uint16_t> read_ports(const JobFolder& folder) {
  constexpr std::size_t bytes_max = 64 * 1024;  // ten thousand replicas
  std::vector<std::uint16_t> ports;
  auto text = read_whole_file(ports_path(folder), bytes_max);
  std::istringstream in(text.value_or(""));
  for (std::uint16_t port = 0; in >> port;)
    ports.push_back(port);
  return ports;
}

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
  if (ensure_keeper() && keeper_.send(request))
    return;
  recover();
  if (auto sent = keeper_.send(request); !sent && request.has_start())
    refuse(request.start().key(), sent.error().message);
}

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
      if (replica.running)
        hand_over(attempt, replica);
}

/// A replica of a keeper that has died: its exit file says how it ended, or the new keeper takes it over.
void ProcessLauncher::hand_over(Attempt& attempt, Replica& replica) {
  auto key = key_of(attempt.plan, replica.place.name, replica.restart);
  for (const auto& running : keeper_.welcome().running())
    if (keeper_.connected() && running.key().SerializeAsString() == key.SerializeAsString())
      return;  // the same keeper: only the connection had broken
  auto exit = newest_exit(attempt.folder.replica(replica.place.name));
  if (exit && exit->key().restart() == replica.restart)
    return take_exit(*exit);
  if (replica.pid == 0) {  // asked to start, not heard of since
    auto found = first_marked(marker_of(options_.home, key));
    if (!found)
      return lose(key, "its keeper died before it said whether it started");
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
  *adopt.mutable_start() = replica.request;
  adopt.set_pid(replica.pid);
  adopt.set_pid_start_ticks(replica.start_ticks);
  adopt.set_started_at_ms(replica.started_at_ms);
  if (auto sent = keeper_.send(request, replica.pidfd.value()); !sent)
    lose(key, "its keeper died, and no new one can be started: " + sent.error().message);
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

Result<Attempt*> ProcessLauncher::add_attempt(const pb::AttemptPlan& plan) {
  auto folder = JobFolder::of(options_.home, plan);
  if (!folder)
    return tl::unexpected(folder.error());
  auto& attempt = attempts_[attempt_of(plan)];
  attempt.plan = plan;
  attempt.folder = std::move(*folder);
  attempt.replicas.clear();
  for (auto& place : replicas_of(attempt.plan)) {
    auto& replica = attempt.replicas[place.name];
    replica.place = std::move(place);
  }
  return &attempt;
}

Result<void> ProcessLauncher::prepare(const pb::AttemptPlan& plan) {
  auto added = add_attempt(plan);
  if (!added)
    return tl::unexpected(added.error());
  auto& attempt = **added;
  auto give_up = [&](const Error& error) {
    attempts_.erase(attempt_of(plan));
    return tl::unexpected(error);
  };
  if (attempt.replicas.empty())
    return give_up({ErrorCode::invalid_argument, "trainingConfig asks for no replica"});
  if (auto ready = make_ready(attempt); !ready)
    return give_up(ready.error());
  return {};
}

/// Makes the folder, and takes ports: those that are noted there, for a restarted agent must name the same.
Result<void> ProcessLauncher::make_ready(Attempt& attempt) {
  if (auto made = attempt.folder.make(attempt.plan); !made)
    return made;
  auto count = ports_needed(attempt.plan.training_config());
  if (count == 0)
    return {};
  auto noted = read_ports(attempt.folder);
  if (noted.size() == count) {
    attempt.ports = PortReservation::retake(noted);
    return {};
  }
  auto ports = PortReservation::take(count);
  if (!ports)
    return tl::unexpected(ports.error());
  attempt.ports = std::move(*ports);
  return note_ports(attempt.folder, attempt.ports.ports());
}

void ProcessLauncher::release(const AttemptKey& key) {
  auto found = attempts_.find(key);
  if (found == attempts_.end())
    return;
  attempts_.erase(found);
}

Replica* ProcessLauncher::find(const pb::ReplicaKey& key) {
  auto attempt = attempts_.find(attempt_of(key));
  if (attempt == attempts_.end())
    return nullptr;
  auto replica = attempt->second.replicas.find(key.replica());
  return replica == attempt->second.replicas.end() ? nullptr : &replica->second;
}

AttemptContext ProcessLauncher::context_of(const Attempt& attempt) const {
  return {&attempt.plan, &attempt.folder, attempt.ports.ports(), &options_.base_environment,
          options_.sdk_path};
}

// --- starting and stopping ---------------------------------------------------------------------------------------

/// What a keeper has to know of a replica beside its command.
pb::KeeperStart ProcessLauncher::frame_of(const Attempt& attempt, const Replica& replica,
                                          const pb::ReplicaKey& key) const {
  pb::KeeperStart start;
  *start.mutable_key() = key;
  start.set_folder(attempt.folder.replica(replica.place.name));
  auto grace = replica.place.task->termination_grace_period_ms();
  start.set_grace_ms(grace > 0 ? grace : options_.grace.count());
  start.set_marker(marker_of(options_.home, key));
  auto& limits = *start.mutable_limits();
  const auto& asked = replica.place.task->container().limits();
  limits.set_memory_bytes(asked.memory_bytes());
  limits.set_cpu(asked.cpu());
  limits.set_pids_max(options_.processes_max);
  limits.set_own_cgroup(options_.cgroup_per_trial);
  limits.set_log_bytes(attempt.plan.log_limit_bytes() > 0 ? attempt.plan.log_limit_bytes()
                                                          : options_.log_bytes_max);
  return start;
}

Result<pb::KeeperRequest> ProcessLauncher::start_request(Attempt& attempt, Replica& replica,
                                                         const pb::ReplicaKey& key,
                                                         std::optional<milliseconds> deadline) {
  auto command = command_of(context_of(attempt), replica.place);
  if (!command)
    return tl::unexpected(command.error());
  auto folder = attempt.folder.replica(replica.place.name);
  auto noted = notes_.write(folder, key.restart(), command->environment);
  if (!noted)
    return tl::unexpected(noted.error());
  pb::KeeperRequest request;
  auto& start = *request.mutable_start();
  start = frame_of(attempt, replica, key);
  for (auto& word : command->argv)
    start.add_argv(std::move(word));
  for (auto& entry : command->environment)
    start.add_env(std::move(entry));
  start.set_cwd(command->folder);
  if (deadline)
    start.set_deadline_at_ms(monotonic_ms() + std::max<std::int64_t>(1, deadline->count()));
  for (auto& text : command->notices)
    add_event(LauncherNotice{attempt_of(attempt.plan), replica.place.name + ": " + text});
  return request;
}

void ProcessLauncher::start(const pb::ReplicaKey& key, std::optional<milliseconds> deadline) {
  auto* replica = find(key);
  if (replica == nullptr)
    return add_event([&] {
      ReplicaExit exit;
      *exit.mutable_key() = key;
      exit.set_cause(pb::EXIT_CAUSE_SPAWN_FAILED);
      exit.set_detail("its attempt was not prepared");
      return exit;
    }());
  auto& attempt = attempts_.at(attempt_of(key));
  replica->running = true;
  replica->restart = key.restart();
  replica->pid = 0;
  replica->pidfd.reset();
  replica->started_at_ms = wall_clock_ms();
  auto request = start_request(attempt, *replica, key, deadline);
  if (!request)
    return refuse(key, request.error().message);
  send(*request);
  replica->request = std::move(*request->mutable_start());
  replica->request.clear_argv();
  replica->request.clear_env();
}

void ProcessLauncher::stop(const pb::ReplicaKey& key, milliseconds grace) {
  auto* replica = find(key);
  if (replica == nullptr || !replica->running || replica->restart != key.restart())
    return;
  pb::KeeperRequest request;
  *request.mutable_stop()->mutable_key() = key;
  request.mutable_stop()->set_grace_ms(grace.count());
  send(request);
}

void ProcessLauncher::refuse(const pb::ReplicaKey& key, const std::string& why) {
  ReplicaExit exit;
  *exit.mutable_key() = key;
  exit.set_cause(pb::EXIT_CAUSE_SPAWN_FAILED);
  exit.set_detail(why);
  exit.set_started_at_ms(wall_clock_ms());
  exit.set_ended_at_ms(exit.started_at_ms());
  auto attempt = attempts_.find(attempt_of(key));
  if (attempt != attempts_.end()) {
    // For an agent that restarts before this exit is durable.
    [[maybe_unused]] auto written = write_whole_file(
        exit_path(attempt->second.folder.replica(key.replica()), key.restart()), exit_to_json(exit));
  }
  take_exit(exit);
}

void ProcessLauncher::lose(const pb::ReplicaKey& key, const std::string& why) {
  ReplicaExit exit;
  *exit.mutable_key() = key;
  exit.set_cause(pb::EXIT_CAUSE_LOST);
  exit.set_detail(why);
  exit.set_ended_at_ms(wall_clock_ms());
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
    if (replica == nullptr || !replica->running || replica->restart != event.started().key().restart())
      return;
    replica->pid = event.started().pid();
    replica->start_ticks = event.started().pid_start_ticks();
    replica->pidfd = std::move(pidfd);
    events_.emplace_back(event.started());
  } else if (event.has_exit()) {
    take_exit(event.exit());
  } else if (event.has_notice()) {
    events_.emplace_back(LauncherNotice{attempt_of(event.notice().key()),
                                        event.notice().key().replica() + ": " + event.notice().text()});
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
  add_event(exit);
}

// --- reports and adoption ----------------------------------------------------------------------------------------

Result<ReportBatch> ProcessLauncher::read_reports(const pb::ReplicaKey& key, std::int64_t after_line,
                                                  std::size_t lines_max, bool ended) {
  auto* replica = find(key);
  if (replica == nullptr)
    return fail(ErrorCode::not_found, "no attempt prepared for the reports of " + key.replica());
  if (!replica->reader)
    replica->reader.emplace(attempts_.at(attempt_of(key)).folder.reports(key.replica()), key);
  return replica->reader->read(after_line, lines_max, ended);
}

/// False where the agent died after the start note and before the keeper heard of it: then nothing ran, and nothing is
/// lost. A restart finds the files of the start before it, so there we cannot tell.
bool ProcessLauncher::was_started(const pb::ReplicaKey& key, const std::string& folder) const {
  auto bytes = key.SerializeAsString();
  for (const auto& running : keeper_.welcome().running())
    if (running.key().SerializeAsString() == bytes)
      return true;
  return key.restart() > 0 || ::access((folder + "/stdout").c_str(), F_OK) == 0 ||
         first_marked(marker_of(options_.home, key)).has_value();
}

Result<std::vector<AdoptedReplica>> ProcessLauncher::adopt(const pb::AttemptPlan& plan) {
  auto added = add_attempt(plan);
  if (!added)
    return tl::unexpected(added.error());
  if (auto connected = ensure_keeper(); !connected)
    return tl::unexpected(connected.error());
  std::vector<AdoptedReplica> found;
  auto& attempt = **added;
  for (auto& [name, replica] : attempt.replicas) {
    auto folder = attempt.folder.replica(name);
    auto exit = newest_exit(folder);
    auto started = newest_start(folder);
    auto restart = std::max(started.value_or(-1), exit ? exit->key().restart() : -1);
    auto look_at = [&](const ReplicaExit& kept) {
      if (attempt_of(kept.key()) == attempt_of(plan) && kept.key().replica() == name &&
          kept.key().restart() >= restart)
        exit = kept;
    };
    std::for_each(keeper_.welcome().exits().begin(), keeper_.welcome().exits().end(), look_at);
    std::for_each(unclaimed_.begin(), unclaimed_.end(), look_at);
    if (exit)
      restart = std::max(restart, exit->key().restart());
    if (restart < 0)
      continue;
    auto key = key_of(plan, name, restart);
    if (exit && exit->key().restart() == restart) {
      found.push_back({key, exit});
      continue;
    }
    if (!was_started(key, folder))
      continue;
    replica.running = true;
    replica.restart = restart;
    replica.request = frame_of(attempt, replica, key);
    bool kept = false;
    for (const auto& running : keeper_.welcome().running()) {
      if (attempt_of(running.key()) != attempt_of(plan) || running.key().replica() != name ||
          running.key().restart() != restart)
        continue;
      kept = true;
      if (running.pid() == 0)
        continue;  // being started; its event comes
      replica.pid = running.pid();
      replica.start_ticks = running.pid_start_ticks();
      replica.pidfd = open_process(replica.pid, replica.start_ticks);
    }
    if (!kept)
      hand_over(attempt, replica);
    found.push_back({key, std::nullopt});
  }
  if (found.empty()) {
    if (auto ready = make_ready(attempt); !ready) {
      attempts_.erase(attempt_of(plan));
      return tl::unexpected(ready.error());
    }
  } else {  // restarts, and replicas that were not started yet, name the ports that their peers know
    attempt.ports = PortReservation::retake(read_ports(attempt.folder));
  }
  return found;
}

}  // namespace

std::vector<std::string> own_environment() {
  std::vector<std::string> found;
  for (char** entry = environ; *entry != nullptr; ++entry)
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
