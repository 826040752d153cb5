// Whom a verb speaks to: the server of its home, or with --server one elsewhere.
#pragma once

#include <memory>
#include <string>

#include "actors/query_core.hpp"
#include "cli/cli.hpp"
#include "cli/remote_server.hpp"
#include "messages/node.pb.h"
#include "store/store.hpp"

namespace autotune::cli {

/// The server that --server names, connected at the first call. Errors as of `RemoteServer::connect`.
Result<std::shared_ptr<RemoteServer>> remote_server(const Common& common);

/// What is known: in the home's database, or at the server that --server names. not_found: the home has none.
Result<std::unique_ptr<StoreReader>> reader_for(const Common& common);

/// What trials wrote, likewise.
Result<TrialLogs> logs_for(const Common& common);

/// Asks the running server of the home, or the one that --server names. unavailable: none runs there.
Result<pb::ControlResponse> ask_server(const Common& common, const pb::ControlRequest& request);

/// " --server HOST:PORT" where it was given, for commands that a message recommends.
std::string server_words(const Common& common);

}  // namespace autotune::cli
