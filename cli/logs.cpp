// logs: stdout and stderr of a trial, from its job folder, here or on the machine of a server elsewhere.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <thread>
#include <vector>

#include "cli/cli.hpp"
#include "cli/connection.hpp"
#include "cli/follow.hpp"
#include "cli/trial_logs.hpp"
#include "messages/states.hpp"

namespace autotune::cli {

namespace {

constexpr std::chrono::milliseconds look_interval{200};
constexpr std::chrono::milliseconds remote_look_interval{500};

struct LogOptions {
  std::string target;
  std::string replica;
  int attempt = 0;  ///< 0: the newest
  bool follow = false;
};

/// An attempt of a trial, and what is known of it.
struct Asked {
  std::string target;  ///< as it was written
  pb::TrialSummary trial;
  LogPlace place;

  std::string words() const {
    return "trial " + target + " attempt " + std::to_string(place.attempt);
  }
};

/// EXP/SEQ.
Result<std::pair<std::string, Sequence>> parts_of(const std::string& target) {
  auto slash = target.find('/');
  auto number = slash == std::string::npos ? std::nullopt
                                           : Value(Number{target.substr(slash + 1)}).to_integer();
  if (!number || *number < 0)
    return fail(ErrorCode::invalid_argument,
                "'" + target + "': logs wants EXP/SEQ, as in quickstart/3");
  return std::pair{target.substr(0, slash), *number};
}

Result<Asked> find(StoreReader& reader, const LogOptions& options,
                   const std::pair<std::string, Sequence>& parts) {
  auto experiment = reader.experiment(parts.first);
  if (!experiment)
    return tl::unexpected(experiment.error());
  auto trial = reader.trial(experiment->id(), parts.second);
  if (!trial)
    return tl::unexpected(trial.error());
  if (options.attempt > trial->attempt())
    return fail(ErrorCode::not_found, "trial " + options.target + " has no attempt " +
                                          std::to_string(options.attempt) + "; its newest is " +
                                          std::to_string(trial->attempt()));
  LogPlace place{experiment->id(), parts.second, trial->id(),
                 options.attempt > 0 ? options.attempt : trial->attempt()};
  return Asked{options.target, *std::move(trial), std::move(place)};
}

/// Why nothing can be shown: there is no such replica, its files are elsewhere, or there are none yet.
Result<void> check(const Asked& asked, const LogOptions& options, const pb::LogFolder& folder,
                   bool may_come) {
  const auto& replicas = folder.replicas();
  if (replicas.empty() && !folder.exists() && has_ended(asked.trial.state()) &&
      !asked.trial.node().empty() && asked.trial.node() != folder.machine())
    return fail(ErrorCode::not_found,
                "trial " + asked.target + " ran on node " + asked.trial.node() +
                    ", and what it wrote is there: in nodes/" + asked.trial.node() + "/trials/" +
                    asked.place.experiment_id + "/" + std::to_string(asked.place.sequence) + "-" +
                    asked.place.trial_id + "/" + std::to_string(asked.place.attempt) +
                    " of its agent's home");
  if (!options.replica.empty() &&
      std::find(replicas.begin(), replicas.end(), options.replica) == replicas.end()) {
    std::string known;
    for (const auto& name : replicas)
      known += (known.empty() ? "" : ", ") + name;
    return fail(ErrorCode::not_found, asked.words() + " has no replica '" + options.replica +
                                          "'; it has: " + (known.empty() ? "none yet" : known));
  }
  if (replicas.empty() && !may_come)
    return fail(ErrorCode::not_found, asked.words() + " has written nothing yet");
  return {};
}

/// The files of an attempt's replicas, each read on from where it was.
class Tails {
 public:
  Tails(const TrialLogs& logs, const LogPlace& place, std::string only)
      : logs_(logs), place_(place), only_(std::move(only)) {}

  Result<void> copy(const pb::LogFolder& folder, bool last) {
    for (const auto& name : folder.replicas()) {
      if (!only_.empty() && name != only_)
        continue;
      auto prefix = only_.empty() && folder.replicas_size() > 1 ? name + ": " : "";
      for (auto [stream, out] :
           {std::pair<const char*, std::ostream*>{"stdout", &std::cout}, {"stderr", &std::cerr}}) {
        auto& tail =
            tails_.try_emplace({name, stream}, logs_, place_, name, stream, prefix).first->second;
        if (auto copied = tail.copy(*out, last); !copied)
          return copied;
      }
    }
    return {};
  }

 private:
  const TrialLogs& logs_;
  LogPlace place_;
  std::string only_;
  std::map<std::pair<std::string, std::string>, LogTail> tails_;
};

Result<void> show(const Common& common, const LogOptions& options) {
  auto parts = parts_of(options.target);
  if (!parts)
    return tl::unexpected(parts.error());
  auto reader = reader_for(common);
  if (!reader)
    return tl::unexpected(reader.error());
  auto logs = logs_for(common);
  if (!logs)
    return tl::unexpected(logs.error());
  auto asked = find(**reader, options, *parts);
  if (!asked)
    return tl::unexpected(asked.error());
  auto folder = logs->list(asked->place);
  if (!folder)
    return tl::unexpected(folder.error());
  if (auto there = check(*asked, options, *folder, options.follow); !there)
    return there;
  catch_signals();
  Tails tails(*logs, asked->place, options.replica);
  while (true) {
    bool last = !options.follow || has_ended(asked->trial.state()) || signals_caught() > 0;
    if (auto copied = tails.copy(*folder, last); !copied)
      return copied;
    if (last)
      return has_ended(asked->trial.state()) ? check(*asked, options, *folder, false)
                                             : Result<void>();
    std::this_thread::sleep_for(common.server.empty() ? look_interval : remote_look_interval);
    auto trial = (*reader)->trial(asked->place.experiment_id, asked->place.sequence);
    if (!trial)
      return tl::unexpected(trial.error());
    asked->trial = *std::move(trial);
    if (folder = logs->list(asked->place); !folder)
      return tl::unexpected(folder.error());
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
  verb->callback([&common, &exit_code, options] {
    auto shown = show(common, *options);
    exit_code = shown ? exit_fine : report(shown.error());
  });
}

}  // namespace autotune::cli
