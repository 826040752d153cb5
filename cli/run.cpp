// run, resume: everything in one process, until the experiment has ended.
#include <iostream>

#include "cli/connection.hpp"
#include "cli/control_socket.hpp"
#include "cli/experiment_file.hpp"
#include "cli/follow.hpp"
#include "cli/local_server.hpp"
#include "cli/resumed_view.hpp"
#include "cli/warm_start.hpp"
#include "messages/states.hpp"
#include "store/home_lock.hpp"

namespace autotune::cli {

namespace {

std::string command_line(const std::string& verb, const std::string& what) {
  return "autotune " + verb + " " + what;
}

/// Goes on with an experiment of this home in the foreground.
int resume_here(const Common& common, const std::string& id, const std::string& command) {
  catch_signals();
  EventQueue events;
  auto server =
      LocalServer::start({home_folder(common), command, events.watcher(), common.log_level});
  if (!server)
    return report(server.error());
  auto reader = reader_of(home_folder(common));
  if (!reader)
    return report(reader.error());
  auto summary = (*reader)->experiment(id);
  if (!summary)
    return report(summary.error());
  auto view = resumed_view(**reader, *summary);
  if (!view)
    return report(view.error());
  pb::ControlRequest request;
  request.mutable_command()->set_experiment_id(summary->id());
  request.mutable_command()->set_verb("resume");
  if (auto answer = (*server)->ask(std::move(request)); !answer)
    return report(answer.error());
  std::cout << summary->id() << " goes on\n" << std::flush;
  return follow(**server, events, common, summary->id(), *std::move(view));
}

int resume(const Common& common, const std::string& id) {
  pb::ControlRequest request;
  request.mutable_command()->set_experiment_id(id);
  request.mutable_command()->set_verb("resume");
  auto answer = ask_server(common, request);
  if (answer) {
    std::cout << answer->experiment_id() << " goes on\n";
    return exit_fine;
  }
  if (answer.error().code != ErrorCode::unavailable || !common.server.empty())
    return report(answer.error());
  return resume_here(common, id, command_line("resume", id));
}

/// The newest experiment of that name, if there is one that has not ended.
std::string unfinished(const Common& common, const std::string& name) {
  auto reader = reader_of(home_folder(common));
  if (!reader)
    return "";
  auto summary = (*reader)->experiment(name);
  return summary && !has_ended(summary->phase()) ? summary->id() : "";
}

/// Experiments that `apply` gave to this server meanwhile are followed to their end: they were accepted.
void finish_others(LocalServer& server, EventQueue& events, const Common& common) {
  auto reader = reader_of(home_folder(common));
  auto all = reader ? (*reader)->experiments() : tl::unexpected(reader.error());
  if (!all || signals_caught() > 0)
    return;
  for (const auto& summary : *all) {
    if (!server.has_touched(summary.id()) || summary.phase() != pb::PHASE_RUNNING)
      continue;
    std::cout << summary.id() << " was submitted meanwhile and still runs; Ctrl-C stops it\n"
              << std::flush;
    RunView view(summary.spec());
    if (auto trials = (*reader)->trials(summary.id()))
      view.load(*trials);
    // It may have come to rest between the two looks; its events of this moment would then wait for ever.
    auto now = (*reader)->experiment(summary.id());
    if (now && now->phase() == pb::PHASE_RUNNING)
      follow(server, events, common, summary.id(), std::move(view));
  }
}

/// Whoever holds the home may take the file.
Error refused(Error error, const Common& common, const std::string& file) {
  pb::ControlRequest anyone;
  anyone.mutable_ping();
  if (error.code == ErrorCode::failed_precondition && ask_server(home_folder(common), anyone))
    error.message += "; or give it the file: autotune apply -f " + file;
  return error;
}

int run(const Common& common, const FileOptions& options, bool resume_wanted) {
  auto submissions = submissions_of(options);
  if (!submissions)
    return report(submissions.error());
  if (resume_wanted)
    if (auto id = unfinished(common, submissions->front().spec().name()); !id.empty())
      return resume_here(common, id, command_line("run --resume", options.file));
  if (auto added =
          add_warm_start(*submissions, options.warm_start, [&] { return reader_for(common); });
      !added)
    return report(added.error());
  catch_signals();
  EventQueue events;
  auto server = LocalServer::start(
      {home_folder(common), command_line("run", options.file), events.watcher(), common.log_level});
  if (!server)
    return report(refused(server.error(), common, options.file));
  int exit_code = exit_fine;
  for (auto& submit : *submissions) {  // one after another; the first that fails ends the rest
    RunView view(submit.spec());
    pb::ControlRequest request;
    *request.mutable_submit() = std::move(submit);
    auto answer = (*server)->ask(std::move(request));
    if (!answer)
      return report(answer.error());
    std::cout << answer->experiment_id() << " runs; its folder is "
              << (home_folder(common) / "trials" / answer->experiment_id()).string() << "\n"
              << std::flush;
    exit_code = follow(**server, events, common, answer->experiment_id(), std::move(view));
    if (exit_code != exit_fine)
      break;
  }
  finish_others(**server, events, common);
  return exit_code;
}

}  // namespace

void add_file_options(CLI::App& verb, FileOptions& options) {
  verb.add_option("FILE", options.file,
                  "The experiment's YAML (or JSON) file; - for standard input")
      ->required();
  verb.add_option("--volume", options.volumes,
                  "CLAIM=DIR: where a PersistentVolumeClaim of the file is found on this machine; "
                  "repeatable")
      ->type_name("CLAIM=DIR")
      ->allow_extra_args(false);
  verb.add_option("--set", options.overrides,
                  "PATH=VALUE: overrides a field, e.g. spec.maxTrialNum=2; repeatable")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  verb.add_option("--seed", options.seed, "Same seed, same order of results: same suggestions")
      ->type_name("N");
  verb.add_option("--name", options.name, "Another name for the experiment")->type_name("NAME");
  verb.add_flag("--honor-run-as-user", options.honor_run_as_user,
                "Run replicas as securityContext.runAsUser says (root only)");
  verb.add_flag("--strict-resources", options.strict_resources,
                "A trial waits until its requests of cpu and memory are free");
}

void add_warm_start_option(CLI::App& verb, FileOptions& options) {
  verb.add_option("--warm-start", options.warm_start,
                  "Tell the tuner first what is known: the finished trials of another experiment "
                  "of this home, or of a CSV file")
      ->type_name("EXP|FILE.csv");
}

void add_run(CLI::App& app, Common& common, int& exit_code) {
  auto options = std::make_shared<FileOptions>();
  auto resume_wanted = std::make_shared<bool>(false);
  auto* verb =
      add_verb(app, common, "run", "Run an experiment here, from first trial to best parameters");
  refuse_server(*verb, "a server is given the file by: autotune apply FILE --server HOST:PORT");
  add_file_options(*verb, *options);
  add_warm_start_option(*verb, *options);
  verb->add_flag("--resume", *resume_wanted,
                 "Go on with the newest unfinished experiment of that name");
  verb->callback([&common, &exit_code, options, resume_wanted] {
    exit_code = run(common, *options, *resume_wanted);
  });
  auto id = std::make_shared<std::string>();
  auto* again = add_verb(app, common, "resume",
                         "Go on with an experiment that was stopped, paused or cut off");
  again->add_option("EXP", *id, "ID, or name (the newest of that name)")->required();
  again->callback([&common, &exit_code, id] { exit_code = resume(common, *id); });
}

}  // namespace autotune::cli
