// A whole server inside a larger actor system: a home, its database, its launchers, and the actors of a head.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/head.hpp"
#include "actors/machine.hpp"
#include "store/home_lock.hpp"
#include "store/sqlite.hpp"

namespace autotune {

/// What a server is made of. All but `home` has a default.
struct ServerConfig {
  /// Its folder: database, job folders, the keeper's socket. One server at a time holds it.
  std::filesystem::path home;
  /// Of the home, where the caller has it already; else it is taken.
  std::optional<HomeLock> lock = std::nullopt;
  /// Trials run on this machine; false: only on agents of other machines (`cluster`).
  bool runs_trials = true;
  NodeCapacity node = this_machine();
  /// Set: agents of other machines may join, once control is published (`publish_control`).
  std::optional<ClusterLimits> cluster = std::nullopt;
  /// Of the launcher `process`; `home` is filled in, and where `base_environment` is empty our own environment. Its
  /// keeper is a program: where this one is not `autotune`, `keeper_binary` empty means the `autotune` in PATH.
  ProcessLauncherOptions process = {};
  /// Launchers of the embedder's own, by kind; a file that names one is read with `LoadOptions::launchers`.
  Launchers launchers = {};
  /// Ours and the embedder's own (AlgorithmTable::add); null: ours.
  std::shared_ptr<const AlgorithmTable> algorithms = nullptr;
  /// An actor of the embedder's own that hears of every report of every trial once it is durable, in the order of
  /// commits. After a crash it may hear of one again; (trial, attempt, replica, line) tells. Null: nobody.
  ReportsActor metrics_sink = {};
  /// Told of each experiment's durable events, on that experiment's thread; may be empty.
  Watcher watcher = {};
  /// What trials wrote, for command lines elsewhere; empty: they are told that it is not to be had.
  TrialLogs logs = {};
  /// Of the home's own SQLite file, where no other store is given:
  WriterOptions store = {};
  /// Another store and its readers; both, or neither.
  std::shared_ptr<StoreWriter> writer = nullptr;
  OpenReader open_reader = {};
  /// Of a head that shares its store with others (store/head_lease.hpp), and whether it is still the head.
  std::uint64_t epoch = 0;
  std::function<bool()> commands = {};
  /// How long trials of this machine outlive their server; 0: as `NodeAgentLimits` says.
  std::chrono::milliseconds trials_lease{0};
};

/// A server that runs. All calls from any thread but an actor's, since `shut_down` waits for actors.
class Server {
 public:
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Shuts down, where that was not done. The actor system must still be there.
  ~Server();

  /// The endpoint: submit, stop, pause, resume, edit, enqueue, list, ... (`ControlActor` in actors/interfaces.hpp).
  const ControlActor& control() const { return head_.control; }
  /// All actors of the head, for an embedder that speaks to one of them by itself.
  const Head& actors() const { return head_; }
  /// A reader of what is durable. Errors: as `open_reader`.
  Result<std::unique_ptr<StoreReader>> open_reader() const;

  /// Asks control and waits for the answer, at most a quarter of an hour (a stop waits for the graces of all trials).
  /// What control refuses is an error of its kind; unavailable: it did not answer.
  Result<pb::ControlResponse> ask(pb::ControlRequest request);

  /// Goes on with the experiments that were not at rest when the server before ended; gives their IDs. Processes of
  /// theirs that outlived it are adopted. One that cannot go on stays as it is; `why_not` is told, where it is given.
  Result<std::vector<std::string>> take_up(
      const std::function<void(const std::string& experiment_id, const Error&)>& why_not = {});

  /// Ends all actors in order. Running trials go on, and the next server of this home takes them over.
  void shut_down();

 private:
  friend Result<std::unique_ptr<Server>> spawn_server(caf::actor_system& system,
                                                      ServerConfig config);
  struct Holder;
  Server(caf::actor_system& system, std::unique_ptr<Holder> holder);

  caf::actor_system& system_;
  std::unique_ptr<Holder> holder_;
  Head head_;
};

/// Takes the home and spawns a head in `system`, for whose configuration `configure` was called. What ran when the
/// server before ended is taken up by `Server::take_up`.
/// Errors: failed_precondition (somebody holds the home, or its schema is newer), resource_exhausted, data_loss,
/// unavailable; invalid_argument where there is nothing to run trials on.
Result<std::unique_ptr<Server>> spawn_server(caf::actor_system& system, ServerConfig config);

}  // namespace autotune
