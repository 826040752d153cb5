// The server of a home inside this process: lock, database, launchers, actors, and the socket for other verbs.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/control.hpp"
#include "actors/nodes_core.hpp"
#include "messages/node.pb.h"
#include "messages/result.hpp"
#include "store/join_tokens.hpp"

namespace autotune::cli {

struct ServerOptions {
  std::filesystem::path home;
  std::string command;  ///< what holds the home, for whoever is refused
  Watcher watcher;
  std::string log_level = "warn";
  bool runs_trials = true;  ///< false: only on other machines
  /// Agents of other machines may join, over TLS, once it is published.
  std::optional<ClusterLimits> cluster = std::nullopt;
  std::string store = "";    ///< "postgresql://...", or "sqlite"; empty: what the home remembers
  bool stands_by = false;    ///< waits for as long as the store has another head
  std::string address = "";  ///< where it is to be published, for whoever stands by for it
  std::function<void(const std::string& what)> say = {};  ///< told that it stands by
  std::function<bool()> gives_up = {};                    ///< whether to stop waiting
};

/// One process owns a home. Errors: failed_precondition (somebody holds it, the schema is newer),
/// resource_exhausted, data_loss.
class LocalServer {
 public:
  static Result<std::unique_ptr<LocalServer>> start(ServerOptions options);
  ~LocalServer();

  /// Opens the endpoint for other machines; gives its port. unavailable: the address cannot be had.
  Result<std::uint16_t> publish(const HostPort& address);
  /// Gives certificates to machines that have a token; those are told that control is at `control_address`.
  Result<std::uint16_t> take_enrolments(const HostPort& address,
                                        const std::string& control_address);
  /// As `Server::take_up`.
  Result<std::vector<std::string>> take_up(
      const std::function<void(const std::string& experiment_id, const Error&)>& why_not);
  /// Asks control and waits for the answer.
  Result<pb::ControlResponse> ask(pb::ControlRequest request);
  /// Whether this server was asked to run, resume or change that experiment.
  bool has_touched(const std::string& experiment_id) const;
  /// Whether another head of its store has taken over, so that this one must go; or may have, for so long that what runs
  /// on this machine is about to be given away.
  bool is_superseded() const;
  /// Asks control without waiting.
  void tell(pb::ControlRequest request);

 private:
  struct Impl;
  explicit LocalServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A reader of that home's facts, wherever it keeps them; not_found where there are none.
Result<std::unique_ptr<StoreReader>> reader_of(const std::filesystem::path& home);

}  // namespace autotune::cli
