#include "actors/supervisor_core.hpp"

#include <algorithm>
#include <cstring>

namespace autotune {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds grace_default{5000};  // as the experiment spec says for one machine

bool same_replica(const pb::ReplicaKey& a, const pb::ReplicaKey& b) {
  return a.replica() == b.replica() && a.attempt() == b.attempt() && a.sequence() == b.sequence() &&
         a.experiment_id() == b.experiment_id();
}

bool succeeded(const ReplicaExit& exit) {
  return exit.cause() == pb::EXIT_CAUSE_EXITED && exit.exit_code() == 0 && exit.signal() == 0;
}

/// The exit code as a shell gives it: 128 + signal for a killed process.
int shell_code(const ReplicaExit& exit) {
  return exit.signal() != 0 ? 128 + exit.signal() : exit.exit_code();
}

}  // namespace

std::size_t deciding_replica(const pb::TrainingConfig& training) {
  const std::string first = training.type() == "tensorflow" ? "chief" : "master";
  std::size_t index = 0;
  std::optional<std::size_t> worker;
  for (const auto& task : training.tasks()) {
    if (task.role() == first && task.replicas() > 0)
      return index;
    if (task.role() == "worker" && !worker && task.replicas() > 0)
      worker = index;
    index += static_cast<std::size_t>(task.replicas());
  }
  return worker.value_or(0);
}

std::string describe_exit(const ReplicaExit& exit) {
  auto with_detail = [&](std::string text) {
    return exit.detail().empty() ? text : text + ": " + exit.detail();
  };
  switch (exit.cause()) {
    case pb::EXIT_CAUSE_OUT_OF_MEMORY: return with_detail("out of memory");
    case pb::EXIT_CAUSE_DEADLINE: return with_detail("deadline exceeded");
    case pb::EXIT_CAUSE_LEASE: return with_detail("its node's lease ran out");
    case pb::EXIT_CAUSE_SPAWN_FAILED: return with_detail("could not be started");
    case pb::EXIT_CAUSE_LOST: return with_detail("its process is gone and nobody saw how it ended");
    default: break;
  }
  if (exit.signal() != 0)
    return with_detail("signal " + std::to_string(exit.signal()) + " (" + strsignal(exit.signal()) +
                       ")");
  return with_detail("exit code " + std::to_string(exit.exit_code()));
}

SupervisorCore::SupervisorCore(pb::AttemptPlan plan, SupervisorLimits limits)
    : plan_(std::move(plan)), limits_(limits) {
  for (const auto& task : plan_.training_config().tasks()) {
    for (int i = 0; i < task.replicas(); ++i) {
      Replica replica;
      replica.key.set_experiment_id(plan_.experiment_id());
      replica.key.set_sequence(plan_.sequence());
      replica.key.set_attempt(plan_.attempt());
      replica.key.set_replica(task.role() + "-" + std::to_string(i));
      replica.task = &task;
      replicas_.push_back(std::move(replica));
    }
  }
  decider_ = deciding_replica(plan_.training_config());
}

SupervisorEffects SupervisorCore::on_prepared(Time now) {
  SupervisorEffects effects;
  if (plan_.deadline_ms() > 0)
    deadline_ = now + milliseconds(plan_.deadline_ms());
  if (stopping_) {  // stopped before anything ran
    for (auto& replica : replicas_) {
      replica.state = State::exited;
      replica.drained = true;
    }
    decide("Stopped", stop_reason_, nullptr);
    finish_if_over(effects);
    return effects;
  }
  for (auto& replica : replicas_)
    start(now, replica, effects);
  return effects;
}

SupervisorEffects SupervisorCore::on_refused(const Error& error) {
  SupervisorEffects effects;
  for (auto& replica : replicas_) {
    replica.state = State::exited;
    replica.drained = true;
  }
  // The node's fault, not the trial's: a full disk, no ports, no keeper.
  bool of_node =
      error.code == ErrorCode::resource_exhausted || error.code == ErrorCode::unavailable;
  decide(of_node ? "NodeLost" : "Failed", error.message, nullptr);
  finish_if_over(effects);
  return effects;
}

SupervisorEffects SupervisorCore::on_adopted(Time now, const std::vector<AdoptedReplica>& adopted) {
  if (adopted.empty())
    return on_prepared(now);
  SupervisorEffects effects;
  if (plan_.deadline_ms() > 0)
    deadline_ =
        now +
        milliseconds(plan_.deadline_ms());  // of later restarts; the keeper holds that of what runs
  for (const auto& one : adopted) {
    auto* replica = find(one.key);
    if (replica == nullptr)
      continue;
    replica->key.set_restart(one.key.restart());
    replica->state = State::running;
    restarts_used_ += one.key.restart();
  }
  effects.push_back(started_news());
  next_read_ = now;
  for (const auto* exit : in_order_of_weight(adopted)) {
    auto more = on_exit(now, *exit);
    std::move(more.begin(), more.end(), std::back_inserter(effects));
  }
  for (auto& replica : replicas_) {  // the crash fell between two starts
    if (replica.state == State::waiting && !replica.restart_at && !outcome_ && !stopping_)
      start(now, replica, effects);
    else if (replica.state == State::waiting && !replica.restart_at) {
      replica.state = State::exited;
      replica.drained = true;
    }
  }
  if (stopping_)
    stop_others(effects, false);
  finish_if_over(effects);
  return effects;
}

/// Exits that nobody saw have lost their order: what decides an attempt comes before what it led to.
std::vector<const ReplicaExit*> SupervisorCore::in_order_of_weight(
    const std::vector<AdoptedReplica>& adopted) {
  auto weight = [this](const ReplicaExit& exit) {
    if (exit.cause() == pb::EXIT_CAUSE_STOPPED)
      return 3;
    if (exit.key().replica() == decider().key.replica())
      return 0;
    return exit.cause() == pb::EXIT_CAUSE_EXITED ? 2 : 1;
  };
  std::vector<const ReplicaExit*> exits;
  for (const auto& one : adopted)
    if (one.exit)
      exits.push_back(&*one.exit);
  std::stable_sort(exits.begin(), exits.end(),
                   [&](const auto* a, const auto* b) { return weight(*a) < weight(*b); });
  return exits;
}

SupervisorEffects SupervisorCore::on_started(Time now, const ReplicaStarted& started) {
  SupervisorEffects effects;
  auto* replica = find(started.key());
  if (replica == nullptr || replica->state != State::starting)
    return effects;
  replica->state = State::running;
  if (!next_read_)
    next_read_ = now + limits_.report_interval;
  if (!started_sent_ && replica == &decider())
    effects.push_back(started_news());
  if (stopping_ && !replica->stopping) {
    replica->stopping = true;
    effects.push_back(StopReplica{replica->key, grace_of(*replica)});
  }
  return effects;
}

SupervisorEffects SupervisorCore::on_exit(Time now, const ReplicaExit& exit) {
  SupervisorEffects effects;
  auto* replica = find(exit.key());
  if (replica == nullptr || exit.key().restart() != replica->key.restart() ||
      replica->state == State::exited || replica->state == State::waiting)
    return effects;  // A message told twice, or of an earlier start.
  replica->state = State::exited;
  replica->exit = exit;
  if (exit.cause() == pb::EXIT_CAUSE_SPAWN_FAILED && exit.key().restart() == 0)
    replica->drained = true;  // it wrote nothing
  else
    read(*replica, effects);
  judge(now, *replica, effects);
  finish_if_over(effects);
  return effects;
}

SupervisorEffects SupervisorCore::on_notice(const std::string& text) {
  auto told = news();
  told.mutable_notice()->set_text(text);
  told.mutable_notice()->set_sequence(plan_.sequence());
  return {SendNews{std::move(told)}};
}

void SupervisorCore::judge(Time now, Replica& replica, SupervisorEffects& effects) {
  const auto& exit = *replica.exit;
  if (exit.cause() == pb::EXIT_CAUSE_STOPPED && !stopping_ && !outcome_) {
    // An agent that died had begun to end this attempt, and what for died with it: the trial waits again.
    stopping_ = true;
    stop_reason_ = "stopped";
    stop_others(effects, false);
  }
  if (stopping_) {
    bool all_gone = std::all_of(replicas_.begin(), replicas_.end(), [](const Replica& r) {
      return r.state == State::exited || r.state == State::waiting;
    });
    // A chief that finished its work before it was stopped has finished.
    if (&replica == &decider() && succeeded(exit) && !outcome_)
      decide("Succeeded", "", &exit);
    else if (all_gone && !outcome_)
      decide("Stopped", stop_reason_, decider().exit ? &*decider().exit : nullptr);
    return;
  }
  if (outcome_)
    return;
  if (exit.cause() == pb::EXIT_CAUSE_DEADLINE) {
    decide("DeadlineExceeded", "deadline exceeded", &exit);
    stop_others(effects, false);
    return;
  }
  if (&replica == &decider() && succeeded(exit)) {
    decide("Succeeded", "", &exit);
    if (plan_.training_config().run_policy().clean_up_policy() != pb::CLEAN_UP_POLICY_NONE)
      stop_others(effects, false);
    for (auto& other : replicas_)
      other.restart_at.reset();  // what is left runs to its end, once
    return;
  }
  if (exit.cause() == pb::EXIT_CAUSE_LOST || exit.cause() == pb::EXIT_CAUSE_LEASE) {
    decide("NodeLost", describe_exit(exit), &exit);
    stop_others(effects, false);
    return;
  }
  if (wants_restart(replica)) {
    ++restarts_used_;
    auto wait = std::min<std::int64_t>(1000LL << std::min(replica.key.restart(), 10),
                                       limits_.restart_backoff_max.count());
    replica.restart_at = now + milliseconds(wait);
    auto told = news();
    auto* restarted = told.mutable_replica_restarted();
    restarted->set_sequence(plan_.sequence());
    restarted->set_attempt(plan_.attempt());
    restarted->set_replica(replica.key.replica());
    restarted->set_restart(replica.key.restart() + 1);
    restarted->set_reason(describe_exit(exit));
    effects.push_back(SendNews{std::move(told)});
    return;
  }
  if (&replica == &decider()) {
    decide("Failed", replica.key.replica() + ": " + describe_exit(exit), &exit);
    stop_others(effects, false);
  }
}

bool SupervisorCore::wants_restart(const Replica& replica) const {
  if (restarts_used_ >= plan_.training_config().run_policy().backoff_limit())
    return false;
  const auto& exit = *replica.exit;
  switch (replica.task->restart_policy()) {
    case pb::RESTART_POLICY_ALWAYS: return true;
    case pb::RESTART_POLICY_ON_FAILURE: return !succeeded(exit);
    case pb::RESTART_POLICY_EXIT_CODE: {
      auto code = shell_code(exit);
      return code == 130 || code == 137 || code == 138 || code == 143;
    }
    default: return false;
  }
}

void SupervisorCore::decide(const std::string& outcome, std::string reason,
                            const ReplicaExit* exit) {
  outcome_.emplace();
  outcome_->set_outcome(outcome);
  outcome_->set_reason(std::move(reason));
  if (exit != nullptr) {
    outcome_->set_exit_code(exit->exit_code());
    outcome_->set_signal(exit->signal());
  }
}

void SupervisorCore::start(Time now, Replica& replica, SupervisorEffects& effects) {
  replica.state = State::starting;
  replica.restart_at.reset();
  replica.exit.reset();
  replica.drained = false;
  std::optional<milliseconds> left;
  if (deadline_)
    left = std::max(milliseconds(1), std::chrono::ceil<milliseconds>(*deadline_ - now));
  effects.push_back(StartReplica{replica.key, left});
}

void SupervisorCore::stop_others(SupervisorEffects& effects, bool hurry) {
  for (auto& replica : replicas_) {
    replica.restart_at.reset();
    bool alive = replica.state == State::starting || replica.state == State::running;
    if (alive && (hurry || !replica.stopping)) {
      replica.stopping = true;
      effects.push_back(StopReplica{replica.key, hurry ? milliseconds(0) : grace_of(replica)});
    }
    if (replica.state == State::waiting) {
      replica.state = State::exited;
      replica.drained = true;
    }
  }
}

SupervisorEffects SupervisorCore::on_stop(const std::string& reason, bool hurry) {
  SupervisorEffects effects;
  if (result_sent_)
    return effects;
  bool prepared = std::any_of(replicas_.begin(), replicas_.end(),
                              [](const Replica& r) { return r.state != State::waiting; });
  if (!stopping_)
    stop_reason_ = reason;
  stopping_ = true;
  if (!prepared)
    return effects;  // on_prepared or on_adopted sees `stopping_`
  stop_others(effects, hurry);
  bool alive = std::any_of(replicas_.begin(), replicas_.end(), [](const Replica& r) {
    return r.state == State::starting || r.state == State::running;
  });
  if (!alive && !outcome_)
    decide("Stopped", stop_reason_, decider().exit ? &*decider().exit : nullptr);
  finish_if_over(effects);
  return effects;
}

void SupervisorCore::read(Replica& replica, SupervisorEffects& effects) {
  if (replica.reading || unacknowledged_ >= limits_.unacknowledged_max)
    return;
  replica.reading = true;
  replica.reading_to_end = replica.state == State::exited;
  effects.push_back(ReadReports{replica.key, replica.last_line, replica.reading_to_end});
}

SupervisorEffects SupervisorCore::on_reports(const pb::ReplicaKey& key, const ReportBatch& batch) {
  SupervisorEffects effects;
  auto* replica = find(key);
  if (replica == nullptr || !replica->reading)
    return effects;
  replica->reading = false;
  replica->last_line = std::max(replica->last_line, batch.last_line);
  for (const auto& report : batch.reports)
    take_in(report);
  bool exited = replica->state == State::exited;
  if (exited && replica->reading_to_end && !batch.more)
    replica->drained = true;
  tell_rejected(*replica, batch, effects);
  flush(exited ? limits_.trailing_max : 0, effects);
  if (exited && !replica->drained)
    read(*replica, effects);
  else if (batch.more)
    read(*replica, effects);
  finish_if_over(effects);
  return effects;
}

void SupervisorCore::take_in(const pb::Report& report) {
  const auto& chief = decider().key.replica();
  // The last final result counts; one of the deciding replica is not overruled by another's.
  if (report.kind() == pb::REPORT_KIND_FINAL &&
      (report.replica() == chief || final_replica_ != chief)) {
    final_.assign(report.metrics().begin(), report.metrics().end());
    final_replica_ = report.replica();
  }
  trailing_.push_back(report);
}

/// Bad lines are told when their number has doubled, and in the end: a file of rubbish must not fill the store.
void SupervisorCore::tell_rejected(Replica& replica, const ReportBatch& batch,
                                   SupervisorEffects& effects) {
  constexpr int named_max = 20;  // enough to find them
  replica.bad_lines += static_cast<std::int64_t>(batch.bad_lines.size());
  if (replica.bad_example.empty())
    replica.bad_example = batch.bad_example;
  bool due = replica.drained
                 ? replica.bad_lines > replica.bad_lines_told
                 : replica.bad_lines > 0 && replica.bad_lines >= 2 * replica.bad_lines_told;
  if (!due || (batch.bad_lines.empty() && !replica.drained))
    return;
  replica.bad_lines_told = replica.bad_lines;
  auto told = news();
  auto* rejected = told.mutable_lines_rejected();
  rejected->set_sequence(plan_.sequence());
  rejected->set_attempt(plan_.attempt());
  rejected->set_replica(replica.key.replica());
  for (auto line : batch.bad_lines)
    if (rejected->lines_size() < named_max)
      rejected->add_lines(line);
  rejected->set_total(replica.bad_lines);
  rejected->set_example(replica.bad_example);
  effects.push_back(SendNews{std::move(told)});
}

/// Sends what was read to the sink, unless it is few enough to travel with the attempt's result.
void SupervisorCore::flush(std::size_t keep_max, SupervisorEffects& effects) {
  if (trailing_.empty() || trailing_.size() <= keep_max)
    return;
  pb::ReportsMessage message;
  message.set_experiment_id(plan_.experiment_id());
  message.set_sequence(plan_.sequence());
  message.set_attempt(plan_.attempt());
  for (auto& report : trailing_)
    *message.add_reports() = std::move(report);
  unacknowledged_ += trailing_.size();
  trailing_.clear();
  effects.push_back(SendReports{std::move(message)});
}

SupervisorEffects SupervisorCore::on_stored(std::size_t count) {
  SupervisorEffects effects;
  unacknowledged_ -= std::min(count, unacknowledged_);
  for (auto& replica : replicas_)  // those that back-pressure held up
    if (replica.state == State::exited && !replica.drained)
      read(replica, effects);
  finish_if_over(effects);
  return effects;
}

SupervisorEffects SupervisorCore::on_tick(Time now) {
  SupervisorEffects effects;
  bool alive = std::any_of(replicas_.begin(), replicas_.end(), [](const Replica& replica) {
    return replica.state == State::starting || replica.state == State::running;
  });
  bool late = deadline_ && *deadline_ <= now;
  if (late && !alive && !outcome_ && !stopping_) {
    // Nothing runs that the launcher could end: a restart waits for its back-off.
    decide("DeadlineExceeded", "deadline exceeded", nullptr);
    stop_others(effects, false);
    finish_if_over(effects);
    return effects;
  }
  for (auto& replica : replicas_) {
    if (replica.restart_at && *replica.restart_at <= now && !late && !outcome_ && !stopping_) {
      replica.key.set_restart(replica.key.restart() + 1);
      start(now, replica, effects);
    }
  }
  if (next_read_ && *next_read_ <= now) {
    for (auto& replica : replicas_)
      if (replica.state == State::running)
        read(replica, effects);
    next_read_ = now + limits_.report_interval;
  }
  return effects;
}

std::optional<Time> SupervisorCore::next_tick() const {
  if (result_sent_)
    return std::nullopt;
  std::optional<Time> next;
  auto earlier = [&](Time time) { next = next ? std::min(*next, time) : time; };
  for (const auto& replica : replicas_) {
    if (replica.restart_at && !outcome_)
      earlier(deadline_ ? std::min(*replica.restart_at, *deadline_) : *replica.restart_at);
    if (replica.state == State::running && next_read_)
      earlier(*next_read_);
  }
  return next;
}

void SupervisorCore::finish_if_over(SupervisorEffects& effects) {
  if (result_sent_ || !outcome_ || unacknowledged_ > 0)
    return;
  for (const auto& replica : replicas_)
    if (replica.state != State::exited || !replica.drained || replica.restart_at)
      return;
  auto result = std::move(*outcome_);
  // Nobody saw how it ended, but it had said all that it had to say.
  if (result.outcome() == "NodeLost" && !final_.empty())
    result.set_outcome("Succeeded");
  result.set_experiment_id(plan_.experiment_id());
  result.set_sequence(plan_.sequence());
  result.set_attempt(plan_.attempt());
  for (const auto& replica : replicas_) {
    auto* line = result.add_last_lines();
    line->set_replica(replica.key.replica());
    line->set_line(replica.last_line);
  }
  for (auto& report : trailing_)
    *result.add_reports() = std::move(report);
  trailing_.clear();
  for (const auto& metric : final_)
    *result.add_final_metrics() = metric;
  result_sent_ = true;
  effects.push_back(SendResult{std::move(result)});
}

milliseconds SupervisorCore::grace_of(const Replica& replica) const {
  auto grace = replica.task->termination_grace_period_ms();
  return grace > 0 ? milliseconds(grace) : grace_default;
}

pb::AttemptNews SupervisorCore::news() const {
  pb::AttemptNews news;
  news.set_experiment_id(plan_.experiment_id());
  news.set_sequence(plan_.sequence());
  news.set_attempt(plan_.attempt());
  return news;
}

SupervisorEffect SupervisorCore::started_news() {
  started_sent_ = true;
  auto told = news();
  told.mutable_started()->set_sequence(plan_.sequence());
  told.mutable_started()->set_attempt(plan_.attempt());
  return SendNews{std::move(told)};
}

SupervisorCore::Replica* SupervisorCore::find(const pb::ReplicaKey& key) {
  for (auto& replica : replicas_)
    if (same_replica(replica.key, key))
      return &replica;
  return nullptr;
}

}  // namespace autotune
