// What must hold at every moment of a simulation, whatever went wrong before.
#include <algorithm>

#include "simulation.hpp"

namespace autotune::test {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

constexpr auto punctual = 200ms;  // how late a limit may act
constexpr auto forgotten =
    1100ms;  // what a crash may forget of the time spent in RUNNING, and a tick

AttemptKey attempt_of(const pb::ReplicaKey& key) {
  return {key.experiment_id(), key.sequence(), key.attempt()};
}

std::string name_of(const AttemptKey& key) {
  return key.experiment_id + "/" + std::to_string(key.sequence) + "/" + std::to_string(key.attempt);
}

bool same_metrics(const pb::Report& a, const pb::Report& b) {
  return a.kind() == b.kind() && a.step() == b.step() && a.metrics_size() == b.metrics_size() &&
         std::equal(
             a.metrics().begin(), a.metrics().end(), b.metrics().begin(), [](auto& x, auto& y) {
               return x.name() == y.name() && (x.value() == y.value() ||
                                               (x.value() != x.value() && y.value() != y.value()));
             });
}

}  // namespace

Result<void> Simulation::fault(const std::vector<StoreWrite>& writes) {
  bool outage = now_ >= outage_from_ && now_ < outage_to_;
  if (options_.faults.store_fails && !outage && now_ >= outage_to_ && chance(0.02)) {
    outage_from_ = now_;
    outage_to_ = now_ + milliseconds(1 + below(chance(0.2) ? 20000 : 1500));
    outage_is_full_disk_ = chance(0.5);
    reserve_used_ = false;
    outage = true;
    trace(
        std::string(outage_is_full_disk_ ? "full disk" : "store out") + " until " +
        std::to_string(std::chrono::duration<double>(outage_to_.time_since_epoch() - 24h).count()));
  }
  if (outage && !outage_is_full_disk_)
    return fail(ErrorCode::unavailable, "simulated: the store does not answer");
  if (outage) {
    bool halts = false;
    for (const auto& write : writes)
      if (const auto* append = std::get_if<AppendEvents>(&write))
        for (const auto& event : append->events)
          halts = halts ||
                  (event.has_phase_changed() && event.phase_changed().phase() != pb::PHASE_RUNNING);
    if (!halts)
      return fail(ErrorCode::resource_exhausted, "simulated: the disk is full");
    reserve_used_ = true;
  }
  for (const auto& write : writes) {
    const auto* append = std::get_if<AppendEvents>(&write);
    if (append == nullptr || append->events.empty() || !options_.faults.store_refuses)
      continue;
    auto text = append->experiment_id + append->events.front().SerializeAsString();
    if (appends_to_refusal_ < 0)
      appends_to_refusal_ = 1 + below(40);
    if (!refusing_ && --appends_to_refusal_ == 0) {
      refused_ = text;
      refusing_ = true;
    }
    if (refusing_ && text == refused_) {
      if (writes.size() == 1)
        refused_.clear();  // once found, its like is written next time
      return fail(ErrorCode::internal, "simulated: this cannot be written");
    }
  }
  return {};
}

void Simulation::on_event(const std::string& id, const pb::Event& event) {
  auto& watched = audits_[id];
  if (!watched.replay)
    watched.replay = std::make_shared<ExperimentCore>(id);
  trace("event " + event.ShortDebugString());
  watched.audit.read(event);
  for (const auto& problem : watched.audit.problems)
    problems.push_back(problem);
  if (!problems.empty())
    return;
  watched.replay->replay(event, nullptr);
  if (event.has_spec_edited()) {
    watched.time_edited =
        watched.time_edited || event.spec_edited().path() == "spec.maxExecSeconds";
    watched.budget_edited =
        watched.budget_edited || event.spec_edited().path() == "spec.maxTrialNum";
  }
  if (event.has_trial_ended()) {
    ++trials;
    check_trial_end(id, event);
  }
  if (event.has_phase_changed() && watched.audit.at_rest()) {
    for (const auto& key : launcher_.running_now())
      must(key.experiment_id() != id,
           "a process of " + name_of(attempt_of(key)) + " runs in an experiment at rest");
    if (event.phase_changed().phase() == pb::PHASE_TIMEOUT)
      check_timeout(id, watched);
  }
}

/// The watcher hears of every event once, in order, when it is durable.
void Simulation::on_watched(const std::string& id, const std::vector<pb::Event>& events) {
  if (options_.faults.store_refuses)
    return;  // an experiment that was replayed does not tell again what was durable already
  auto& watched = audits_[id];
  const auto& stored = database_->find(id)->events;
  for (const auto& event : events) {
    bool same = watched.watched < stored.size() &&
                stored[watched.watched].event.SerializeAsString() == event.SerializeAsString();
    must(same, "the watcher hears of " + event.ShortDebugString() + " out of order");
    ++watched.watched;
  }
}

void Simulation::on_start(const pb::ReplicaKey& key) {
  auto attempt = attempt_of(key);
  trace("starts " + key.ShortDebugString());
  must(starts_.insert({attempt, key.replica(), key.restart()}).second,
       "replica " + key.replica() + " of " + name_of(attempt) + " is started twice");
  const auto* experiment = database_->find(attempt.experiment_id);
  bool durable =
      experiment != nullptr &&
      std::any_of(experiment->events.begin(), experiment->events.end(), [&](const auto& stored) {
        return stored.event.has_attempt_launched() &&
               stored.event.attempt_launched().sequence() == attempt.sequence &&
               stored.event.attempt_launched().attempt() == attempt.attempt;
      });
  must(durable, name_of(attempt) + " starts before its launch is durable");
  first_start_.emplace(attempt, now_);
  start_times_[{attempt, key.replica()}] = now_;
  std::set<std::string> gpus(plans_[attempt].gpus().begin(), plans_[attempt].gpus().end());
  for (const auto& other : launcher_.running_now()) {
    auto its = attempt_of(other);
    bool same_trial =
        its.experiment_id == attempt.experiment_id && its.sequence == attempt.sequence;
    must(!same_trial || its.attempt == attempt.attempt,
         name_of(attempt) + " overlaps with " + name_of(its));
    must(its != attempt || other.replica() != key.replica(), name_of(attempt) + " runs twice");
    for (const auto& gpu : plans_[its].gpus())
      must(its == attempt || gpus.count(gpu) == 0,
           "GPU " + gpu + " is given to " + name_of(attempt) + " and " + name_of(its));
  }
}

/// All that the attempt's replicas wrote is durable, once and as they wrote it.
void Simulation::on_release(const AttemptKey& attempt) {
  if (!released_.insert(attempt).second)
    return;
  for (const auto& key : launcher_.running_now())
    must(attempt_of(key) != attempt, name_of(attempt) + " is released while it runs");
  auto plan = plans_.find(attempt);
  if (plan == plans_.end())
    return;  // it was stopped before it was prepared
  const auto* experiment = database_->find(attempt.experiment_id);
  std::map<std::string, std::vector<pb::Report>> stored;
  for (const auto& report : experiment->reports)
    if (report.sequence() == attempt.sequence && report.attempt() == attempt.attempt)
      stored[report.replica()].push_back(report);
  for (const auto& task : plan->second.training_config().tasks()) {
    for (int i = 0; i < task.replicas(); ++i) {
      pb::ReplicaKey key;
      key.set_experiment_id(attempt.experiment_id);
      key.set_sequence(attempt.sequence);
      key.set_attempt(attempt.attempt);
      key.set_replica(task.role() + "-" + std::to_string(i));
      auto wrote = launcher_.read_reports(key, 0, 1000000, true)->reports;
      auto& found = stored[key.replica()];
      std::stable_sort(found.begin(), found.end(),
                       [](auto& a, auto& b) { return a.line() < b.line(); });
      must(found.size() == wrote.size(),
           name_of(attempt) + " " + key.replica() + " wrote " + std::to_string(wrote.size()) +
               " reports, stored are " + std::to_string(found.size()));
      for (std::size_t n = 0; n < std::min(found.size(), wrote.size()); ++n)
        must(found[n].line() == wrote[n].line() && same_metrics(found[n], wrote[n]),
             name_of(attempt) +
                 ": a report is not stored as it was written: " + found[n].ShortDebugString());
    }
  }
}

/// The final result that counts is the last one that was written: the deciding replica's, else another's.
void Simulation::check_trial_end(const std::string& id, const pb::Event& event) {
  const auto& ended = event.trial_ended();
  const auto& trial = audits_.at(id).audit.trials.at(ended.sequence());
  AttemptKey attempt{id, ended.sequence(), trial.attempts};
  auto plan = plans_.find(attempt);
  if (plan == plans_.end() || ended.final_metrics_size() == 0) {
    must(ended.final_metrics_size() == 0, name_of(attempt) + " has a result and never ran");
    return;
  }
  const auto& training = plan->second.training_config();
  std::vector<std::string> replicas;
  for (const auto& task : training.tasks())
    for (int i = 0; i < task.replicas(); ++i)
      replicas.push_back(task.role() + "-" + std::to_string(i));
  std::rotate(replicas.begin(),
              replicas.begin() + static_cast<std::ptrdiff_t>(deciding_replica(training)),
              replicas.begin() + static_cast<std::ptrdiff_t>(deciding_replica(training)) + 1);
  bool matches = false;
  for (const auto& replica : replicas) {
    pb::ReplicaKey key;
    key.set_experiment_id(id);
    key.set_sequence(attempt.sequence);
    key.set_attempt(attempt.attempt);
    key.set_replica(replica);
    const pb::Report* last = nullptr;
    auto wrote = launcher_.read_reports(key, 0, 1000000, true)->reports;
    for (const auto& report : wrote)
      if (report.kind() == pb::REPORT_KIND_FINAL)
        last = &report;
    if (last == nullptr)
      continue;
    matches = last->metrics(0).value() == ended.final_metrics(0).value();
    if (matches || replica == replicas.front())
      break;
  }
  must(matches, name_of(attempt) + " ends with a result that it did not report");
  must(trial.state == pb::TRIAL_STATE_SUCCEEDED || !ended.reason().empty(),
       name_of(attempt) + " says why it failed");
}

/// No process outlives its deadline.
void Simulation::check_limits() {
  for (const auto& key : launcher_.running_now()) {
    auto attempt = attempt_of(key);
    auto plan = plans_.find(attempt);
    auto first = first_start_.find(attempt);
    if (plan == plans_.end() || plan->second.deadline_ms() == 0 || first == first_start_.end())
      continue;
    // A head that was away knows only how long heads have been there: what it starts may run a whole deadline.
    auto since =
        adopted_.count(attempt) > 0 ? start_times_[{attempt, key.replica()}] : first->second;
    must(now_ - since <= milliseconds(plan->second.deadline_ms()) + punctual,
         name_of(attempt) + " runs past its deadline");
  }
}

void Simulation::check_timeout(const std::string& id, Watched& watched) {
  auto limit = std::chrono::duration_cast<milliseconds>(
      std::chrono::duration<double>(watched.audit.spec.max_exec_seconds()));
  auto spent = milliseconds(watched.running_ns / 1000000);
  // An edit that gives more time may come when the end has begun.
  must(spent + 20ms >= limit || options_.faults.store_fails || watched.time_edited,
       id + ": TIMEOUT after " + std::to_string(spent.count()) + " ms");
  const auto& faults = options_.faults;
  milliseconds slack = punctual + forgotten * crashes_;
  if (faults.launcher.ignores_term > 0)
    slack += 5s;
  if (faults.launcher.late_events > 0)
    slack += std::chrono::ceil<milliseconds>(faults.launcher.lateness);
  bool judged = !faults.store_fails && !faults.store_refuses && !watched.time_edited;
  must(!judged || spent <= limit + slack, id + ": TIMEOUT only after " +
                                              std::to_string(spent.count()) + " ms of " +
                                              std::to_string(limit.count()));
}

void Simulation::check_end() {
  must(launcher_.running_now().empty(), "processes run although all experiments have ended");
  for (auto& [id, watched] : audits_) {
    const auto& audit = watched.audit;
    must(audit.phase != pb::PHASE_ERROR, id + " ended in ERROR: " + audit.reason);
    if (audit.phase == pb::PHASE_DONE && audit.reason.empty() && !watched.budget_edited)
      must(audit.ended() == audit.spec.max_trial_num(),
           id + ": " + std::to_string(audit.ended()) + " trials have ended, not maxTrialNum");
    for (const auto& broken : watched.replay->check_invariants())
      must(false, id + ": " + broken);
    must(watched.replay->phase() == audit.phase, id + ": the core and the audit disagree");
    auto counts = watched.replay->counts();
    must(counts.succeeded() + counts.failed() + counts.early_stopped() + counts.killed() ==
             audit.ended(),
         id + ": the counts are wrong");
  }
}

}  // namespace autotune::test
