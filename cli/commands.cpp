// apply, stop, pause, delete, edit, enqueue: what a running server is asked, or this process does where the home has none.
#include <iostream>
#include <set>

#include "actors/experiment_core.hpp"
#include "cli/cli.hpp"
#include "cli/connection.hpp"
#include "cli/experiment_file.hpp"
#include "cli/json_output.hpp"
#include "cli/local_server.hpp"
#include "cli/warm_start.hpp"
#include "cli/watch.hpp"
#include "messages/states.hpp"

namespace autotune::cli {

namespace {

/// EXP or EXP/SEQ.
struct Target {
  std::string experiment;
  std::optional<std::int64_t> sequence;
};

Result<Target> parse_target(const std::string& text) {
  auto slash = text.find('/');
  if (slash == std::string::npos)
    return Target{text, std::nullopt};
  auto number = Value(Number{text.substr(slash + 1)}).to_integer();
  if (!number || *number < 0)
    return fail(ErrorCode::invalid_argument,
                "'" + text + "': after the slash stands a trial's sequence number, as in NAME/3");
  return Target{text.substr(0, slash), *number};
}

/// Names become IDs, so that the server is asked about the experiment that the user sees.
Result<std::string> id_of(const Common& common, const std::string& name) {
  auto reader = reader_for(common);
  if (!reader)
    return tl::unexpected(reader.error());
  auto summary = (*reader)->experiment(name);
  if (!summary)
    return tl::unexpected(summary.error());
  return summary->id();
}

/// Asks the server of the home; where none runs, does it here, being the server for a moment.
Result<pb::ControlResponse> ask_or_do(const Common& common, const pb::ControlRequest& request) {
  auto answer = ask_server(common, request);
  if (answer || answer.error().code != ErrorCode::unavailable || !common.server.empty())
    return answer;
  auto server =
      LocalServer::start({home_folder(common), "autotune (a command)", {}, common.log_level});
  if (!server)
    return tl::unexpected(server.error());
  return (*server)->ask(request);
}

/// Says on stdout what was done: a sentence, or with -o json {"id": ..., "done": sentence}.
int done(const Common& common, const Result<pb::ControlResponse>& answer, const std::string& id,
         const std::string& what) {
  if (!answer)
    return report(answer.error());
  if (common.output == "json")  // "stopped" of " stopped", "/3 stopped", ": spec.seed is now 7"
    std::cout << to_json(Object{{"id", id}, {"done", what.substr(what.find_first_not_of(" :"))}})
              << "\n";
  else
    std::cout << id << what << "\n";
  return exit_fine;
}

int command(const Common& common, const std::string& verb, const std::string& text) {
  auto target = parse_target(text);
  if (!target)
    return report(target.error());
  auto id = id_of(common, target->experiment);
  if (!id)
    return report(id.error());
  pb::ControlRequest request;
  request.mutable_command()->set_experiment_id(*id);
  request.mutable_command()->set_verb(verb);
  if (target->sequence)
    request.mutable_command()->set_sequence(*target->sequence);
  std::string past = verb == "stop" ? " stopped" : verb == "pause" ? " paused" : " deleted";
  std::string what = (target->sequence ? "/" + std::to_string(*target->sequence) : "") + past;
  if (verb == "delete")
    return done(common, ask_or_do(common, request), *id, what);
  auto answer = ask_server(common, request);
  if (verb == "stop" && !target->sequence && common.server.empty() && !answer &&
      answer.error().code == ErrorCode::unavailable) {
    // Its server died, but its trials may live on: take them over, then end them.
    auto reader = reader_for(common);
    auto summary = reader ? (*reader)->experiment(*id) : tl::unexpected(reader.error());
    bool rests =
        summary && summary->phase() != pb::PHASE_RUNNING && summary->phase() != pb::PHASE_PAUSED;
    if (rests)
      return done(common, pb::ControlResponse(), *id, " does not run");
    auto server = LocalServer::start({home_folder(common), "autotune stop", {}, common.log_level});
    if (!server)
      return report(server.error());
    auto resume = request;
    resume.mutable_command()->set_verb("resume");
    if (auto resumed = (*server)->ask(resume); !resumed)
      return report(resumed.error());
    return done(common, (*server)->ask(request), *id, what);
  }
  return done(common, answer, *id, what);
}

std::int64_t ended_trials(const pb::ExperimentSummary& summary) {
  const auto& counts = summary.counts();
  return counts.succeeded() + counts.failed() + counts.early_stopped() + counts.killed();
}

/// An experiment that rests does not begin again by itself: who changed it is told how, on stderr.
void say_how_to_go_on(const Common& common, const std::string& name, const std::string& id) {
  auto reader = reader_for(common);
  auto summary = reader ? (*reader)->experiment(id) : tl::unexpected(reader.error());
  if (!summary || summary->phase() == pb::PHASE_RUNNING || summary->phase() == pb::PHASE_PENDING ||
      summary->reason() == exhausted_reason)
    return;
  const auto& spec = summary->spec();
  bool has_trials =
      summary->max_trial_num() == 0 || ended_trials(*summary) < summary->max_trial_num();
  bool has_time = spec.max_exec_seconds() == 0 ||
                  static_cast<double>(summary->running_ms()) < spec.max_exec_seconds() * 1000;
  std::cerr << name << " is " << word_of(summary->phase());
  if (!has_trials)
    std::cerr << ", and has done all of its " << summary->max_trial_num()
              << " trials: raise spec.maxTrialNum too, then: autotune resume " << name
              << server_words(common) << "\n";
  else if (!has_time)
    std::cerr << ", and its time is over: raise spec.maxExecSeconds too, then: autotune resume "
              << name << server_words(common) << "\n";
  else
    std::cerr << "; go on with: autotune resume " << name << server_words(common) << "\n";
}

int edit(const Common& common, const std::string& name, const std::vector<std::string>& changes) {
  auto id = id_of(common, name);
  if (!id)
    return report(id.error());
  for (const auto& change : changes) {
    auto equals = change.find('=');
    if (equals == std::string::npos)
      return report({ErrorCode::invalid_argument, "--set wants PATH=VALUE, not '" + change + "'"});
    pb::ControlRequest request;
    request.mutable_edit()->set_experiment_id(*id);
    request.mutable_edit()->set_path(change.substr(0, equals));
    request.mutable_edit()->set_value(change.substr(equals + 1));
    if (int code = done(common, ask_or_do(common, request), *id,
                        ": " + change.substr(0, equals) + " is now " + change.substr(equals + 1));
        code != exit_fine)
      return code;
  }
  say_how_to_go_on(common, name, *id);
  return exit_fine;
}

/// What is enqueued is one of maxTrialNum trials: it waits in vain where all of them exist already.
void say_what_it_waits_for(const Common& common, const std::string& name, const std::string& id) {
  auto reader = reader_for(common);
  auto summary = reader ? (*reader)->experiment(id) : tl::unexpected(reader.error());
  if (!summary)
    return;
  const auto& counts = summary->counts();
  auto made = counts.pending() + counts.running() + ended_trials(*summary);
  if (summary->max_trial_num() > 0 && made >= summary->max_trial_num())
    std::cerr << name << " has begun all of its " << summary->max_trial_num()
              << " trials: it will be tried once you raise spec.maxTrialNum (autotune edit)\n";
  else
    say_how_to_go_on(common, name, id);
}

int enqueue(const Common& common, const std::string& name, const std::string& parameters) {
  auto id = id_of(common, name);
  if (!id)
    return report(id.error());
  pb::ControlRequest request;
  request.mutable_enqueue()->set_experiment_id(*id);
  request.mutable_enqueue()->set_parameters_json(parameters);
  auto answer = ask_or_do(common, request);
  int code = done(common, answer, *id, ": will be tried next");
  if (answer)
    say_what_it_waits_for(common, name, *id);
  return code;
}

/// What nodes of the server hold: their agents were given --volume. Nothing where no server answers; that is said later.
std::set<std::string> claims_held(const Common& common) {
  pb::ControlRequest list;
  list.mutable_list_nodes();
  std::set<std::string> claims;
  if (auto answer = ask_server(common, list))
    for (const auto& node : answer->nodes())
      claims.insert(node.node().claims().begin(), node.node().claims().end());
  return claims;
}

int apply(const Common& common, FileOptions options, bool follow_it) {
  options.claims_held = claims_held(common);
  auto submissions = submissions_of(options);
  if (!submissions)
    return report(submissions.error());
  if (auto added =
          add_warm_start(*submissions, options.warm_start, [&] { return reader_for(common); });
      !added)
    return report(added.error());
  for (auto& submit : *submissions) {
    pb::ControlRequest request;
    *request.mutable_submit() = std::move(submit);
    auto answer = ask_server(common, request);
    if (!answer)
      return report(answer.error());
    if (common.output == "json")
      std::cout << to_json(Object{{"id", answer->experiment_id()}}) << "\n";
    else
      std::cout << answer->experiment_id() << "\n";
    std::cout.flush();
    if (!follow_it)
      continue;
    if (int code = watch(common, answer->experiment_id()); code != exit_fine)
      return code;
  }
  return exit_fine;
}

void add_json(CLI::App& verb, Common& common) {
  verb.add_option("-o,--output", common.output, "json: one document on stdout")
      ->check(CLI::IsMember({"json"}));
}

void add_simple(CLI::App& app, Common& common, int& exit_code, const std::string& name,
                const std::string& text) {
  auto target = std::make_shared<std::string>();
  auto* verb = add_verb(app, common, name, text);
  verb->add_option("EXP", *target,
                   name == "stop" ? "ID or name; EXP/SEQ for one trial" : "ID or name")
      ->required();
  add_json(*verb, common);
  verb->callback(
      [&common, &exit_code, name, target] { exit_code = command(common, name, *target); });
}

}  // namespace

void add_commands(CLI::App& app, Common& common, int& exit_code) {
  auto options = std::make_shared<FileOptions>();
  auto* submit =
      add_verb(app, common, "apply", "Submit an experiment to the running server; prints its ID");
  submit->alias("submit")->alias("create");
  submit->add_option("-f,--filename,FILE", options->file, "The experiment's file")->required();
  submit->add_option("--volume", options->volumes, "CLAIM=DIR; repeatable")
      ->allow_extra_args(false);
  submit->add_option("--set", options->overrides, "PATH=VALUE; repeatable")
      ->allow_extra_args(false);
  submit->add_option("--seed", options->seed, "Seed");
  submit->add_option("--name", options->name, "Another name for the experiment");
  add_warm_start_option(*submit, *options);
  auto follow_it = std::make_shared<bool>(false);
  submit->add_flag("--watch", *follow_it, "Follow it until it has ended");
  add_json(*submit, common);
  submit->callback([&common, &exit_code, options, follow_it] {
    exit_code = apply(common, *options, *follow_it);
  });

  add_simple(app, common, exit_code, "stop",
             "End an experiment's trials (resumable), or one trial");
  add_simple(app, common, exit_code, "pause", "Start no new trials; those that run go on");
  add_simple(app, common, exit_code, "delete", "Forget an experiment and remove its folder");

  auto name = std::make_shared<std::string>();
  auto changes = std::make_shared<std::vector<std::string>>();
  auto* change =
      add_verb(app, common, "edit", "Change concurrency, budget or time limit of an experiment");
  change->add_option("EXP", *name, "ID or name")->required();
  change
      ->add_option("--set", *changes,
                   "spec.trialConcurrency=N, spec.maxTrialNum=N or spec.maxExecSeconds=N")
      ->required()
      ->allow_extra_args(false);
  add_json(*change, common);
  change->callback(
      [&common, &exit_code, name, changes] { exit_code = edit(common, *name, *changes); });

  auto which = std::make_shared<std::string>();
  auto parameters = std::make_shared<std::string>();
  auto* next = add_verb(app, common, "enqueue", "Try this set of parameters next");
  next->add_option("EXP", *which, "ID or name")->required();
  next->add_option("--params", *parameters, "A JSON object; what it leaves out is drawn")
      ->required();
  add_json(*next, common);
  next->callback([&common, &exit_code, which, parameters] {
    exit_code = enqueue(common, *which, *parameters);
  });
}

}  // namespace autotune::cli
