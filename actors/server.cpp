#include "actors/server.hpp"

#include <cstdlib>
#include <thread>

#include <unistd.h>

#include "launchers/log_usage.hpp"
#include "messages/states.hpp"

namespace autotune {

namespace fs = std::filesystem;

namespace {

constexpr auto answer_timeout = std::chrono::minutes(15);

std::string own_program() {
  std::error_code code;
  auto path = fs::read_symlink("/proc/self/exe", code);
  return code ? std::string() : path.string();
}

/// The `autotune` in PATH. Where there is none the name alone, which trials that need it then tell of.
std::string autotune_in_path() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    auto folder = rest.substr(0, rest.find(':'));
    auto program = fs::path(folder) / "autotune";
    if (!folder.empty() && ::access(program.c_str(), X_OK) == 0)
      return program.string();
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
  }
  return "autotune";
}

/// The keeper outlives us, so it is a program: ours where we are `autotune`, else the one in PATH.
std::string keeper_of(const ServerConfig& config) {
  if (!config.process.keeper_binary.empty())
    return config.process.keeper_binary;
  if (auto own = own_program(); fs::path(own).filename() == "autotune")
    return own;
  return autotune_in_path();
}

std::shared_ptr<Launcher> launcher_of(ServerConfig& config) {
  auto process = config.process;
  process.home = config.home.string();
  process.keeper_binary = keeper_of(config);
  if (process.base_environment.empty())
    process.base_environment = own_environment();
  return make_launchers(std::move(process), std::move(config.launchers));
}

Result<void> remove_folder(const fs::path& folder) {
  std::error_code code;
  fs::remove_all(folder, code);
  if (code)
    return fail(ErrorCode::unavailable, folder.string() + ": " + code.message());
  return {};
}

HeadOptions head_of(ServerConfig config) {
  HeadOptions head;
  auto home = config.home;
  head.writer = std::move(config.writer);
  head.open_reader = std::move(config.open_reader);
  head.epoch = config.epoch;
  head.commands = std::move(config.commands);
  if (config.trials_lease.count() > 0)
    head.agent_limits.lease = config.trials_lease;
  if (config.runs_trials)
    head.launcher = launcher_of(config);
  head.node = std::move(config.node);
  head.node.alone = !config.cluster;
  head.cluster = config.cluster;
  head.watcher = std::move(config.watcher);
  head.logs = std::move(config.logs);
  head.metrics_sink = std::move(config.metrics_sink);
  head.algorithms = std::move(config.algorithms);
  head.remove_folders = [home](const std::string& id) {
    return remove_folder(home / "trials" / id);
  };
  head.folder_of = [home](const std::string& id) {
    return fs::absolute(home / "trials" / id).string();
  };
  head.measure_storage = [home,
                          open = head.open_reader](const std::string& id) -> Result<std::int64_t> {
    auto reader = open();
    if (!reader)
      return tl::unexpected(reader.error());
    auto rows = (*reader)->stored_bytes(id);
    if (!rows)
      return rows;
    return *rows + log_bytes_of(home, id);
  };
  return head;
}

}  // namespace

struct Server::Holder {
  HomeLock lock;
  OpenReader open_reader;
};

Server::Server(caf::actor_system& system, std::unique_ptr<Holder> holder)
    : system_(system), holder_(std::move(holder)) {}

Server::~Server() { shut_down(); }

Result<std::unique_ptr<StoreReader>> Server::open_reader() const { return holder_->open_reader(); }

void Server::shut_down() {
  if (head_.control)
    head_.shut_down(system_);
  head_ = {};
}

Result<std::unique_ptr<Server>> spawn_server(caf::actor_system& system, ServerConfig config) {
  if (config.home.empty())
    return fail(ErrorCode::invalid_argument,
                "ServerConfig::home is empty: give the server a folder");
  if (!config.runs_trials && !config.cluster)
    return fail(ErrorCode::invalid_argument,
                "nothing would run trials: set ServerConfig::runs_trials, or ::cluster for agents "
                "of other machines");
  if ((config.writer != nullptr) != static_cast<bool>(config.open_reader))
    return fail(ErrorCode::invalid_argument,
                "ServerConfig::writer and ::open_reader are of one store: give both, or neither");
  if (!config.lock) {
    auto lock = lock_home(config.home);
    if (!lock)
      return tl::unexpected(lock.error());
    config.lock = *std::move(lock);
  }
  if (!config.writer) {
    auto path = database_path(config.home);
    auto writer = open_writer(path, config.store);
    if (!writer)
      return tl::unexpected(writer.error());
    config.writer = *std::move(writer);
    config.open_reader = [path, key = config.store.key_path] { return open_reader(path, {key}); };
  }
  auto lock = *std::move(config.lock);
  auto options = head_of(std::move(config));
  auto holder =
      std::make_unique<Server::Holder>(Server::Holder{std::move(lock), options.open_reader});
  auto server = std::unique_ptr<Server>(new Server(system, std::move(holder)));
  server->head_ = spawn_head(system, std::move(options));
  return server;
}

Result<pb::ControlResponse> Server::ask(pb::ControlRequest request) {
  caf::scoped_actor self{system_};
  Result<pb::ControlResponse> answer = fail(ErrorCode::internal, "no answer");
  compat::request(self.ptr(), head_.control, answer_timeout, std::move(request))
      .receive([&](pb::ControlResponse& response) { answer = std::move(response); },
               [&](const caf::error& error) {
                 answer = fail(ErrorCode::unavailable,
                               "the server did not answer: " + caf::to_string(error));
               });
  if (answer && !answer->error().empty())
    return fail(answer->error_code() != 0 ? static_cast<ErrorCode>(answer->error_code())
                                          : ErrorCode::internal,
                answer->error());
  return answer;
}

Result<std::vector<std::string>> Server::take_up(
    const std::function<void(const std::string& experiment_id, const Error&)>& why_not) {
  auto reader = open_reader();
  auto all = reader ? (*reader)->experiments() : tl::unexpected(reader.error());
  if (!all)
    return tl::unexpected(all.error());
  std::vector<std::string> taken;
  for (const auto& summary : *all) {
    if (at_rest(summary.phase()))
      continue;
    pb::ControlRequest request;
    request.mutable_command()->set_experiment_id(summary.id());
    request.mutable_command()->set_verb("go-on");
    auto answer = ask(request);
    // A store elsewhere may have lost a connection just now.
    for (int again = 0; again < 3 && !answer && answer.error().code == ErrorCode::unavailable;
         ++again) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      answer = ask(request);
    }
    if (answer)
      taken.push_back(summary.id());
    else if (why_not)
      why_not(summary.id(), answer.error());
  }
  return taken;
}

}  // namespace autotune
