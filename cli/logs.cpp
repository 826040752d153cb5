// logs: stdout and stderr of a trial, from its job folder.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>
#include <vector>

#include "actors/machine.hpp"
#include "cli/cli.hpp"
#include "cli/follow.hpp"
#include "cli/local_server.hpp"
#include "messages/states.hpp"

namespace autotune::cli {

namespace {

namespace fs = std::filesystem;

struct LogOptions {
  std::string target;
  std::string replica;
  int attempt = 0;  ///< 0: the newest
  bool follow = false;
};

/// Writes what a file holds beyond `from` and gives where it ends now; `prefix` stands before each line.
std::streamoff copy_rest(const fs::path& path, std::streamoff from, const std::string& prefix,
                         std::ostream& out) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return from;
  in.seekg(0, std::ios::end);
  auto end = static_cast<std::streamoff>(in.tellg());
  if (end < from)
    from = 0;  // it was truncated
  in.seekg(from);
  if (prefix.empty()) {
    if (end > from)
      out << in.rdbuf();
    return end;
  }
  std::string line;
  while (std::getline(in, line)) {
    if (in.eof() && !line.empty() && line.back() != '\n') {  // half a line: the rest comes later
      return end - static_cast<std::streamoff>(line.size());
    }
    out << prefix << line << "\n";
  }
  return end;
}

std::vector<std::string> replicas_in(const fs::path& attempt) {
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(attempt, code))
    if (entry.is_directory() && fs::exists(entry.path() / "stdout"))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Of an attempt: in the home itself, or in that of an agent which shares it.
fs::path folder_of(const fs::path& home, const fs::path& within) {
  std::error_code code;
  if (!fs::exists(home / within, code))
    for (const auto& node : fs::directory_iterator(home / "nodes", code))
      if (fs::exists(node.path() / within, code))
        return node.path() / within;
  return home / within;
}

/// Whether the folder is missing because another machine has it.
bool is_elsewhere(const fs::path& folder, const pb::TrialSummary& trial) {
  std::error_code code;
  return !fs::exists(folder, code) && has_ended(trial.state()) && !trial.node().empty() &&
         trial.node() != this_machine().name;
}

int show(const Common& common, const LogOptions& options) {
  auto slash = options.target.find('/');
  auto number = slash == std::string::npos
                    ? std::nullopt
                    : Value(Number{options.target.substr(slash + 1)}).to_integer();
  if (!number || *number < 0)
    return report({ErrorCode::invalid_argument,
                   "'" + options.target + "': logs wants EXP/SEQ, as in quickstart/3"});
  auto home = home_folder(common);
  auto reader = reader_of(home);
  if (!reader)
    return report(reader.error());
  auto experiment = (*reader)->experiment(options.target.substr(0, slash));
  if (!experiment)
    return report(experiment.error());
  auto trial = (*reader)->trial(experiment->id(), *number);
  if (!trial)
    return report(trial.error());
  if (options.attempt > trial->attempt())
    return report({ErrorCode::not_found, "trial " + options.target + " has no attempt " +
                                             std::to_string(options.attempt) + "; its newest is " +
                                             std::to_string(trial->attempt())});
  int attempt = options.attempt > 0 ? options.attempt : trial->attempt();
  auto within = fs::path("trials") / experiment->id() /
                (std::to_string(*number) + "-" + trial->id()) / std::to_string(attempt);
  auto folder = folder_of(home, within);
  auto replicas = replicas_in(folder);
  if (!options.replica.empty()) {
    if (std::find(replicas.begin(), replicas.end(), options.replica) == replicas.end()) {
      std::string known;
      for (const auto& name : replicas)
        known += (known.empty() ? "" : ", ") + name;
      return report(
          {ErrorCode::not_found, "trial " + options.target + " attempt " + std::to_string(attempt) +
                                     " has no replica '" + options.replica +
                                     "'; it has: " + (known.empty() ? "none yet" : known)});
    }
    replicas = {options.replica};
  }
  if (replicas.empty() && is_elsewhere(folder, *trial))
    return report(
        {ErrorCode::not_found, "trial " + options.target + " ran on node " + trial->node() +
                                   ", and what it wrote is there: in nodes/" + trial->node() + "/" +
                                   within.string() + " of its agent's home"});
  if (replicas.empty() && !options.follow)
    return report({ErrorCode::not_found, "trial " + options.target + " attempt " +
                                             std::to_string(attempt) + " has written nothing yet"});
  catch_signals();
  std::map<fs::path, std::streamoff> places;
  while (true) {
    bool last_look = !options.follow || has_ended(trial->state());
    if (options.replica.empty())
      replicas = replicas_in(folder);
    for (const auto& name : replicas) {
      auto prefix = replicas.size() > 1 ? name + ": " : "";
      auto out = folder / name / "stdout";
      auto err = folder / name / "stderr";
      places[out] = copy_rest(out, places[out], prefix, std::cout);
      std::cout.flush();
      places[err] = copy_rest(err, places[err], prefix, std::cerr);
    }
    if (last_look || signals_caught() > 0)
      return exit_fine;
    constexpr auto look_interval = std::chrono::milliseconds(200);
    std::this_thread::sleep_for(look_interval);
    trial = (*reader)->trial(experiment->id(), *number);
    if (!trial)
      return report(trial.error());
  }
}

}  // namespace

void add_logs(CLI::App& app, Common& common, int& exit_code) {
  auto options = std::make_shared<LogOptions>();
  auto* verb = add_verb(app, common, "logs", "What a trial's replicas wrote to stdout and stderr");
  verb->add_option("TRIAL", options->target, "EXP/SEQ")->required();
  verb->add_option("--replica", options->replica, "One replica, as worker-0")->type_name("NAME");
  verb->add_option("--attempt", options->attempt, "Another attempt than the newest")
      ->type_name("N");
  verb->add_flag("-f,--follow", options->follow, "Go on until the trial has ended");
  verb->callback([&common, &exit_code, options] { exit_code = show(common, *options); });
}

}  // namespace autotune::cli
