#include "store/rows.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "messages/states.hpp"

namespace autotune {
namespace {

void move_to(pb::TrialState state, TrialRow& trial, ExperimentRow& experiment) {
  count(experiment.counts, trial.state, -1);
  trial.state = state;
  count(experiment.counts, state, 1);
}

/// Ties keep the earlier result; NaN, infinities and what breaks a constraint are never the best.
void offer_best(const TrialRow& trial, const Metrics& finals, ExperimentRow& experiment) {
  const auto& objective = *experiment.objective;
  if (objective.has_several_goals())
    return;
  const auto scores = objective.scores_of(finals);
  if (!scores.finite() || !scores.feasible())
    return;
  const double value = scores.values.front();
  const bool better = !experiment.best_sequence ||
                      (objective.goals().front().minimize ? value < experiment.best_value
                                                          : value > experiment.best_value);
  if (!better)
    return;
  experiment.best_sequence = trial.sequence;
  experiment.best_value = value;
}

void change_phase(const pb::PhaseChanged& changed, std::int64_t at_ms, ExperimentRow& row) {
  row.phase = changed.phase();
  row.reason = changed.reason();
  switch (changed.phase()) {
    case pb::PHASE_RUNNING:
      if (row.started_at_ms == 0)
        row.started_at_ms = at_ms;
      row.ended_at_ms = 0;
      return;
    case pb::PHASE_DONE:
    case pb::PHASE_TIMEOUT:
    case pb::PHASE_ERROR:
    case pb::PHASE_STOPPED: row.ended_at_ms = at_ms; return;
    default: row.ended_at_ms = 0;
  }
}

void launch(const pb::AttemptLaunched& launched, TrialRow& trial, ExperimentRow& experiment) {
  if (has_ended(trial.state) || launched.attempt() <= trial.attempt)
    return;
  move_to(pb::TRIAL_STATE_PENDING, trial, experiment);
  trial.attempt = launched.attempt();
  trial.node = launched.node();
  trial.started_at_ms = 0;
  trial.intermediate_count = 0;
  trial.detail = "starting on " + launched.node();
}

void start(const pb::AttemptStarted& started, std::int64_t at_ms, TrialRow& trial,
           ExperimentRow& experiment) {
  if (has_ended(trial.state) || started.attempt() != trial.attempt)
    return;
  move_to(pb::TRIAL_STATE_RUNNING, trial, experiment);
  trial.started_at_ms = at_ms;
  trial.detail.clear();
}

void end(const pb::TrialEnded& ended, std::int64_t at_ms, TrialRow& trial,
         ExperimentRow& experiment) {
  if (has_ended(trial.state))
    return;
  move_to(ended.state(), trial, experiment);
  trial.ended_at_ms = at_ms;
  trial.reason = ended.reason();
  trial.detail.clear();
  if (ended.final_metrics_size() > 0)
    trial.final_metrics = encode_metrics(ended.final_metrics());
  if (ended.state() == pb::TRIAL_STATE_SUCCEEDED)
    offer_best(trial, ended.final_metrics(), experiment);
}

void apply_to_trial(const pb::Event& event, ExperimentRow& experiment, TrialRow& trial) {
  switch (event.what_case()) {
    case pb::Event::kAttemptLaunched: return launch(event.attempt_launched(), trial, experiment);
    case pb::Event::kAttemptStarted:
      return start(event.attempt_started(), event.at_ms(), trial, experiment);
    case pb::Event::kAttemptEnded:
      // The trial's fate follows as an event of its own.
      if (event.attempt_ended().attempt() == trial.attempt && !has_ended(trial.state))
        trial.detail = event.attempt_ended().reason();
      return;
    case pb::Event::kTrialRequeued:
      if (has_ended(trial.state))
        return;
      move_to(pb::TRIAL_STATE_PENDING, trial, experiment);
      trial.started_at_ms = 0;
      trial.detail = event.trial_requeued().reason();
      return;
    case pb::Event::kTrialEnded: return end(event.trial_ended(), event.at_ms(), trial, experiment);
    case pb::Event::kTrialStopRequested:
      if (!has_ended(trial.state))
        trial.detail = event.trial_stop_requested().reason();
      return;
    case pb::Event::kNotice:
      if (trial.state == pb::TRIAL_STATE_PENDING)
        trial.detail = event.notice().text();
      return;
    default: return;
  }
}

/// A number as the experiment reads it: "8" and "8.0" are the same; nothing where it is none or negative.
std::optional<double> number(const std::string& text) {
  double x = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (error != std::errc{} || end != text.data() + text.size() || !(x >= 0) || x > 9e15)
    return std::nullopt;
  return x;
}

}  // namespace

ExperimentRow row_of(const std::string& id, const pb::Event& event) {
  const auto& submitted = event.experiment_submitted();
  ExperimentRow row;
  row.id = id;
  row.name = submitted.spec().name();
  row.max_trial_num = submitted.spec().max_trial_num();
  row.trial_concurrency = submitted.spec().trial_concurrency();
  row.objective = std::make_shared<const Objective>(submitted.spec().objective());
  row.objective_metric = row.objective->goals().front().metric;
  row.goal = row.objective->goals().front().minimize ? pb::GOAL_MINIMIZE : pb::GOAL_MAXIMIZE;
  row.created_at_ms = event.at_ms();
  row.is_new = true;
  row.spec = submitted.spec();
  row.options = submitted.options();
  return row;
}

TrialRow row_of(const pb::Event& event, ExperimentRow& experiment) {
  const auto& created = event.trial_created();
  TrialRow row;
  row.sequence = created.sequence();
  row.id = created.id();
  row.parameters_json = created.parameters_json();
  row.origin = created.origin();
  row.created_at_ms = event.at_ms();
  row.is_new = true;
  row.changed = true;
  count(experiment.counts, row.state, 1);
  return row;
}

void apply(const pb::Event& event, ExperimentRow& experiment, TrialRow* trial) {
  experiment.running_ms = std::max(experiment.running_ms, event.running_ms());
  if (event.has_phase_changed())
    change_phase(event.phase_changed(), event.at_ms(), experiment);
  if (trial == nullptr)
    return;
  apply_to_trial(event, experiment, *trial);
  trial->changed = true;
}

bool edit(const pb::SpecEdited& edited, pb::ExperimentSpec& spec, ExperimentRow& row) {
  std::string path = edited.path();
  if (path.starts_with("spec."))
    path.erase(0, 5);
  auto x = number(edited.value());
  if (!x)
    return false;
  if (path == "maxTrialNum") {
    spec.set_max_trial_num(static_cast<std::int64_t>(*x));
    row.max_trial_num = spec.max_trial_num();
  } else if (path == "trialConcurrency") {
    constexpr double most = std::numeric_limits<std::int32_t>::max();
    spec.set_trial_concurrency(static_cast<std::int32_t>(std::min(*x, most)));
    row.trial_concurrency = spec.trial_concurrency();
  } else if (path == "maxExecSeconds") {
    spec.set_max_exec_seconds(*x);
  } else {
    return false;
  }
  return true;
}

}  // namespace autotune
