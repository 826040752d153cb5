// get, describe, best, export: what readers of the home's database are asked, without a server, or one elsewhere.
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>

#include "cli/cli.hpp"
#include "cli/columns.hpp"
#include "cli/connection.hpp"
#include "cli/describe.hpp"
#include "cli/export_trials.hpp"
#include "cli/importance.hpp"
#include "cli/tables.hpp"

namespace autotune::cli {

namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// What a query does with a reader of the home.
using Query = std::function<Result<void>(StoreReader&, const OutputOptions&)>;

int ask(const Common& common, const Query& query) {
  auto format = format_of(common.output);
  if (!format)
    return report(format.error());
  auto reader = reader_for(common);
  if (!reader)
    return report(reader.error());
  auto done = query(**reader, {*format, now_ms()});
  std::cout.flush();
  return done ? exit_fine : report(done.error());
}

/// A home that was never written to has no experiments; that it is no slip in --home is for the user to see.
int get_experiments(const Common& common) {
  const auto home = home_folder(common);
  auto reader = reader_for(common);
  if (reader || reader.error().code != ErrorCode::not_found)
    return ask(common, [](StoreReader& store, const OutputOptions& options) {
      return write_experiments(store, options, std::cout);
    });
  auto format = format_of(common.output);
  if (!format)
    return report(format.error());
  write_no_experiments({*format, now_ms()}, std::cout);
  std::cout.flush();
  std::cerr << "no experiments in " << home.string() << " yet\n";
  return exit_fine;
}

/// EXP/SEQ. invalid_argument where the slash or the number is missing.
Result<std::pair<std::string, Sequence>> parse_trial(const std::string& text) {
  auto slash = text.find('/');
  auto number = slash == std::string::npos ? std::nullopt
                                           : Value(Number{text.substr(slash + 1)}).to_integer();
  if (!number || *number < 0)
    return fail(
        ErrorCode::invalid_argument,
        "'" + text +
            "' is no trial: write EXP/SEQ, an experiment and a sequence number, as in NAME/3");
  return std::pair{text.substr(0, slash), *number};
}

/// What `describe` was asked beside its words.
struct DescribeOptions {
  bool importance = false;
  std::string metric;
};

Result<void> describe(StoreReader& store, const std::vector<std::string>& words,
                      const DescribeOptions& asked, const OutputOptions& options) {
  const bool importance = asked.importance || !asked.metric.empty();
  bool of_trial = words.back().find('/') != std::string::npos;
  if (words.size() == 2) {
    of_trial = words[0] == "trial" || words[0] == "trials";
    if (!of_trial && words[0] != "experiment" && words[0] != "experiments")
      return fail(ErrorCode::invalid_argument,
                  "'" + words[0] + "' cannot be described; known are: experiment, trial");
  }
  if (importance && of_trial)
    return fail(ErrorCode::invalid_argument,
                "--importance is of an experiment's parameters; write: describe EXP --importance");
  if (importance)
    return write_importance(store, words.back(), asked.metric, options, std::cout);
  if (!of_trial)
    return describe_experiment(store, words.back(), options, std::cout);
  auto trial = parse_trial(words.back());
  if (!trial)
    return tl::unexpected(trial.error());
  return describe_trial(store, trial->first, trial->second, options, std::cout);
}

Result<void> export_to(StoreReader& store, const std::string& experiment, const std::string& to,
                       const OutputOptions& options) {
  if (to.empty())
    return export_trials(store, experiment, options, std::cout);
  std::ofstream file(to, std::ios::trunc);
  auto done = export_trials(store, experiment, options, file);
  file.close();
  if (done && !file)
    return fail(ErrorCode::invalid_argument,
                "cannot write " + to + ": check its folder and the room there");
  return done;
}

int export_all(Common& common, const std::string& experiment, const std::string& to) {
  if (common.output == "tensorboard") {
    common.output.clear();
    return ask(common, [&](StoreReader& store, const OutputOptions&) {
      auto folder = to.empty() ? experiment + "-tensorboard" : to;
      return export_tensorboard(store, experiment, folder, std::cout);
    });
  }
  if (common.output.empty())
    common.output = "csv";
  return ask(common, [&](StoreReader& store, const OutputOptions& options) {
    return export_to(store, experiment, to, options);
  });
}

void add_get(CLI::App& app, Common& common, int& exit_code) {
  auto* get = add_verb(app, common, "get", "Tables: get experiments, get trials EXP, get nodes");
  get->require_subcommand(1);
  const std::vector<std::string> formats{"table", "wide", "csv", "json"};
  auto* experiments =
      add_verb(*get, common, "experiments", "All experiments of the home, oldest first");
  experiments->alias("experiment")->alias("exp");
  add_output_option(*experiments, common, formats);
  experiments->callback([&common, &exit_code] { exit_code = get_experiments(common); });
  auto name = std::make_shared<std::string>();
  auto* trials =
      add_verb(*get, common, "trials", "All trials of an experiment, in order of creation");
  trials->alias("trial");
  trials->add_option("EXP", *name, "ID or name")->required();
  add_output_option(*trials, common, formats);
  trials->callback([&common, &exit_code, name] {
    exit_code = ask(common, [&](StoreReader& store, const OutputOptions& options) {
      return write_trials(store, *name, options, std::cout);
    });
  });
  add_get_nodes(*get, common, exit_code);
}

}  // namespace

void add_queries(CLI::App& app, Common& common, int& exit_code) {
  add_get(app, common, exit_code);

  auto words = std::make_shared<std::vector<std::string>>();
  auto* tell = add_verb(app, common, "describe",
                        "Everything about an experiment or a trial, and why it waits");
  tell->add_option("WHAT", *words, "EXP, or trial EXP/SEQ")->required()->expected(1, 2);
  auto asked = std::make_shared<DescribeOptions>();
  tell->add_flag("--importance", asked->importance,
                 "Instead: which parameters the objective depends on, from 10 results on");
  tell->add_option("--metric", asked->metric,
                   "With --importance: another metric that trials report (default: each goal's)")
      ->type_name("NAME");
  add_output_option(*tell, common, {"json"});
  tell->callback([&common, &exit_code, words, asked] {
    exit_code = ask(common, [&](StoreReader& store, const OutputOptions& options) {
      return describe(store, *words, *asked, options);
    });
  });

  auto which = std::make_shared<std::string>();
  auto* best = add_verb(app, common, "best",
                        "The best trial's parameters; with several goals the Pareto front");
  best->add_option("EXP", *which, "ID or name")->required();
  add_output_option(*best, common, {"json"});
  best->callback([&common, &exit_code, which] {
    exit_code = ask(common, [&](StoreReader& store, const OutputOptions& options) {
      return write_best(store, *which, options, std::cout);
    });
  });

  auto experiment = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  auto* out = add_verb(app, common, "export", "All trials and all metrics, for other programs");
  out->add_option("EXP", *experiment, "ID or name")->required();
  out->add_option("--to", *to, "File, for tensorboard a folder (default: stdout; EXP-tensorboard)")
      ->type_name("PATH");
  add_output_option(*out, common, {"csv", "json", "tensorboard"});
  out->callback(
      [&common, &exit_code, experiment, to] { exit_code = export_all(common, *experiment, *to); });
}

}  // namespace autotune::cli
