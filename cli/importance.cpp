#include "cli/importance.hpp"

#include <cmath>
#include <cstdio>
#include <set>

#include "cli/columns.hpp"
#include "config/search_space_reader.hpp"
#include "tuner/importance.hpp"

namespace autotune::cli {

namespace {

constexpr std::size_t pairs_shown = 10;
constexpr double share_shown = 0.0005;  // less is printed as 0.0 %
constexpr int bar_width = 30;

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%5.1f %%", 100 * share);
  return text;
}

std::string bar(double share) {
  return std::string(static_cast<std::size_t>(std::lround(bar_width * std::min(1.0, share))), '#');
}

/// Trials as the search sees them: those that reported the metric.
std::vector<Trial> results_of(const std::vector<pb::TrialSummary>& summaries,
                              const Objective& objective, const std::string& metric) {
  std::vector<Trial> trials;
  for (const auto& summary : summaries) {
    const auto* value = objective.find(summary.final_metrics(), metric);
    auto parameters = parse_json(summary.parameters_json());
    if (value == nullptr || !parameters || summary.state() != pb::TRIAL_STATE_SUCCEEDED)
      continue;
    Trial trial;
    trial.sequence = summary.sequence();
    trial.parameters = std::move(*parameters);
    trial.outcome = TrialOutcome::succeeded;
    trial.final_value = value->value();
    trials.push_back(std::move(trial));
  }
  return trials;
}

void print(const Importance& importance, const Space& space, const std::string& objective,
           std::ostream& out) {
  out << "Importance for " << objective << ", from " << importance.trials
      << " trials (share of the variance that a parameter explains alone; functional ANOVA):\n";
  Columns alone;
  for (const auto& one : importance.parameters)
    alone.add({"  " + printable(space[one.dimension].path), percent(one.share), bar(one.share)});
  alone.print(out);
  Columns together;
  std::size_t shown = 0;
  for (const auto& one : importance.pairs) {
    if (one.share < share_shown || shown == pairs_shown)
      break;
    if (shown++ == 0)
      out << "Together, beyond what each explains alone:\n";
    together.add(
        {"  " + printable(space[one.first].path) + ", " + printable(space[one.second].path),
         percent(one.share), bar(one.share)});
  }
  together.print(out);
}

Value as_json(const Importance& importance, const Space& space, const std::string& objective) {
  Array alone;
  for (const auto& one : importance.parameters)
    alone.push_back(
        Object{{"name", space[one.dimension].path}, {"importance", Value::real(one.share)}});
  Array together;
  for (const auto& one : importance.pairs)
    together.push_back(Object{{"names", Array{space[one.first].path, space[one.second].path}},
                              {"importance", Value::real(one.share)}});
  return Object{{"objective", objective},
                {"trials", Value::integer(static_cast<std::int64_t>(importance.trials))},
                {"parameters", std::move(alone)},
                {"pairs", std::move(together)}};
}

/// The metrics to look at: the named one, else that of each goal.
std::vector<std::string> asked_for(const Objective& objective, const std::string& metric) {
  if (!metric.empty())
    return {metric};
  std::vector<std::string> names;
  for (const auto& goal : objective.goals())
    names.push_back(goal.metric);
  return names;
}

/// not_found where a metric is named that no trial reports, with those that are reported.
Result<void> check_metric(const Objective& objective, const std::vector<pb::TrialSummary>& trials,
                          const std::string& metric) {
  if (metric.empty())
    return {};
  std::set<std::string> known;
  for (const auto& trial : trials) {
    if (objective.find(trial.final_metrics(), metric) != nullptr)
      return {};
    for (const auto& one : trial.final_metrics())
      known.insert(one.name());
  }
  std::string names;
  for (const auto& name : known)
    names += (names.empty() ? "" : ", ") + printable(name);
  return fail(ErrorCode::not_found,
              "no trial reports a metric '" + metric + "'; " +
                  (names.empty() ? "there are none yet" : "reported are: " + names));
}

}  // namespace

Result<void> write_importance(StoreReader& store, const std::string& experiment,
                              const std::string& metric, const OutputOptions& options,
                              std::ostream& out) {
  auto summary = store.experiment(experiment);
  if (!summary)
    return tl::unexpected(summary.error());
  auto trials = store.trials(summary->id());
  if (!trials)
    return tl::unexpected(trials.error());
  auto described = read_search_space(summary->spec().search_space_json());
  if (!described)
    return tl::unexpected(described.error());
  const Objective objective(summary->spec().objective());
  if (auto known = check_metric(objective, *trials, metric); !known)
    return fail(known.error().code, summary->id() + ": " + known.error().message);
  Space space(std::move(*described));
  Array all;
  const auto names = asked_for(objective, metric);
  for (const auto& name : names) {
    auto importance = importance_of(space, results_of(*trials, objective, name));
    if (!importance)
      return fail(importance.error().code,
                  summary->id() + (names.size() > 1 ? ", " + name : "") + ": " +
                      importance.error().message +
                      (names.size() > 1 ? "; --metric NAME asks for one goal alone" : ""));
    if (options.format == Format::json)
      all.push_back(as_json(*importance, space, name));
    else
      print(*importance, space, name, out);
  }
  if (options.format == Format::json)
    out << to_json(all.size() == 1 ? all.front() : Value(std::move(all))) << "\n";
  return {};
}

}  // namespace autotune::cli
