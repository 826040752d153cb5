#include "cli/describe.hpp"

#include "cli/columns.hpp"
#include "cli/event_words.hpp"
#include "cli/goals.hpp"
#include "cli/run_view.hpp"

namespace autotune::cli {
namespace {

Value events_value(const std::vector<StoredEvent>& events) {
  Array out;
  for (const auto& stored : events)
    out.push_back(Object{{"number", Value::integer(stored.number)},
                         {"at", iso_time(stored.event.at_ms())},
                         {"kind", kind_of(stored.event)},
                         {"text", words_of(stored.event)}});
  return out;
}

void write_events(const std::vector<StoredEvent>& events, std::ostream& out) {
  out << "Events:\n";
  Columns columns;
  for (const auto& stored : events)
    columns.add({"  " + iso_time(stored.event.at_ms()), words_of(stored.event)});
  columns.print(out);
}

std::string algorithm_of(const pb::ExperimentSpec& spec) {
  auto named = [](const pb::Algorithm& a) {
    auto text = a.name();
    for (const auto& word : a.command())
      text += (text.empty() ? "" : " ") + word;
    return a.class_args_json().empty() || a.class_args_json() == "{}"
               ? text
               : text + " " + a.class_args_json();
  };
  if (spec.has_tuner())
    return "tuner " + named(spec.tuner()) +
           (spec.has_assessor() ? ", assessor " + named(spec.assessor()) : "");
  if (spec.has_advisor())
    return "advisor " + named(spec.advisor());
  return spec.has_assessor() ? "assessor " + named(spec.assessor()) : "Auto";
}

std::string objectives_of(const Objective& objective) {
  std::string text;
  for (const auto& goal : objective.goals())
    text += (text.empty() ? "" : ", ") + std::string(goal.minimize ? "minimize " : "maximize ") +
            goal.metric;
  for (const auto& constraint : objective.constraints())
    text += ", " + to_text(constraint);
  return text;
}

std::string limit_text(double x, const std::string& unit) {
  return x > 0 ? to_json(plain_number(x)) + unit : "no limit";
}

std::string counts_text(const pb::Counts& counts) {
  std::string text;
  auto add = [&](std::int64_t n, const char* word) {
    if (n > 0)
      text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + word;
  };
  add(counts.pending(), "pending");
  add(counts.running(), "running");
  add(counts.succeeded(), "succeeded");
  add(counts.failed(), "failed");
  add(counts.early_stopped(), "early-stopped");
  add(counts.killed(), "killed");
  return text.empty() ? "none yet" : text;
}

/// Lines "Name:  value"; a value that is empty leaves its line out.
class Lines {
 public:
  void add(const std::string& name, const std::string& value) {
    if (!value.empty())
      columns_.add({name + ":", printable(value)});
  }
  void print(std::ostream& out) const { columns_.print(out); }

 private:
  Columns columns_;
};

/// Of its warm start; null where there was none.
const pb::WarmStarted* warm_start_in(const std::vector<StoredEvent>& events) {
  for (const auto& stored : events)
    if (stored.event.has_warm_started())
      return &stored.event.warm_started();
  return nullptr;
}

std::string best_text(const pb::ExperimentSummary& e, const Objective& objective,
                      const FrontTrials& front) {
  if (front.nearest)
    return nearest_text(objective, front.nearest->sequence(), front.nearest->final_metrics());
  if (objective.has_several_goals())
    return std::to_string(front.trials.size()) + (front.trials.size() == 1 ? " trial" : " trials") +
           " on the Pareto front, see below";
  return metric_text(e.best().value()) + " by trial " + std::to_string(e.best().sequence()) + ": " +
         parameters_text(e.best().parameters_json());
}

void write_experiment(const pb::ExperimentSummary& e, const pb::WarmStarted* warm,
                      const FrontTrials& front, std::int64_t stored_bytes, std::ostream& out) {
  const auto& spec = e.spec();
  const Objective objective(spec.objective());
  Lines lines;
  lines.add("Experiment", e.id());
  lines.add("Phase", word_of(e.phase()) + (e.reason().empty() ? "" : " (" + e.reason() + ")"));
  lines.add("Created", iso_time(e.created_at_ms()));
  lines.add("Started", iso_time(e.started_at_ms()));
  lines.add("Ended", iso_time(e.ended_at_ms()));
  lines.add("Time running",
            duration_text(e.running_ms()) + " of " + limit_text(spec.max_exec_seconds(), " s"));
  lines.add("Trials", counts_text(e.counts()));
  lines.add("Budget",
            e.max_trial_num() > 0 ? std::to_string(e.max_trial_num()) + " trials" : "no limit");
  lines.add("Concurrency", std::to_string(e.trial_concurrency()));
  lines.add("Algorithm", algorithm_of(spec));
  lines.add("Objective", objectives_of(objective));
  if (warm != nullptr)
    lines.add("Warm start", warm_start_text(*warm));
  if (e.has_best() || front.nearest || !front.trials.empty())
    lines.add(objective.has_several_goals() ? "Front" : "Best", best_text(e, objective, front));
  lines.add("Search space", spec.search_space_json());
  lines.add("Launcher", spec.launcher().kind());
  lines.add("Folder", e.options().folder());
  for (const auto& [claim, folder] : e.options().volumes())
    lines.add("Volume " + claim, folder);
  lines.add("Stored", std::to_string((stored_bytes + 1023) / 1024) + " KiB" +
                          (spec.storage_bytes() > 0
                               ? " of " + std::to_string(spec.storage_bytes() / 1024) + " KiB"
                               : ""));
  lines.print(out);
  if (objective.has_several_goals() && !front.trials.empty()) {
    out << "Pareto front:\n";
    print_front(objective, front.trials, "  ", out);
  }
}

/// Trials that have not ended and say why they wait.
Result<void> write_waiting(StoreReader& store, const pb::ExperimentSummary& e, std::ostream& out) {
  if (e.counts().pending() == 0)
    return {};
  auto trials = store.trials(e.id());
  if (!trials)
    return tl::unexpected(trials.error());
  Columns columns;
  bool any = false;
  for (const auto& trial : *trials) {
    if (trial.state() != pb::TRIAL_STATE_PENDING)
      continue;
    any = true;
    columns.add({"  trial " + std::to_string(trial.sequence()),
                 trial.detail().empty() ? "waits for a free slot" : printable(trial.detail())});
  }
  if (!any)
    return {};
  out << "Waiting:\n";
  columns.print(out);
  return {};
}

/// How the final result stands to each constraint, and to the front.
void add_standing(const Objective& objective, const pb::TrialSummary& trial, bool on_front,
                  Lines& lines) {
  auto scores = objective.scores_of(trial.final_metrics());
  for (std::size_t i = 0; i < scores.violations.size(); ++i) {
    const auto& constraint = objective.constraints()[i];
    auto value = objective.find(trial.final_metrics(), constraint.metric)->value();
    lines.add("Constraint", scores.violations[i] > 0 ? "breaks " + breach_text(constraint, value)
                                                     : "keeps " + to_text(constraint));
  }
  if (objective.has_several_goals() && scores.finite())
    lines.add("On the front", on_front ? "yes" : "no");
}

void write_trial(const pb::ExperimentSummary& e, const pb::TrialSummary& trial,
                 const std::vector<pb::Report>& reports, const TrialJson& how, std::ostream& out) {
  Lines lines;
  lines.add("Trial", e.id() + "/" + std::to_string(trial.sequence()) + " (" + trial.id() + ")");
  const auto& why = trial.detail().empty() ? trial.reason() : trial.detail();
  lines.add("State", word_of(trial.state()) + (why.empty() ? "" : " (" + why + ")"));
  lines.add("Attempt", trial.attempt() > 0 ? std::to_string(trial.attempt()) : "");
  lines.add("Node", trial.node());
  lines.add("Created", iso_time(trial.created_at_ms()));
  lines.add("Started", iso_time(trial.started_at_ms()));
  lines.add("Ended", iso_time(trial.ended_at_ms()));
  if (auto duration = duration_ms(trial, how.now_ms))
    lines.add("Time", duration_text(*duration));
  for (const auto& metric : trial.final_metrics())
    lines.add("Final " + printable(metric.name()), to_json(Value::real(metric.value())));
  add_standing(how.objective, trial, how.front.contains(trial.sequence()), lines);
  lines.add("Intermediate", std::to_string(trial.intermediate_count()) +
                                (trial.intermediate_count() == 1 ? " result" : " results"));
  if (!reports.empty()) {
    const auto* last = how.objective.find_intermediate(reports.back().metrics());
    lines.add("Latest", (last != nullptr ? to_json(Value::real(last->value()))
                                         : "no " + how.objective.goals().front().metric) +
                            " at step " + std::to_string(reports.back().step()));
  }
  lines.print(out);
  out << "Parameters:\n";
  auto parameters = parameters_value(trial.parameters_json());
  Columns columns;
  if (const auto* object = parameters.as_object())
    for (const auto& [name, value] : *object)
      columns.add({"  " + printable(name), to_json(value)});
  columns.print(out);
}

}  // namespace

Result<void> describe_experiment(StoreReader& store, const std::string& experiment,
                                 const OutputOptions& options, std::ostream& out) {
  auto summary = store.experiment(experiment);
  if (!summary)
    return tl::unexpected(summary.error());
  auto events = store.events(summary->id());
  if (!events)
    return tl::unexpected(events.error());
  auto bytes = store.stored_bytes(summary->id());
  if (!bytes)
    return tl::unexpected(bytes.error());
  const auto* warm = warm_start_in(*events);
  const Objective what(summary->spec().objective());
  auto front = is_plain(what) ? FrontTrials() : read_front(store, summary->id());
  if (!front)
    return tl::unexpected(front.error());
  if (options.format == Format::json) {
    auto value = to_value(*summary);
    auto& object = *value.as_object();
    object.emplace_back("createdAt", iso_time(summary->created_at_ms()));
    object.emplace_back("runningSeconds",
                        Value::real(static_cast<double>(summary->running_ms()) / 1000));
    object.emplace_back("algorithm", algorithm_of(summary->spec()));
    object.emplace_back("objective", objectives_of(what));
    object.emplace_back("goals", goals_value(what));
    object.emplace_back("constraints", constraints_value(what));
    if (what.has_several_goals())
      object.emplace_back("front", front_value(what, front->trials));
    if (!what.constraints().empty())
      object.emplace_back("nearest", nearest_value(what, front->nearest));
    if (warm != nullptr)
      object.emplace_back("warmStart", Object{{"trials", Value::integer(warm->trials_size())},
                                              {"source", warm->source()}});
    object.emplace_back("searchSpace", parameters_value(summary->spec().search_space_json()));
    object.emplace_back("folder", summary->options().folder());
    object.emplace_back("storedBytes", Value::integer(*bytes));
    object.emplace_back("events", events_value(*events));
    out << to_json(value) << "\n";
    return {};
  }
  write_experiment(*summary, warm, *front, *bytes, out);
  if (auto waiting = write_waiting(store, *summary, out); !waiting)
    return waiting;
  write_events(*events, out);
  return {};
}

Result<void> describe_trial(StoreReader& store, const std::string& experiment, Sequence sequence,
                            const OutputOptions& options, std::ostream& out) {
  auto summary = store.experiment(experiment);
  if (!summary)
    return tl::unexpected(summary.error());
  auto trial = store.trial(summary->id(), sequence);
  if (!trial)
    return tl::unexpected(trial.error());
  auto reports = store.reports(summary->id(), sequence, pb::REPORT_KIND_INTERMEDIATE);
  if (!reports)
    return tl::unexpected(reports.error());
  auto events = store.events(summary->id(), sequence);
  if (!events)
    return tl::unexpected(events.error());
  TrialJson how{Objective(summary->spec().objective()), options.now_ms, true, {}};
  if (how.objective.has_several_goals()) {
    auto front = store.front(summary->id());
    if (!front)
      return tl::unexpected(front.error());
    how.front.insert(front->trials.begin(), front->trials.end());
  }
  if (options.format == Format::json) {
    auto value = to_value(*trial, *reports, how);
    value.as_object()->emplace_back("events", events_value(*events));
    out << to_json(value) << "\n";
    return {};
  }
  write_trial(*summary, *trial, *reports, how, out);
  write_events(*events, out);
  return {};
}

}  // namespace autotune::cli
