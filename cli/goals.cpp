#include "cli/goals.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/columns.hpp"
#include "cli/json_output.hpp"
#include "cli/run_view.hpp"
#include "cli/tables.hpp"

namespace autotune::cli {

bool is_plain(const Objective& objective) {
  return !objective.has_several_goals() && objective.constraints().empty();
}

std::string heading_of(const Objective& objective, const std::string& metric) {
  std::string roles;
  auto add = [&](const std::string& role) { roles += (roles.empty() ? "" : ", ") + role; };
  for (const auto& goal : objective.goals())
    if (goal.metric == metric)
      add(goal.minimize ? "min" : "max");
  for (const auto& constraint : objective.constraints())
    if (constraint.metric == metric)
      add(to_text(constraint).substr(metric.size() + 1));
  return printable(metric) + " (" + roles + ")";
}

std::optional<double> final_value(const Objective& objective, const Metrics& final_metrics) {
  const auto* metric = objective.find(final_metrics, objective.goals().front().metric);
  return metric == nullptr ? std::nullopt : std::optional(metric->value());
}

std::string breach_text(const Constraint& constraint, double value) {
  auto distance = std::abs(value - constraint.bound);
  bool tells = std::isfinite(distance) && distance > 0;
  return printable(to_text(constraint)) +
         (tells ? " by " + metric_text(distance) : ", being " + metric_text(value));
}

std::string breaches_text(const Objective& objective, const Metrics& final_metrics) {
  auto scores = objective.scores_of(final_metrics);
  std::string text;
  for (std::size_t i = 0; i < scores.violations.size(); ++i) {
    const auto& constraint = objective.constraints()[i];
    if (scores.violations[i] > 0)
      text += (text.empty() ? "breaks " : ", ") +
              breach_text(constraint, objective.find(final_metrics, constraint.metric)->value());
  }
  return text;
}

std::string standing_text(const Objective& objective, const Metrics& final_metrics, bool on_front) {
  auto scores = objective.scores_of(final_metrics);
  if (!scores.finite())
    return "-";
  if (!objective.has_several_goals())
    return scores.feasible() ? "yes" : "no";
  return !scores.feasible() ? "infeasible" : on_front ? "yes" : "no";
}

std::string standing_heading(const Objective& objective) {
  return objective.has_several_goals() ? "FRONT" : "FEASIBLE";
}

std::string nearest_text(const Objective& objective, std::int64_t sequence,
                         const Metrics& final_metrics) {
  return "no trial meets the constraints yet; nearest: trial " + std::to_string(sequence) + " " +
         breaches_text(objective, final_metrics);
}

Result<FrontTrials> read_front(StoreReader& store, const std::string& experiment_id) {
  auto front = store.front(experiment_id);
  if (!front)
    return tl::unexpected(front.error());
  FrontTrials found;
  if (front->nearest) {
    auto trial = store.trial(experiment_id, *front->nearest);
    if (!trial)
      return tl::unexpected(trial.error());
    found.nearest = *std::move(trial);
  }
  if (front->trials.empty())
    return found;
  auto all = store.trials(experiment_id);  // one by one a front of thousands takes seconds
  if (!all)
    return tl::unexpected(all.error());
  std::map<Sequence, pb::TrialSummary*> by_sequence;
  for (auto& trial : *all)
    by_sequence.emplace(trial.sequence(), &trial);
  for (auto sequence : front->trials)
    found.trials.push_back(std::move(*by_sequence.at(sequence)));
  return found;
}

void print_front(const Objective& objective, const std::vector<pb::TrialSummary>& trials,
                 const std::string& indent, std::ostream& out) {
  auto metrics = objective.metrics();
  std::vector<std::string> heading{indent + "SEQ", "ID"};
  for (const auto& metric : metrics)
    heading.push_back(heading_of(objective, metric));
  heading.emplace_back("PARAMETERS");
  Columns columns(std::move(heading));
  for (const auto& trial : trials) {
    std::vector<std::string> row{indent + std::to_string(trial.sequence()), trial.id()};
    for (const auto& name : metrics) {
      const auto* metric = objective.find(trial.final_metrics(), name);
      row.push_back(metric == nullptr ? "-" : metric_text(metric->value()));
    }
    row.push_back(printable(parameters_text(trial.parameters_json())));
    columns.add(std::move(row));
  }
  columns.print(out);
}

Value goals_value(const Objective& objective) {
  Array goals;
  for (const auto& goal : objective.goals())
    goals.push_back(
        Object{{"metric", goal.metric}, {"goal", goal.minimize ? "minimize" : "maximize"}});
  return goals;
}

Value constraints_value(const Objective& objective) {
  Array constraints;
  for (const auto& constraint : objective.constraints())
    constraints.push_back(to_text(constraint));
  return constraints;
}

Value violations_value(const Objective& objective, const Metrics& final_metrics) {
  auto scores = objective.scores_of(final_metrics);
  if (!scores.finite())
    return {};
  Object violations;
  for (std::size_t i = 0; i < scores.violations.size(); ++i)
    violations.emplace_back(to_text(objective.constraints()[i]), Value::real(scores.violations[i]));
  return violations;
}

Value front_value(const Objective& objective, const std::vector<pb::TrialSummary>& trials) {
  Array front;
  for (const auto& trial : trials) {
    Object values;
    for (const auto& goal : objective.goals())
      if (const auto* metric = objective.find(trial.final_metrics(), goal.metric))
        values.emplace_back(goal.metric, Value::real(metric->value()));
    front.push_back(Object{{"sequence", Value::integer(trial.sequence())},
                           {"id", trial.id()},
                           {"values", std::move(values)},
                           {"finalMetrics", metrics_value(trial.final_metrics())},
                           {"parameters", parameters_value(trial.parameters_json())}});
  }
  return front;
}

Value nearest_value(const Objective& objective, const std::optional<pb::TrialSummary>& nearest) {
  if (!nearest)
    return {};
  return Object{{"sequence", Value::integer(nearest->sequence())},
                {"violations", violations_value(objective, nearest->final_metrics())}};
}

}  // namespace autotune::cli
