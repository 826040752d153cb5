// A head to which `--server HOST:PORT` leads: its control, over mutual TLS.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "messages/control.pb.h"
#include "messages/node.pb.h"
#include "messages/result.hpp"

namespace autotune::cli {

/// May be asked by several threads. What the head says to be wrong is an error here.
class RemoteServer {
 public:
  /// With the certificate that `home` has of it (client_identity). unavailable: nobody answers there, or it does not let
  /// us in; says what to do. invalid_argument: no HOST:PORT.
  static Result<std::shared_ptr<RemoteServer>> connect(const std::filesystem::path& home,
                                                       const std::string& address);
  ~RemoteServer();

  const std::string& address() const;

  /// Gives a command and waits until it is carried out. What may be done twice is asked again where the connection was
  /// lost. unavailable: it was lost, and the command may or may not have been heard; or nobody answers.
  Result<pb::ControlResponse> ask(pb::ControlRequest request);
  Result<pb::QueryAnswer> query(pb::Query query);
  /// Waits for events, but at most as long as the head lets a watcher wait; without any once `give_up` says so.
  Result<pb::EventBatch> watch(pb::Watch watch, const std::function<bool()>& give_up);
  /// Looks for the head again, after its loss. Errors as of `connect`.
  Result<void> reconnect();

 private:
  struct Impl;
  explicit RemoteServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace autotune::cli
