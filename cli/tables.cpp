#include "cli/tables.hpp"

#include "cli/columns.hpp"
#include "cli/csv.hpp"
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

void experiments_table(const std::vector<pb::ExperimentSummary>& experiments,
                       const OutputOptions& options, std::ostream& out) {
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
                                 e.has_best() ? metric_text(e.best().value()) : "-",
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
  const auto objective = objective_name(experiment.spec());
  std::vector<std::string> heading{"SEQ", "ID", "STATE", "TIME", "LATEST", "FINAL"};
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
        latest = objective_value((*report)->metrics(), objective);
    }
    auto duration = duration_ms(trial, options.now_ms);
    std::vector<std::string> row{std::to_string(trial.sequence()),
                                 trial.id(),
                                 word_of(trial.state()),
                                 duration ? duration_text(*duration) : "-",
                                 metric_or_dash(latest),
                                 metric_or_dash(objective_value(trial.final_metrics(), objective))};
    if (wide)
      row.insert(row.end(),
                 {std::to_string(trial.intermediate_count()), std::to_string(trial.attempt()),
                  dash(trial.node()), dash(iso_time(trial.created_at_ms())),
                  dash(iso_time(trial.started_at_ms())), dash(iso_time(trial.ended_at_ms()))});
    // The last column is free in its width: the reason stands there too.
    auto reason = trial.detail().empty() ? trial.reason() : trial.detail();
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

Result<void> write_experiments(StoreReader& store, const OutputOptions& options,
                               std::ostream& out) {
  auto experiments = store.experiments();
  if (!experiments)
    return tl::unexpected(experiments.error());
  if (options.format == Format::csv) {
    write_experiments_csv(*experiments, out);
  } else if (options.format == Format::json) {
    JsonArray array(out);
    for (const auto& e : *experiments)
      array.add(to_value(e));
    array.finish();
    out << "\n";
  } else {
    experiments_table(*experiments, options, out);
  }
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
  const TrialJson how{objective_name(summary->spec()), options.now_ms, false};
  if (options.format == Format::csv)
    return write_trials_csv(*trials, how, nullptr, out);
  if (options.format != Format::json)
    return trials_table(store, *summary, *trials, options, out);
  IntermediateReports intermediate(store, summary->id());
  if (auto opened = intermediate.open(*trials); !opened)
    return opened;
  return trials_json(intermediate, *trials, how, out);
}

Result<void> write_best(StoreReader& store, const std::string& experiment,
                        const OutputOptions& options, std::ostream& out) {
  auto summary = store.experiment(experiment);
  if (!summary)
    return tl::unexpected(summary.error());
  if (!summary->has_best())
    return fail(ErrorCode::not_found,
                "no trial of " + summary->id() + " has succeeded with a finite result yet");
  const auto& best = summary->best();
  if (options.format == Format::json) {
    out << to_json(to_value(best)) << "\n";
    return {};
  }
  out << "trial " << summary->id() << "/" << best.sequence() << ": "
      << objective_name(summary->spec()) << " = " << to_json(Value::real(best.value())) << "\n";
  auto parameters = parameters_value(best.parameters_json());
  Columns columns;
  if (const auto* object = parameters.as_object())
    for (const auto& [name, value] : *object)
      columns.add({"  " + printable(name), to_json(value)});
  columns.print(out);
  return {};
}

}  // namespace autotune::cli
