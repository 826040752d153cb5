#include "cli/csv.hpp"

#include <map>

#include "cli/goals.hpp"

namespace autotune::cli {
namespace {

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos)
    return text;
  std::string out = "\"";
  for (char c : text)
    out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string csv_number(const std::optional<double>& x) {
  if (!x)
    return "";
  auto value = Value::real(*x);
  return value.as_string() != nullptr ? *value.as_string() : to_json(value);
}

/// A parameter's text in a cell: strings bare, the rest as JSON.
std::string cell_text(const Value& value) {
  const auto* text = value.as_string();
  return text != nullptr ? *text : to_json(value);
}

void flatten(const std::string& prefix, const Value& value, std::vector<NamedCell>& out) {
  const auto* object = value.as_object();
  if (object == nullptr) {
    out.emplace_back(prefix, cell_text(value));
    return;
  }
  for (const auto& [name, member] : *object)
    flatten(prefix.empty() ? name : prefix + "/" + name, member, out);
}

std::vector<NamedCell> flat_parameters(const pb::TrialSummary& trial) {
  auto value = parse_json(trial.parameters_json());
  return value && value->as_object() != nullptr ? cells_of("", *value) : std::vector<NamedCell>();
}

/// Names in the order in which they come first.
class NameList {
 public:
  void add(const std::string& name) {
    if (places_.emplace(name, names_.size()).second)
      names_.push_back(name);
  }
  std::size_t place(const std::string& name) const { return places_.at(name); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::size_t> places_;
};

std::string intermediate_json(std::span<const pb::Report> reports, const pb::TrialSummary& trial,
                              const TrialJson& how) {
  auto value = to_value(trial, reports, how);
  return to_json(*value.find("intermediate"));
}

const char* feasible_word(const Objective& objective, const Metrics& final_metrics) {
  auto scores = objective.scores_of(final_metrics);
  return !scores.finite() ? "" : scores.feasible() ? "true" : "false";
}

}  // namespace

void csv_row(const std::vector<std::string>& cells, std::ostream& out) {
  for (std::size_t i = 0; i < cells.size(); ++i)
    out << (i == 0 ? "" : ",") << csv_cell(cells[i]);
  out << "\r\n";
}

std::vector<NamedCell> cells_of(const std::string& name, const Value& value) {
  std::vector<NamedCell> out;
  flatten(name, value, out);
  return out;
}

void write_experiments_csv(const std::vector<pb::ExperimentSummary>& experiments,
                           const FrontSizes& fronts, std::ostream& out) {
  csv_row({"id", "name", "phase", "maxTrialNum", "trialConcurrency", "pending", "running",
           "succeeded", "failed", "earlyStopped", "killed", "best", "bestSequence", "startedAt",
           "endedAt", "reason", "front"},
          out);
  for (const auto& e : experiments) {
    const auto& counts = e.counts();
    std::vector<std::string> row{e.id(), e.name(), word_of(e.phase()),
                                 std::to_string(e.max_trial_num()),
                                 std::to_string(e.trial_concurrency())};
    for (auto n : {counts.pending(), counts.running(), counts.succeeded(), counts.failed(),
                   counts.early_stopped(), counts.killed()})
      row.push_back(std::to_string(n));
    row.push_back(e.has_best() ? csv_number(e.best().value()) : "");
    row.push_back(e.has_best() ? std::to_string(e.best().sequence()) : "");
    row.insert(row.end(), {iso_time(e.started_at_ms()), iso_time(e.ended_at_ms()), e.reason()});
    auto front = fronts.find(e.id());
    row.push_back(front == fronts.end() ? "" : std::to_string(front->second));
    csv_row(row, out);
  }
}

Result<void> write_trials_csv(const std::vector<pb::TrialSummary>& trials, const TrialJson& how,
                              IntermediateReports* intermediate, std::ostream& out) {
  NameList metrics;
  NameList parameters;
  for (const auto& trial : trials) {
    for (const auto& metric : trial.final_metrics())
      metrics.add(metric.name());
    for (const auto& [name, text] : flat_parameters(trial))
      parameters.add(name);
  }
  const bool constrained = !how.objective.constraints().empty();
  const bool has_front = how.objective.has_several_goals();
  std::vector<std::string> heading{"sequence", "id", "state", "final"};
  if (constrained)
    heading.emplace_back("feasible");
  if (has_front)
    heading.emplace_back("onFront");
  for (const auto& name : metrics.names())
    heading.push_back("metric." + name);
  for (const auto& name : parameters.names())
    heading.push_back("parameter." + name);
  heading.insert(heading.end(), {"attempt", "node", "createdAt", "startedAt", "endedAt",
                                 "durationSeconds", "reason"});
  if (intermediate != nullptr)
    heading.emplace_back("intermediate");
  csv_row(heading, out);
  for (const auto& trial : trials) {
    std::vector<std::string> named(metrics.names().size());
    for (const auto& metric : trial.final_metrics())
      named[metrics.place(metric.name())] = csv_number(metric.value());
    std::vector<std::string> set(parameters.names().size());
    for (const auto& [name, text] : flat_parameters(trial))
      set[parameters.place(name)] = text;
    auto duration = duration_ms(trial, how.now_ms);
    std::vector<std::string> row{std::to_string(trial.sequence()), trial.id(),
                                 word_of(trial.state()),
                                 csv_number(final_value(how.objective, trial.final_metrics()))};
    if (constrained)
      row.emplace_back(feasible_word(how.objective, trial.final_metrics()));
    if (has_front)
      row.emplace_back(how.front.contains(trial.sequence()) ? "true" : "false");
    row.insert(row.end(), named.begin(), named.end());
    row.insert(row.end(), set.begin(), set.end());
    row.insert(row.end(),
               {std::to_string(trial.attempt()), trial.node(), iso_time(trial.created_at_ms()),
                iso_time(trial.started_at_ms()), iso_time(trial.ended_at_ms()),
                duration ? csv_number(static_cast<double>(*duration) / 1000) : "",
                trial.detail().empty() ? trial.reason() : trial.detail()});
    if (intermediate != nullptr) {
      auto reports = intermediate->of(trial.sequence());
      if (!reports)
        return tl::unexpected(reports.error());
      row.push_back(intermediate_json(*reports, trial, how));
    }
    csv_row(row, out);
  }
  return {};
}

}  // namespace autotune::cli
