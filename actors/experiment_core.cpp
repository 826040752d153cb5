// The life of trials: creation, attempts, results, retries. Commands and phases: experiment_commands.cpp.
#include "actors/experiment_core.hpp"

#include <algorithm>
#include <cmath>

namespace autotune {

using std::chrono::milliseconds;

std::optional<Measurement> measurement_of(const pb::Report& report, const Objective& objective) {
  const auto* metric = objective.find_intermediate(report.metrics());
  if (report.kind() != pb::REPORT_KIND_INTERMEDIATE || metric == nullptr ||
      !std::isfinite(metric->value()))
    return std::nullopt;
  return Measurement{report.step(), metric->value()};
}

std::string trial_id(const std::string& experiment_id, Sequence sequence) {
  std::uint64_t h = 1469598103934665603ULL;  // FNV-1a, 64 bits
  for (unsigned char c : experiment_id + "/" + std::to_string(sequence))
    h = (h ^ c) * 1099511628211ULL;
  std::mt19937_64 random(h);
  return short_id(random);
}

ExperimentCore::ExperimentCore(std::string experiment_id, ExperimentLimits limits)
    : id_(std::move(experiment_id)), limits_(limits) {}

// --- writing down -------------------------------------------------------------------------------------------------

void ExperimentCore::record(Moment moment, pb::Event event) {
  event.set_at_ms(moment.wall_ms);
  event.set_running_ms(running_ms(moment.now));
  apply(event);
  pending_events_.push_back(std::move(event));
}

void ExperimentCore::flush(ExperimentEffects& effects) {
  if (!pending_events_.empty() || !pending_reports_.empty())
    effects.push_back(Append{std::move(pending_reports_), std::move(pending_events_)});
  pending_reports_.clear();
  pending_events_.clear();
  std::move(after_flush_.begin(), after_flush_.end(), std::back_inserter(effects));
  after_flush_.clear();
  held_since_.reset();
}

ExperimentEffects ExperimentCore::conclude(Moment moment, ExperimentEffects effects) {
  if (winding_ == Winding::none)
    pump(moment, effects);
  if (winding_ != Winding::none)
    finish_winding(moment, effects);
  bool anything = !pending_events_.empty() || !pending_reports_.empty() || !after_flush_.empty();
  if (!anything)
    return effects;
  // The successor of an ended trial is usually known in microseconds: one commit then covers both.
  bool urgent = std::any_of(after_flush_.begin(), after_flush_.end(), [](const auto& effect) {
    return !std::holds_alternative<Release>(effect);
  });
  bool successor_comes = winding_ == Winding::none && phase_ == pb::PHASE_RUNNING &&
                         (asking_ || std::any_of(live_.begin(), live_.end(), [](const auto& entry) {
                            return entry.second.placing && entry.second.waiting_for.empty();
                          }));
  bool waited = held_since_ && *held_since_ + limits_.hold <= moment.now;
  if (urgent || !successor_comes || waited)
    flush(effects);
  else if (!held_since_)
    held_since_ = moment.now;
  return effects;
}

// --- new trials ---------------------------------------------------------------------------------------------------

std::int64_t ExperimentCore::ended() const {
  return counts_.succeeded() + counts_.failed() + counts_.early_stopped() + counts_.killed();
}

std::int64_t ExperimentCore::occupied() const {
  return std::count_if(live_.begin(), live_.end(), [](const auto& entry) {
    return entry.second.launched || entry.second.placing;
  });
}

bool ExperimentCore::wants_new_trial(Time now) const {
  auto live = static_cast<std::int64_t>(live_.size());
  std::int64_t backing_off = 0;
  if (backing_off_until_ && *backing_off_until_ > now)
    backing_off = std::count_if(live_.begin(), live_.end(), [&](const auto& entry) {
      return !entry.second.launched && entry.second.not_before && *entry.second.not_before > now;
    });
  return (spec_.max_trial_num() == 0 || ended() + live < spec_.max_trial_num()) &&
         live - backing_off < spec_.trial_concurrency();
}

void ExperimentCore::pump(Moment moment, ExperimentEffects& effects) {
  if (phase_ != pb::PHASE_RUNNING)
    return;
  auto free = spec_.trial_concurrency() - occupied();
  for (auto& [sequence, live] : live_) {
    if (free <= 0)
      break;
    bool waits = live.state == pb::TRIAL_STATE_PENDING && !live.launched && !live.placing;
    if (!waits || (live.not_before && *live.not_before > moment.now))
      continue;
    live.placing = true;
    --free;
    effects.push_back(Place{sequence});
  }
  bool forced = initial_used_ < spec_.initial_trials_json_size() || !enqueued_.empty();
  if (!asking_ && wants_new_trial(moment.now) && (forced || (!not_yet_ && !exhausted_))) {
    asking_ = true;
    told_since_asked_ = false;
    Suggest ask{next_sequence_, std::nullopt};
    if (forced) {
      const auto& text = initial_used_ < spec_.initial_trials_json_size()
                             ? spec_.initial_trials_json(initial_used_)
                             : enqueued_.front();
      ask.partial = parse_json(text).value_or(Value(Object{}));
    }
    asked_for_ = !forced                                            ? "tuner"
                 : initial_used_ < spec_.initial_trials_json_size() ? "initial"
                                                                    : "user";
    effects.push_back(std::move(ask));
  }
  bool enough = spec_.max_trial_num() > 0 && ended() >= spec_.max_trial_num();
  if (live_.empty() && !asking_ && enough)
    wind_up(Winding::done, "", false, effects);
  else if (live_.empty() && !asking_ && exhausted_ && !forced)
    wind_up(Winding::done, "search space exhausted", false, effects);
  else if (live_.empty() && !asking_ && not_yet_ && !forced)
    wind_up(Winding::error, "the tuner waits for results, but no trial runs", false, effects);
}

ExperimentEffects ExperimentCore::on_suggested(Moment moment, Sequence sequence, const Ask& ask) {
  ExperimentEffects effects;
  if (!asking_ || sequence != next_sequence_)
    return effects;
  asking_ = false;
  if (std::holds_alternative<NotYet>(ask)) {
    not_yet_ = !told_since_asked_;
  } else if (std::holds_alternative<Exhausted>(ask)) {
    exhausted_ = true;
  } else if (phase_ == pb::PHASE_RUNNING && winding_ == Winding::none &&
             wants_new_trial(moment.now)) {
    create(moment, sequence, std::get<Suggestion>(ask), effects);
  }
  return conclude(moment, std::move(effects));
}

void ExperimentCore::create(Moment moment, Sequence sequence, const Suggestion& suggestion,
                            ExperimentEffects& effects) {
  pb::Event event;
  auto* created = event.mutable_trial_created();
  created->set_sequence(sequence);
  created->set_id(trial_id(id_, sequence));
  created->set_parameters_json(to_json(suggestion.parameters));
  created->set_lineage(suggestion.lineage);
  created->set_origin(asked_for_);
  record(moment, std::move(event));
  effects.push_back(TellBegan{live_.at(sequence).trial});
}

ExperimentEffects ExperimentCore::on_tuner_failed(Moment moment, Sequence sequence,
                                                  const std::string& reason) {
  ExperimentEffects effects;
  if (sequence == next_sequence_)
    asking_ = false;
  if (winding_ == Winding::none)
    wind_up(Winding::error, "tuner: " + reason, false, effects);
  return conclude(moment, std::move(effects));
}

ExperimentEffects ExperimentCore::on_placed(Moment moment, Sequence sequence,
                                            const std::string& node,
                                            const std::vector<std::string>& gpus) {
  ExperimentEffects effects;
  auto found = live_.find(sequence);
  if (found != live_.end() && found->second.launched)
    return effects;  // told twice: it has its place
  if (found == live_.end() || !found->second.placing) {
    effects.push_back(Unplace{sequence});
    return effects;
  }
  auto& live = found->second;
  live.placing = false;
  live.waiting_for.clear();
  auto under_way = std::count_if(live_.begin(), live_.end(),
                                 [](const auto& entry) { return entry.second.launched; });
  if (phase_ != pb::PHASE_RUNNING || winding_ != Winding::none ||
      under_way >= spec_.trial_concurrency()) {  // an edit may have lowered it meanwhile
    effects.push_back(Unplace{sequence});
    return conclude(moment, std::move(effects));
  }
  pb::Event event;
  auto* launched = event.mutable_attempt_launched();
  launched->set_sequence(sequence);
  launched->set_attempt(live.attempt + 1);
  launched->set_node(node);
  for (const auto& gpu : gpus)
    launched->add_gpus(gpu);
  record(moment, std::move(event));
  if (live.attempt > 1)
    effects.push_back(TellBegan{live.trial});  // its intermediate results start anew
  after_flush_.push_back(Launch{make_plan(live, moment.now), node, false});
  return conclude(moment, std::move(effects));
}

ExperimentEffects ExperimentCore::on_waiting(Moment moment, Sequence sequence,
                                             const std::string& why) {
  auto found = live_.find(sequence);
  if (found == live_.end() || !found->second.placing || found->second.waiting_for == why)
    return {};
  found->second.waiting_for = why;
  pb::Event event;
  event.mutable_notice()->set_text("waits: " + why);
  event.mutable_notice()->set_sequence(sequence);
  record(moment, std::move(event));
  return conclude(moment, {});
}

pb::AttemptPlan ExperimentCore::make_plan(const Live& live, Time now) const {
  pb::AttemptPlan plan;
  plan.set_experiment_id(id_);
  plan.set_experiment_name(spec_.name());
  plan.set_sequence(live.trial.sequence);
  plan.set_trial_id(live.id);
  plan.set_attempt(live.attempt);
  plan.set_parameters_json(live.parameters_json);
  *plan.mutable_training_config() = spec_.training_config();
  *plan.mutable_metrics_collector() = spec_.metrics_collector();
  *plan.mutable_options() = options_;
  *plan.mutable_launcher() = spec_.launcher();
  auto seconds = spec_.training_config().run_policy().active_deadline_seconds();
  auto trial_seconds = spec_.trial_policy().max_trial_seconds();
  if (trial_seconds > 0)
    seconds = seconds > 0 ? std::min(seconds, trial_seconds) : trial_seconds;
  auto deadline_ms = static_cast<std::int64_t>(std::ceil(seconds * 1000));
  if (deadline_ms > 0)  // what an adopted attempt has surely used is used
    deadline_ms =
        std::max<std::int64_t>(1, deadline_ms - (running_ms(now) - live.launched_running_ms));
  plan.set_deadline_ms(deadline_ms);
  plan.set_log_limit_bytes(log_limit_bytes());
  for (const auto& gpu : live.gpus)
    plan.add_gpus(gpu);
  plan.set_objective_metric(objective_.goals().front().metric);
  return plan;
}

/// Of one log file; 0: no quota. The logs that grow at the same time share half of what is left of the quota, so they
/// alone never reach it; the other half is for results, which nothing cuts.
std::int64_t ExperimentCore::log_limit_bytes() const {
  if (spec_.storage_bytes() <= 0)
    return 0;
  if (quota_reached_)
    return limits_.log_bytes_min;
  std::int64_t files = 0;
  for (const auto& task : spec_.training_config().tasks())
    files += 2 * task.replicas();  // stdout and stderr
  files = std::max<std::int64_t>(1, files * spec_.trial_concurrency());
  auto left = std::max<std::int64_t>(0, spec_.storage_bytes() - storage_used_);
  return std::max(limits_.log_bytes_min, left / 2 / files);
}

// --- attempts -----------------------------------------------------------------------------------------------------

ExperimentCore::Live* ExperimentCore::find(Sequence sequence, std::int32_t attempt) {
  auto found = live_.find(sequence);
  bool current = found != live_.end() && found->second.launched && found->second.attempt == attempt;
  return current ? &found->second : nullptr;  // An old attempt has no voice.
}

ExperimentEffects ExperimentCore::on_news(Moment moment, const pb::AttemptNews& news) {
  auto* live = find(news.sequence(), news.attempt());
  if (live == nullptr)
    return {};
  pb::Event event;
  switch (news.what_case()) {
    case pb::AttemptNews::kStarted:
      if (live->state == pb::TRIAL_STATE_RUNNING)
        return {};  // told again after an adoption
      *event.mutable_attempt_started() = news.started();
      break;
    case pb::AttemptNews::kReplicaRestarted:
      *event.mutable_replica_restarted() = news.replica_restarted();
      break;
    case pb::AttemptNews::kNotice: *event.mutable_notice() = news.notice(); break;
    case pb::AttemptNews::kLinesRejected:
      *event.mutable_lines_rejected() = news.lines_rejected();
      break;
    case pb::AttemptNews::WHAT_NOT_SET: return {};
  }
  record(moment, std::move(event));
  return conclude(moment, {});
}

void ExperimentCore::score(Trial& trial, const Metrics& final_metrics) const {
  auto scores = objective_.scores_of(final_metrics);
  if (!scores.finite())
    return;
  trial.final_value = scores.values.front();
  if (objective_.has_several_goals())
    trial.goal_values = std::move(scores.values);
  trial.violations = std::move(scores.violations);
}

ExperimentEffects ExperimentCore::on_reports(Moment, const pb::ReportsMessage& stored) {
  ExperimentEffects effects;
  auto* live = find(stored.sequence(), stored.attempt());
  if (live == nullptr || !wants_measures())
    return effects;
  for (const auto& report : stored.reports()) {
    auto& last = live->last_lines[report.replica()];
    if (report.line() <= last)
      continue;  // read again after an adoption
    last = report.line();
    if (auto measurement = measurement_of(report, objective_))
      effects.push_back(Measure{stored.sequence(), stored.attempt(), *measurement, true});
  }
  return effects;
}

ExperimentEffects ExperimentCore::on_advice(Moment moment, Sequence sequence, std::int32_t attempt,
                                            const std::string& reason) {
  auto* live = find(sequence, attempt);
  if (live == nullptr || live->stop != Stop::none || winding_ != Winding::none)
    return {};
  pb::Event event;
  auto* stop = event.mutable_trial_stop_requested();
  stop->set_sequence(sequence);
  stop->set_by("assessor");
  stop->set_reason(reason);
  record(moment, std::move(event));
  after_flush_.push_back(StopAttempt{{id_, sequence, attempt}, reason, false});
  return conclude(moment, {});
}

ExperimentEffects ExperimentCore::on_result(Moment moment, const pb::AttemptResult& result) {
  ExperimentEffects effects;
  auto* live = find(result.sequence(), result.attempt());
  if (live == nullptr) {  // told twice: what was durable the first time may be released
    effects.push_back(Release{{id_, result.sequence(), result.attempt()}});
    return effects;
  }
  for (const auto& report : result.reports()) {
    pending_reports_.push_back(report);
    if (auto measurement = measurement_of(report, objective_); measurement && has_assessor())
      effects.push_back(Measure{result.sequence(), result.attempt(), *measurement, false});
  }
  for (const auto& lines : result.lines_rejected()) {
    pb::Event event;
    *event.mutable_lines_rejected() = lines;
    record(moment, std::move(event));
  }
  pb::Event event;
  auto* ended = event.mutable_attempt_ended();
  ended->set_sequence(result.sequence());
  ended->set_attempt(result.attempt());
  ended->set_outcome(result.outcome());
  ended->set_reason(result.reason());
  ended->set_exit_code(result.exit_code());
  ended->set_signal(result.signal());
  *ended->mutable_last_lines() = result.last_lines();
  record(moment, std::move(event));
  effects.push_back(Unplace{result.sequence(), result.outcome() == "NodeLost"});
  after_flush_.push_back(Release{{id_, result.sequence(), result.attempt()}});
  settle(moment, *live, result, effects);
  return conclude(moment, std::move(effects));
}

/// What the end of an attempt means for its trial.
void ExperimentCore::settle(Moment moment, Live& live, const pb::AttemptResult& result,
                            ExperimentEffects& effects) {
  const auto& final_metrics = result.final_metrics();
  const auto& outcome = result.outcome();
  if (outcome == "Succeeded") {
    auto missing = final_metrics.empty() ? "no final result reported"
                                         : objective_.scores_of(final_metrics).missing;
    if (!missing.empty() && live.stop == Stop::none &&
        retry(moment, live, "NoFinalResult", missing))
      return;
    return end_trial(moment, live, pb::TRIAL_STATE_SUCCEEDED, missing, final_metrics, effects);
  }
  if (live.stop == Stop::user)
    return end_trial(moment, live, pb::TRIAL_STATE_KILLED, live.stop_reason, final_metrics,
                     effects);
  if (live.stop == Stop::assessor)
    return end_trial(moment, live, pb::TRIAL_STATE_EARLY_STOPPED, live.stop_reason, final_metrics,
                     effects);
  if (outcome == "Stopped") {
    if (winding_ == Winding::stopped || winding_ == Winding::none)
      return requeue(moment, live, "stopped with its experiment", Requeue::stopped,
                     milliseconds(0));
    return end_trial(moment, live, pb::TRIAL_STATE_KILLED, result.reason(), final_metrics, effects);
  }
  if (outcome == "NodeLost") {
    if (live.lost < limits_.lost_attempts_max)
      return requeue(moment, live, result.reason(), Requeue::lost, milliseconds(0));
    return end_trial(moment, live, pb::TRIAL_STATE_FAILED,
                     "lost " + std::to_string(live.lost + 1) + " times: " + result.reason(),
                     final_metrics, effects);
  }
  bool late = outcome == "DeadlineExceeded";
  std::string reason = late ? "DeadlineExceeded" : result.reason();
  if (retry(moment, live, late ? "DeadlineExceeded" : "Failed", reason))
    return;
  end_trial(moment, live, pb::TRIAL_STATE_FAILED, reason, final_metrics, effects);
}

bool ExperimentCore::retry(Moment moment, Live& live, const std::string& kind,
                           const std::string& reason) {
  const auto& policy = spec_.trial_policy();
  bool listed = std::find(policy.retry_on().begin(), policy.retry_on().end(), kind) !=
                    policy.retry_on().end() ||
                (policy.retry_on().empty() && kind == "Failed");
  if (!listed || live.retries >= policy.max_retries())
    return false;
  if (winding_ == Winding::timeout || winding_ == Winding::error)
    return false;
  auto first = policy.backoff_seconds() > 0 ? policy.backoff_seconds() : 1.0;
  auto wait = milliseconds(
      static_cast<std::int64_t>(std::min(first * 1000 * std::pow(2.0, std::min(live.retries, 20)),
                                         static_cast<double>(limits_.backoff_max.count()))));
  requeue(moment, live, reason, Requeue::retry, wait);
  return true;
}

void ExperimentCore::requeue(Moment moment, Live& live, const std::string& reason, Requeue why,
                             milliseconds wait) {
  if (wait.count() > 0) {
    live.not_before = moment.now + wait;
    backing_off_until_ = std::max(backing_off_until_.value_or(*live.not_before), *live.not_before);
  }
  pb::Event event;
  auto* requeued = event.mutable_trial_requeued();
  requeued->set_sequence(live.trial.sequence);
  requeued->set_reason(reason);
  requeued->set_not_before_ms(wait.count());
  requeued->set_costs_retry(why == Requeue::retry);
  requeued->set_lost(why == Requeue::lost);
  record(moment, std::move(event));
}

void ExperimentCore::end_trial(Moment moment, Live& live, pb::TrialState state,
                               const std::string& reason, const Metrics& final_metrics,
                               ExperimentEffects& effects) {
  auto sequence = live.trial.sequence;
  pb::Event event;
  auto* ended = event.mutable_trial_ended();
  ended->set_sequence(sequence);
  ended->set_state(state);
  ended->set_reason(reason);
  *ended->mutable_final_metrics() = final_metrics;
  auto trial = live.trial;
  score(trial, final_metrics);
  trial.outcome = state == pb::TRIAL_STATE_SUCCEEDED       ? TrialOutcome::succeeded
                  : state == pb::TRIAL_STATE_EARLY_STOPPED ? TrialOutcome::early_stopped
                  : state == pb::TRIAL_STATE_KILLED        ? TrialOutcome::killed
                                                           : TrialOutcome::failed;
  record(moment, std::move(event));  // `live` is gone from here on
  not_yet_ = false;
  told_since_asked_ = true;
  effects.push_back(TellEnded{std::move(trial)});
}

}  // namespace autotune
