#include "cli/json_output.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "cli/goals.hpp"
#include "messages/states.hpp"

namespace autotune::cli {
namespace {

Value time_value(std::int64_t ms) { return ms == 0 ? Value() : Value(iso_time(ms)); }

Value number_or_null(const std::optional<double>& x) { return x ? Value::real(*x) : Value(); }

Value intermediate_value(const pb::Report& report, const TrialJson& how) {
  const auto* metric = how.objective.find_intermediate(report.metrics());
  Object out{{"step", Value::integer(report.step())},
             {"value", metric == nullptr ? Value() : Value::real(metric->value())}};
  if (how.all_metrics)
    out.emplace_back("metrics", metrics_value(report.metrics()));
  return out;
}

}  // namespace

std::string iso_time(std::int64_t ms) {
  if (ms == 0)
    return "";
  auto seconds = static_cast<std::time_t>(ms / 1000);
  auto rest = ms % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                static_cast<int>(rest));
  return text.data();
}

std::string word_of(pb::TrialState state) {
  switch (state) {
    case pb::TRIAL_STATE_PENDING: return "Pending";
    case pb::TRIAL_STATE_RUNNING: return "Running";
    case pb::TRIAL_STATE_SUCCEEDED: return "Succeeded";
    case pb::TRIAL_STATE_FAILED: return "Failed";
    case pb::TRIAL_STATE_EARLY_STOPPED: return "EarlyStopped";
    case pb::TRIAL_STATE_KILLED: return "Killed";
    default: return "Unknown";
  }
}

std::string word_of(pb::Phase phase) {
  constexpr std::size_t prefix = 6;  // "PHASE_"
  const auto& name = pb::Phase_Name(phase);
  return name.size() > prefix ? name.substr(prefix) : "UNKNOWN";
}

std::optional<std::int64_t> duration_ms(const pb::TrialSummary& trial, std::int64_t now_ms) {
  if (trial.started_at_ms() == 0)
    return std::nullopt;
  auto end = trial.ended_at_ms() != 0 ? trial.ended_at_ms() : now_ms;
  return std::max<std::int64_t>(0, end - trial.started_at_ms());
}

Value parameters_value(const std::string& parameters_json) {
  auto value = parse_json(parameters_json);
  return value ? std::move(*value) : Value(parameters_json);
}

Value metrics_value(const Metrics& metrics) {
  Object out;
  for (const auto& metric : metrics)
    out.emplace_back(metric.name(), Value::real(metric.value()));
  return out;
}

Value to_value(const pb::Best& best) {
  return Object{{"sequence", Value::integer(best.sequence())},
                {"value", Value::real(best.value())},
                {"parameters", parameters_value(best.parameters_json())}};
}

Value to_value(const pb::ExperimentSummary& experiment) {
  const auto& counts = experiment.counts();
  return Object{{"id", experiment.id()},
                {"name", experiment.name()},
                {"phase", word_of(experiment.phase())},
                {"maxTrialNum", Value::integer(experiment.max_trial_num())},
                {"trialConcurrency", Value::integer(experiment.trial_concurrency())},
                {"counts", Object{{"pending", Value::integer(counts.pending())},
                                  {"running", Value::integer(counts.running())},
                                  {"succeeded", Value::integer(counts.succeeded())},
                                  {"failed", Value::integer(counts.failed())},
                                  {"earlyStopped", Value::integer(counts.early_stopped())},
                                  {"killed", Value::integer(counts.killed())}}},
                {"best", experiment.has_best() ? to_value(experiment.best()) : Value()},
                {"startedAt", time_value(experiment.started_at_ms())},
                {"endedAt", time_value(experiment.ended_at_ms())},
                {"reason", experiment.reason()}};
}

Value to_value(const pb::TrialSummary& trial, std::span<const pb::Report> intermediate,
               const TrialJson& how) {
  Array reports;
  reports.reserve(intermediate.size());
  for (const auto& report : intermediate)
    reports.push_back(intermediate_value(report, how));
  auto duration = duration_ms(trial, how.now_ms);
  Object out{
      {"sequence", Value::integer(trial.sequence())},
      {"id", trial.id()},
      {"state", word_of(trial.state())},
      {"parameters", parameters_value(trial.parameters_json())},
      {"final", number_or_null(final_value(how.objective, trial.final_metrics()))},
      {"finalMetrics", metrics_value(trial.final_metrics())},
      {"intermediate", std::move(reports)},
      {"attempt", Value::integer(trial.attempt())},
      {"node", trial.node()},
      {"createdAt", time_value(trial.created_at_ms())},
      {"startedAt", time_value(trial.started_at_ms())},
      {"endedAt", time_value(trial.ended_at_ms())},
      {"durationSeconds", duration ? Value::real(static_cast<double>(*duration) / 1000) : Value()},
      // What has not ended tells why it waits.
      {"reason", has_ended(trial.state()) ? trial.reason() : trial.detail()}};
  if (!how.objective.constraints().empty()) {
    auto violations = violations_value(how.objective, trial.final_metrics());
    auto scores = how.objective.scores_of(trial.final_metrics());
    out.emplace_back("feasible", scores.finite() ? Value(scores.feasible()) : Value());
    out.emplace_back("violations", std::move(violations));
  }
  if (how.objective.has_several_goals())
    out.emplace_back("onFront", how.front.contains(trial.sequence()));
  return out;
}

}  // namespace autotune::cli
