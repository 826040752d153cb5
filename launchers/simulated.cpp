#include "launchers/simulated.hpp"

#include <algorithm>
#include <csignal>

namespace autotune {

namespace {

using std::chrono::milliseconds;

AttemptKey attempt_of(const pb::ReplicaKey& key) {
  return {key.experiment_id(), key.sequence(), key.attempt()};
}
AttemptKey attempt_of(const pb::AttemptPlan& plan) {
  return {plan.experiment_id(), plan.sequence(), plan.attempt()};
}

}  // namespace

SimulatedLauncher::SimulatedLauncher(SimulatedOptions options) : options_(std::move(options)) {
  if (!options_.behaviour)
    options_.behaviour = formula_behaviour;
}

Time SimulatedLauncher::now() const {
  return options_.clock ? options_.clock() : Time::clock::now();
}

void SimulatedLauncher::on_activity(std::function<void()> wake) { wake_ = std::move(wake); }

void SimulatedLauncher::wake() {
  if (wake_)
    wake_();
}

SimulatedLauncher::Replica* SimulatedLauncher::find(const pb::ReplicaKey& key) {
  auto attempt = attempts_.find(attempt_of(key));
  if (attempt == attempts_.end())
    return nullptr;
  auto replica = attempt->second.replicas.find(key.replica());
  return replica == attempt->second.replicas.end() ? nullptr : &replica->second;
}

Result<void> SimulatedLauncher::prepare(const pb::AttemptPlan& plan) {
  auto& attempt = attempts_[attempt_of(plan)];
  attempt.plan = plan;
  attempt.replicas.clear();
  for (const auto& task : plan.training_config().tasks()) {
    for (int i = 0; i < task.replicas(); ++i) {
      auto name = task.role() + "-" + std::to_string(i);
      auto& replica = attempt.replicas[name];
      replica.key.set_experiment_id(plan.experiment_id());
      replica.key.set_sequence(plan.sequence());
      replica.key.set_attempt(plan.attempt());
      replica.key.set_replica(name);
    }
  }
  return {};
}

void SimulatedLauncher::push(Time at, What what, const Replica& replica, LauncherEvent event) {
  queue_.push({at, order_++, what, attempt_of(replica.key), replica.key.replica(),
               replica.generation, std::move(event)});
}

void SimulatedLauncher::start(const pb::ReplicaKey& key, std::optional<milliseconds> deadline) {
  auto* replica = find(key);
  if (replica == nullptr || (replica->started && !replica->ended))
    return;  // not prepared, or asked twice
  ++starts_;
  auto begin = now();
  if (replica->started)
    replica->written = std::move(replica->run.reports);
  replica->key = key;
  replica->started = true;
  replica->ended = false;
  replica->begin = begin;
  auto run = options_.behaviour(attempts_.at(attempt_of(key)).plan, key);
  if (run)
    replica->run = std::move(*run);
  else
    replica->run = SimulatedRun{{}, {}, 0, 0, run.error().message, false};
  auto random = simulated_random(options_.seed, key);
  const auto& faults = options_.faults;
  if (uniform_of(random) < faults.failed_spawn)
    replica->run.spawn_error = "simulated: no process could be started";
  bool lost = uniform_of(random) < faults.lost;
  auto lost_after =
      replica->run.duration * static_cast<std::int64_t>(uniform_of(random) * 1000) / 1000;
  replica->late = uniform_of(random) < faults.late_events;
  replica->doubled = uniform_of(random) < faults.doubled_events;
  replica->run.ignores_term = replica->run.ignores_term || uniform_of(random) < faults.ignores_term;
  auto& told = replica->exit;
  told = {};
  *told.mutable_key() = key;
  ++running_;
  running_max_ = std::max(running_max_, running_);
  if (!replica->run.spawn_error.empty()) {
    told.set_detail(replica->run.spawn_error);
    replica->run.reports.clear();
    end_at(*replica, begin, pb::EXIT_CAUSE_SPAWN_FAILED, 0, 0);
    return wake();
  }
  push(begin, What::started, *replica);
  auto end = begin + replica->run.duration;
  if (lost && (!deadline || lost_after < *deadline))
    end_at(*replica, begin + lost_after, pb::EXIT_CAUSE_LOST, 0, 0);
  else if (deadline && begin + *deadline < end)
    end_at(*replica, begin + *deadline, pb::EXIT_CAUSE_DEADLINE, 0,
           replica->run.ignores_term ? SIGKILL : SIGTERM);
  else
    end_at(*replica, end, pb::EXIT_CAUSE_EXITED, replica->run.exit_code, replica->run.signal);
  wake();
}

void SimulatedLauncher::end_at(Replica& replica, Time at, pb::ExitCause cause, int exit_code,
                               int signal) {
  ++replica.generation;
  replica.end = at;
  replica.exit.set_cause(cause);
  replica.exit.set_exit_code(exit_code);
  replica.exit.set_signal(signal);
  push(at, What::ended, replica);
}

void SimulatedLauncher::stop(const pb::ReplicaKey& key, milliseconds grace) {
  auto* replica = find(key);
  if (replica == nullptr || !replica->started || replica->ended ||
      replica->key.restart() != key.restart())
    return;
  auto at = now();
  bool deaf = replica->run.ignores_term && grace.count() > 0;
  auto end = deaf ? at + grace : at;
  if (end >= replica->end)
    return;  // it is gone by then anyway
  end_at(*replica, end, pb::EXIT_CAUSE_STOPPED, 0, deaf || grace.count() == 0 ? SIGKILL : SIGTERM);
  wake();
}

void SimulatedLauncher::finish(Replica& replica) {
  replica.ended = true;
  --running_;
  auto ran = replica.end - replica.begin;
  std::erase_if(replica.run.reports,
                [&](const SimulatedReport& report) { return report.after > ran; });
  if (!replica.written.empty()) {
    replica.written.insert(replica.written.end(), replica.run.reports.begin(),
                           replica.run.reports.end());
    replica.run.reports = std::move(replica.written);
    replica.written.clear();
  }
}

void SimulatedLauncher::deliver(Due due, std::vector<LauncherEvent>& events) {
  if (due.what == What::again) {
    events.push_back(std::move(due.event));
    return;
  }
  auto attempt = attempts_.find(due.attempt);
  if (attempt == attempts_.end())
    return;
  auto found = attempt->second.replicas.find(due.replica);
  if (found == attempt->second.replicas.end())
    return;
  auto& replica = found->second;
  LauncherEvent event;
  if (due.what == What::started) {
    ReplicaStarted started;
    *started.mutable_key() = replica.key;
    event = std::move(started);
  } else {
    if (replica.ended || due.generation != replica.generation)
      return;  // it ended otherwise
    finish(replica);
    event = replica.exit;
  }
  auto random = simulated_random(options_.seed ^ 0xfa17, replica.key);
  auto lateness =
      options_.faults.lateness * static_cast<std::int64_t>(uniform_of(random) * 1000) / 1000;
  if (replica.doubled)
    push(due.at + lateness, What::again, replica, event);
  if (replica.late)
    push(due.at + lateness / 2, What::again, replica, std::move(event));
  else
    events.push_back(std::move(event));
}

std::vector<LauncherEvent> SimulatedLauncher::poll(Time now) {
  std::vector<LauncherEvent> events;
  expire_lease(now);
  while (!queue_.empty() && queue_.top().at <= now) {
    auto due = queue_.top();
    queue_.pop();
    deliver(std::move(due), events);
  }
  return events;
}

std::optional<Time> SimulatedLauncher::next_wakeup() const {
  std::optional<Time> next;
  if (!queue_.empty())
    next = queue_.top().at;
  if (lease_until_ && running_ > 0 && (!next || *lease_until_ < *next))
    next = *lease_until_;
  return next;
}

void SimulatedLauncher::expire_lease(Time now) {
  if (!lease_until_ || now < *lease_until_)
    return;
  auto until = *std::exchange(lease_until_, std::nullopt);
  for (auto& [key, attempt] : attempts_)
    for (auto& [name, replica] : attempt.replicas)
      if (replica.started && !replica.ended && replica.end > until)
        end_at(replica, until, pb::EXIT_CAUSE_LEASE, 0, SIGTERM);
}

void SimulatedLauncher::renew_lease(milliseconds lease) { lease_until_ = now() + lease; }

void SimulatedLauncher::lose_all() {
  auto at = now();
  for (auto& [key, attempt] : attempts_)
    for (auto& [name, replica] : attempt.replicas)
      if (replica.started && !replica.ended)
        end_at(replica, at, pb::EXIT_CAUSE_LOST, 0, 0);
  wake();
}

std::vector<pb::ReplicaKey> SimulatedLauncher::running_now() const {
  std::vector<pb::ReplicaKey> keys;
  auto at = now();
  for (const auto& [key, attempt] : attempts_)
    for (const auto& [name, replica] : attempt.replicas)
      if (replica.started && !replica.ended && replica.run.spawn_error.empty() && replica.end > at)
        keys.push_back(replica.key);
  return keys;
}

Result<ReportBatch> SimulatedLauncher::read_reports(const pb::ReplicaKey& key,
                                                    std::int64_t after_line, std::size_t lines_max,
                                                    bool) {
  ReportBatch batch;
  batch.last_line = after_line;
  auto* replica = find(key);
  if (replica == nullptr || !replica->started)
    return batch;
  auto ran = std::min(now(), replica->end) - replica->begin;
  auto before = static_cast<std::int64_t>(replica->written.size());
  auto count = before + static_cast<std::int64_t>(replica->run.reports.size());
  for (auto line = after_line + 1; line <= count; ++line) {
    const auto& one = line <= before
                          ? replica->written[static_cast<std::size_t>(line - 1)]
                          : replica->run.reports[static_cast<std::size_t>(line - 1 - before)];
    if (!replica->ended && line > before && one.after > ran)
      break;
    if (batch.reports.size() >= lines_max) {
      batch.more = true;
      break;
    }
    auto& report = batch.reports.emplace_back();
    report.set_sequence(key.sequence());
    report.set_attempt(key.attempt());
    report.set_replica(key.replica());
    report.set_line(line);
    report.set_kind(one.kind);
    report.set_step(one.step);
    for (const auto& [name, value] : one.metrics) {
      auto* metric = report.add_metrics();
      metric->set_name(name);
      metric->set_value(value);
    }
    batch.last_line = line;
  }
  return batch;
}

Result<std::vector<AdoptedReplica>> SimulatedLauncher::adopt(const pb::AttemptPlan& plan) {
  std::vector<AdoptedReplica> found;
  auto attempt = attempts_.find(attempt_of(plan));
  if (attempt == attempts_.end()) {
    if (auto prepared = prepare(plan); !prepared)
      return tl::unexpected(prepared.error());
    return found;
  }
  auto at = now();
  for (auto& [name, replica] : attempt->second.replicas) {
    if (!replica.started)
      continue;
    if (!replica.ended && replica.end <= at)
      finish(replica);  // its exit stands in the folder by now; the event in the queue is void
    found.push_back({replica.key, replica.ended ? std::optional(replica.exit) : std::nullopt});
  }
  return found;
}

void SimulatedLauncher::release(const AttemptKey& attempt) {
  auto found = attempts_.find(attempt);
  if (found == attempts_.end())
    return;
  for (const auto& [name, replica] : found->second.replicas)
    if (replica.started && !replica.ended)
      --running_;
  attempts_.erase(found);
}

}  // namespace autotune
