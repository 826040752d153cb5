// Follows an experiment in this process until it is at rest: the terminal, signals, exit codes.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "actors/messages.hpp"
#include "cli/cli.hpp"
#include "cli/local_server.hpp"
#include "cli/run_view.hpp"
#include "messages/states.hpp"

namespace autotune::cli {

/// Durable events on their way from the experiment actor to whoever follows.
class EventQueue {
 public:
  Watcher watcher();
  /// What has come since; waits at most so long for the first, or until a signal has come.
  std::vector<std::pair<std::string, pb::Event>> take(std::chrono::milliseconds wait);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::pair<std::string, pb::Event>> events_;
};

/// SIGINT, SIGTERM and SIGHUP are counted instead of ending us; call it before any thread is started.
void catch_signals();
/// How many have come.
int signals_caught();

/// Of one that is at rest; `interrupted`: it was we who stopped it.
int exit_code_of(const RunView& view, bool interrupted);
/// Where an experiment's files are, in words, and what commands about it need beside its name.
struct Whereabouts {
  std::string files;
  std::string server_words;
};
Whereabouts whereabouts(const Common& common, const std::string& experiment_id);
/// How it ended: counts, the best trial or the front, where its files are.
void print_summary(const std::string& id, const RunView& view, const Whereabouts& where,
                   std::ostream& out);

/// Shows the experiment until it is at rest and gives the exit code. Ctrl-C stops it (TERM, grace, KILL), a second
/// one hurries.
int follow(LocalServer& server, EventQueue& events, const Common& common, const std::string& id,
           RunView view);

}  // namespace autotune::cli
