#include "cli/connection.hpp"

#include "cli/control_socket.hpp"
#include "cli/local_server.hpp"
#include "cli/remote_reader.hpp"
#include "cli/trial_logs.hpp"

namespace autotune::cli {

namespace {

AskHead asks(std::shared_ptr<RemoteServer> server) {
  return [server = std::move(server)](pb::Query query) { return server->query(std::move(query)); };
}

}  // namespace

Result<std::shared_ptr<RemoteServer>> remote_server(const Common& common) {
  if (!common.connection) {
    auto connected = RemoteServer::connect(home_folder(common), common.server);
    if (!connected)
      return connected;
    common.connection = *std::move(connected);
  }
  return common.connection;
}

Result<std::unique_ptr<StoreReader>> reader_for(const Common& common) {
  if (common.server.empty())
    return reader_of(home_folder(common));
  auto server = remote_server(common);
  if (!server)
    return tl::unexpected(server.error());
  return remote_reader(asks(*std::move(server)));
}

Result<TrialLogs> logs_for(const Common& common) {
  if (common.server.empty())
    return local_logs(home_folder(common));
  auto server = remote_server(common);
  if (!server)
    return tl::unexpected(server.error());
  return remote_logs(asks(*std::move(server)));
}

Result<pb::ControlResponse> ask_server(const Common& common, const pb::ControlRequest& request) {
  if (common.server.empty())
    return ask_server(home_folder(common), request);
  auto server = remote_server(common);
  if (!server)
    return tl::unexpected(server.error());
  return (*server)->ask(request);
}

std::string server_words(const Common& common) {
  return common.server.empty() ? "" : " --server " + common.server;
}

}  // namespace autotune::cli
