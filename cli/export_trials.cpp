#include "cli/export_trials.hpp"

#include "cli/csv.hpp"
#include "cli/intermediate_reports.hpp"
#include "cli/tensorboard.hpp"

namespace autotune::cli {
namespace {

struct Loaded {
  pb::ExperimentSummary experiment;
  std::vector<pb::TrialSummary> trials;
};

Result<Loaded> load(StoreReader& store, const std::string& name) {
  auto experiment = store.experiment(name);
  if (!experiment)
    return tl::unexpected(experiment.error());
  auto trials = store.trials(experiment->id());
  if (!trials)
    return tl::unexpected(trials.error());
  return Loaded{std::move(*experiment), std::move(*trials)};
}

/// A scalar is 1 or 0: feasible, and on the front.
void add_standing(pb::TrialSummary& trial, const TrialJson& how) {
  auto scores = how.objective.scores_of(trial.final_metrics());
  if (!scores.finite())
    return;
  auto add = [&](const char* name, bool holds) {
    if (find_metric(trial.final_metrics(), name) != nullptr)
      return;  // the trial's own
    auto* metric = trial.add_final_metrics();
    metric->set_name(name);
    metric->set_value(holds ? 1 : 0);
  };
  if (!how.objective.constraints().empty())
    add("feasible", scores.feasible());
  if (how.objective.has_several_goals())
    add("onFront", how.front.contains(trial.sequence()));
}

Result<void> write_json(const Loaded& loaded, const TrialJson& how,
                        IntermediateReports& intermediate, std::ostream& out) {
  out << "{\"experiment\":" << to_json(to_value(loaded.experiment)) << ",\n\"trials\":";
  JsonArray array(out);
  for (const auto& trial : loaded.trials) {
    auto reports = intermediate.of(trial.sequence());
    if (!reports)
      return tl::unexpected(reports.error());
    array.add(to_value(trial, *reports, how));
  }
  array.finish();
  out << "}\n";
  return {};
}

}  // namespace

Result<void> export_trials(StoreReader& store, const std::string& experiment,
                           const OutputOptions& options, std::ostream& out) {
  if (options.format != Format::csv && options.format != Format::json)
    return fail(ErrorCode::invalid_argument, "export knows these formats: csv, json, tensorboard");
  auto loaded = load(store, experiment);
  if (!loaded)
    return tl::unexpected(loaded.error());
  IntermediateReports intermediate(store, loaded->experiment.id());
  if (auto opened = intermediate.open(loaded->trials); !opened)
    return opened;
  auto how = trial_json(loaded->experiment, loaded->trials, options.now_ms);
  how.all_metrics = true;
  return options.format == Format::csv ? write_trials_csv(loaded->trials, how, &intermediate, out)
                                       : write_json(*loaded, how, intermediate, out);
}

Result<void> export_tensorboard(StoreReader& store, const std::string& experiment,
                                const std::filesystem::path& folder, std::ostream& out) {
  auto loaded = load(store, experiment);
  if (!loaded)
    return tl::unexpected(loaded.error());
  IntermediateReports intermediate(store, loaded->experiment.id());
  if (auto opened = intermediate.open(loaded->trials); !opened)
    return opened;
  const auto how = trial_json(loaded->experiment, loaded->trials, 0);
  for (auto& trial : loaded->trials) {
    auto reports = intermediate.of(trial.sequence());
    if (!reports)
      return tl::unexpected(reports.error());
    add_standing(trial, how);
    if (auto written = write_tensorboard(trial, *reports, folder); !written)
      return written;
  }
  out << loaded->trials.size() << " runs written; tensorboard --logdir " << folder.string() << "\n";
  return {};
}

}  // namespace autotune::cli
