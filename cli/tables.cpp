#include "cli/tables.hpp"

#include <map>

#include "cli/columns.hpp"
#include "cli/csv.hpp"
#include "cli/goals.hpp"
#include "cli/run_view.hpp"

namespace autotune::cli {
namespace {

std::string dash(std::string text) { return text.empty() ? "-" : text; }

std::string metric_or_dash(const std::optional<double>& x) { return x ? metric_text(*x) : "-"; }

std::int64_t ended_of(const pb::Counts& counts) {
  return counts.succeeded() + counts.failed() + counts.early_stopped() + counts.killed();
}

std::string duration_of(const pb::ExperimentSummary& e, std::int64_t now_ms) {
  if (e.started_at_ms() == 0)
    return "-";
  return duration_text((e.ended_at_ms() != 0 ? e.ended_at_ms() : now_ms) - e.started_at_ms());
}

bool has_front(const pb::ExperimentSummary& e) { return e.spec().objective().goals_size() > 1; }

Result<FrontSizes> front_sizes(StoreReader& store,
                               const std::vector<pb::ExperimentSummary>& experiments) {
  FrontSizes sizes;
  for (const auto& e : experiments) {
    if (!has_front(e))
      continue;
    auto front = store.front(e.id());
    if (!front)
      return tl::unexpected(front.error());
    sizes[e.id()] = front->trials.size();
  }
  return sizes;
}

std::string best_text(const pb::ExperimentSummary& e, const FrontSizes& fronts) {
  if (auto found = fronts.find(e.id()); found != fronts.end())
    return found->second == 0 ? "-" : "front: " + std::to_string(found->second);
  return e.has_best() ? metric_text(e.best().value()) : "-";
}

Result<void> experiments_json(StoreReader& store,
                              const std::vector<pb::ExperimentSummary>& experiments,
                              std::ostream& out) {
  JsonArray array(out);
  for (const auto& e : experiments) {
    auto value = to_value(e);
    if (has_front(e)) {
      auto front = read_front(store, e.id());
      if (!front)
        return tl::unexpected(front.error());
      value.as_object()->emplace_back("front",
                                      front_value(Objective(e.spec().objective()), front->trials));
    }
    array.add(value);
  }
  array.finish();
  out << "\n";
  return {};
}

void experiments_table(const std::vector<pb::ExperimentSummary>& experiments,
                       const FrontSizes& fronts, const OutputOptions& options, std::ostream& out) {
  const bool wide = options.format == Format::wide;
  std::vector<std::string> heading{"ID",        "PHASE",  "TRIALS", "RUNNING",
                                   "SUCCEEDED", "FAILED", "BEST",   "TIME"};
  if (wide)
    heading.insert(heading.end(), {"PENDING", "EARLY-STOPPED", "KILLED", "CONCURRENCY",
                                   "BEST-TRIAL", "STARTED", "ENDED", "REASON"});
  Columns columns(heading);
  for (const auto& e : experiments) {
    const auto& counts = e.counts();
    auto of = e.max_trial_num() > 0 ? "/" + std::to_string(e.max_trial_num()) : std::string();
    std::vector<std::string> row{e.id(),
                                 word_of(e.phase()),
                                 std::to_string(ended_of(counts)) + of,
                                 std::to_string(counts.running()),
                                 std::to_string(counts.succeeded()),
                                 std::to_string(counts.failed()),
                                 best_text(e, fronts),
                                 duration_of(e, options.now_ms)};
    if (wide)
      row.insert(row.end(),
                 {std::to_string(counts.pending()), std::to_string(counts.early_stopped()),
                  std::to_string(counts.killed()), std::to_string(e.trial_concurrency()),
                  e.has_best() ? std::to_string(e.best().sequence()) : "-",
                  dash(iso_time(e.started_at_ms())), dash(iso_time(e.ended_at_ms())),
                  dash(printable(e.reason()))});
    columns.add(std::move(row));
  }
  columns.print(out);
}

Result<void> trials_table(StoreReader& store, const pb::ExperimentSummary& experiment,
                          const std::vector<pb::TrialSummary>& trials, const OutputOptions& options,
                          std::ostream& out) {
  const bool wide = options.format == Format::wide;
  const Objective objective(experiment.spec().objective());
  const bool plain = is_plain(objective);
  const auto metrics = objective.metrics();
  const auto how = trial_json(experiment, trials, options.now_ms);
  std::vector<std::string> heading{"SEQ", "ID", "STATE", "TIME", "LATEST"};
  if (plain) {
    heading.emplace_back("FINAL");
  } else {
    for (const auto& metric : metrics)
      heading.push_back(heading_of(objective, metric));
    heading.push_back(standing_heading(objective));
  }
  if (wide)
    heading.insert(heading.end(), {"REPORTS", "ATTEMPT", "NODE", "CREATED", "STARTED", "ENDED"});
  heading.emplace_back("PARAMETERS");
  Columns columns(heading);
  for (const auto& trial : trials) {
    std::optional<double> latest;
    if (trial.state() == pb::TRIAL_STATE_RUNNING) {
      auto report = store.last_report(experiment.id(), trial.sequence());
      if (!report)
        return tl::unexpected(report.error());
      if (*report)
        if (const auto* metric = objective.find_intermediate((*report)->metrics()))
          latest = metric->value();
    }
    auto duration = duration_ms(trial, options.now_ms);
    std::vector<std::string> row{std::to_string(trial.sequence()), trial.id(),
                                 word_of(trial.state()), duration ? duration_text(*duration) : "-",
                                 metric_or_dash(latest)};
    for (const auto& name : metrics) {
      const auto* metric = objective.find(trial.final_metrics(), name);
      row.push_back(metric == nullptr ? "-" : metric_text(metric->value()));
    }
    if (!plain)
      row.push_back(
          standing_text(objective, trial.final_metrics(), how.front.contains(trial.sequence())));
    if (wide)
      row.insert(row.end(),
                 {std::to_string(trial.intermediate_count()), std::to_string(trial.attempt()),
                  dash(trial.node()), dash(iso_time(trial.created_at_ms())),
                  dash(iso_time(trial.started_at_ms())), dash(iso_time(trial.ended_at_ms()))});
    // The last column is free in its width: the reason stands there too.
    auto reason = trial.detail().empty() ? trial.reason() : trial.detail();
    if (reason.empty())
      reason = breaches_text(objective, trial.final_metrics());
    row.push_back(printable(parameters_text(trial.parameters_json())) +
                  (reason.empty() ? "" : "  (" + printable(reason) + ")"));
    columns.add(std::move(row));
  }
  columns.print(out);
  return {};
}

Result<void> trials_json(IntermediateReports& intermediate,
                         const std::vector<pb::TrialSummary>& trials, const TrialJson& how,
                         std::ostream& out) {
  JsonArray array(out);
  for (const auto& trial : trials) {
    auto reports = intermediate.of(trial.sequence());
    if (!reports)
      return tl::unexpected(reports.error());
    array.add(to_value(trial, *reports, how));
  }
  array.finish();
  out << "\n";
  return {};
}

/// `front`: with constraints, the same trial with all that it reported.
void write_best_trial(const pb::ExperimentSummary& summary, const Objective& objective,
                      const std::vector<pb::TrialSummary>& front, const OutputOptions& options,
                      std::ostream& out) {
  const auto& best = summary.best();
  if (options.format == Format::json) {
    auto value = to_value(best);
    if (!front.empty())
      value.as_object()->emplace_back("finalMetrics", metrics_value(front[0].final_metrics()));
    out << to_json(value) << "\n";
    return;
  }
  const auto& goal = objective.goals().front().metric;
  out << "trial " << summary.id() << "/" << best.sequence() << ": " << goal << " = "
      << to_json(Value::real(best.value()));
  for (const auto& name : objective.metrics())
    if (name != goal && !front.empty())
      out << ", " << printable(name) << " = "
          << to_json(Value::real(objective.find(front[0].final_metrics(), name)->value()));
  out << "\n";
  auto parameters = parameters_value(best.parameters_json());
  Columns columns;
  if (const auto* object = parameters.as_object())
    for (const auto& [name, value] : *object)
      columns.add({"  " + printable(name), to_json(value)});
  columns.print(out);
}

void write_front(const pb::ExperimentSummary& summary, const Objective& objective,
                 const std::vector<pb::TrialSummary>& front, std::ostream& out) {
  out << summary.id() << ": " << front.size() << (front.size() == 1 ? " trial" : " trials")
      << " on the Pareto front, of " << summary.counts().succeeded() << " that succeeded\n";
  print_front(objective, front, "", out);
}

}  // namespace

Result<Format> format_of(const std::string& word) {
  if (word.empty() || word == "table")
    return Format::table;
  if (word == "wide")
    return Format::wide;
  if (word == "csv")
    return Format::csv;
  if (word == "json")
    return Format::json;
  return fail(ErrorCode::invalid_argument,
              "output format '" + word + "' is unknown; known are: csv, json, table, wide");
}

std::string printable(const std::string& text) {
  std::string out = text;
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto c = static_cast<unsigned char>(out[i]);
    // C1 controls, written as UTF-8, move a cursor too.
    const bool c1 =
        c == 0xc2 && i + 1 < out.size() && (static_cast<unsigned char>(out[i + 1]) & 0xe0) == 0x80;
    if (c < 0x20 || c == 0x7f)
      out[i] = '?';
    else if (c1)
      out.replace(i, 2, "?");
  }
  return out;
}

void write_no_experiments(const OutputOptions& options, std::ostream& out) {
  if (options.format == Format::json)
    out << "[]\n";
  else if (options.format == Format::csv)
    write_experiments_csv({}, {}, out);
  else
    experiments_table({}, {}, options, out);
}

Result<void> write_experiments(StoreReader& store, const OutputOptions& options,
                               std::ostream& out) {
  auto experiments = store.experiments();
  if (!experiments)
    return tl::unexpected(experiments.error());
  if (options.format == Format::json)
    return experiments_json(store, *experiments, out);
  auto fronts = front_sizes(store, *experiments);
  if (!fronts)
    return tl::unexpected(fronts.error());
  if (options.format == Format::csv)
    write_experiments_csv(*experiments, *fronts, out);
  else
    experiments_table(*experiments, *fronts, options, out);
  return {};
}

Result<void> write_trials(StoreReader& store, const std::string& experiment,
                          const OutputOptions& options, std::ostream& out) {
  auto summary = store.experiment(experiment);
  if (!summary)
    return tl::unexpected(summary.error());
  auto trials = store.trials(summary->id());
  if (!trials)
    return tl::unexpected(trials.error());
  const auto how = trial_json(*summary, *trials, options.now_ms);
  if (options.format == Format::csv)
    return write_trials_csv(*trials, how, nullptr, out);
  if (options.format != Format::json)
    return trials_table(store, *summary, *trials, options, out);
  IntermediateReports intermediate(store, summary->id());
  if (auto opened = intermediate.open(*trials); !opened)
    return opened;
  return trials_json(intermediate, *trials, how, out);
}

TrialJson trial_json(const pb::ExperimentSummary& experiment,
                     const std::vector<pb::TrialSummary>& trials, std::int64_t now_ms) {
  TrialJson how{Objective(experiment.spec().objective()), now_ms, false, {}};
  if (how.objective.has_several_goals()) {
    auto front = front_of(how.objective, trials).trials;
    how.front.insert(front.begin(), front.end());
  }
  return how;
}

Result<void> write_best(StoreReader& store, const std::string& experiment,
                        const OutputOptions& options, std::ostream& out) {
  auto summary = store.experiment(experiment);
  if (!summary)
    return tl::unexpected(summary.error());
  const Objective objective(summary->spec().objective());
  FrontTrials front;
  if (!is_plain(objective)) {
    auto read = read_front(store, summary->id());
    if (!read)
      return tl::unexpected(read.error());
    front = *std::move(read);
  }
  if (front.nearest)
    return fail(ErrorCode::not_found, summary->id() + ": " +
                                          nearest_text(objective, front.nearest->sequence(),
                                                       front.nearest->final_metrics()));
  if (!summary->has_best() && front.trials.empty())
    return fail(ErrorCode::not_found,
                "no trial of " + summary->id() + " has succeeded with a finite result" +
                    (objective.has_several_goals() ? " of all goals yet" : " yet"));
  if (!objective.has_several_goals())
    write_best_trial(*summary, objective, front.trials, options, out);
  else if (options.format == Format::json)
    out << to_json(front_value(objective, front.trials)) << "\n";
  else
    write_front(*summary, objective, front.trials, out);
  return {};
}

}  // namespace autotune::cli
