#include "cli/local_server.hpp"

#include <mutex>
#include <set>

#include <spdlog/spdlog.h>
#include <caf/all.hpp>

#include "actors/server.hpp"
#include "actors/transport.hpp"
#include "cli/control_socket.hpp"
#include "cli/enrolment.hpp"
#include "cli/identity.hpp"
#include "cli/machine.hpp"
#include "cli/trial_logs.hpp"

namespace autotune::cli {

namespace {

/// AUTOTUNE_SYNCHRONOUS=normal trades the last commits before a power loss for speed.
WriterOptions writer_options() {
  WriterOptions options;
  if (is_set("AUTOTUNE_SYNCHRONOUS", "normal"))
    options.synchronous = Synchronous::normal;
  return options;
}

}  // namespace

std::filesystem::path database_of(const std::filesystem::path& home) { return database_path(home); }

Result<std::unique_ptr<StoreReader>> reader_of(const std::filesystem::path& home) {
  return open_reader(database_path(home));
}

struct LocalServer::Impl {
  std::filesystem::path home;
  std::unique_ptr<Enrolment> enrolment;
  std::unique_ptr<Renewal> renewal;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<Server> server;
  std::unique_ptr<ControlSocket> socket;
  std::mutex mutex;
  std::set<std::string> touched;  // experiments that somebody asked about
};

Result<std::unique_ptr<LocalServer>> LocalServer::start(ServerOptions options) {
  auto lock = lock_home(options.home);
  if (!lock)
    return tl::unexpected(lock.error());
  if (auto opened = open_log(options.home, options.log_level); !opened)
    return tl::unexpected(opened.error());
  configure_types();
  auto impl = std::make_unique<Impl>();
  impl->home = options.home;
  // Actors share few cores with the trials: work sharing sleeps where work stealing polls, and a second thread is
  // there for a tuner that computes for a while; each one more costs wake-ups.
  impl->config.set("caf.scheduler.policy", std::string("sharing"));
  impl->config.set("caf.scheduler.max-threads", std::size_t{2});
  if (options.cluster) {
    auto identity = head_identity(options.home);
    if (!identity)
      return tl::unexpected(identity.error());
    configure_transport(impl->config, *identity);
    impl->renewal =
        std::make_unique<Renewal>(identity->certificate, [home = options.home]() -> Result<void> {
          auto again = head_identity(home);
          return again ? Result<void>() : tl::unexpected(again.error());
        });
  }
  impl->system = std::make_unique<caf::actor_system>(impl->config);
  ServerConfig config;
  config.home = options.home;
  config.lock = *std::move(lock);
  config.runs_trials = options.runs_trials;
  config.cluster = options.cluster;
  config.process = process_options(options.home, LeaseClockKind::monotonic);
  config.watcher = std::move(options.watcher);
  config.store = writer_options();
  config.logs = local_logs(options.home);
  auto spawned = spawn_server(*impl->system, std::move(config));
  if (!spawned)
    return tl::unexpected(spawned.error());
  impl->server = *std::move(spawned);
  auto server = std::unique_ptr<LocalServer>(new LocalServer(std::move(impl)));
  auto socket =
      ControlSocket::listen(options.home, [raw = server.get()](pb::ControlRequest request) {
        auto response = raw->ask(std::move(request));
        if (response)
          return *response;
        pb::ControlResponse failed;
        failed.set_error(response.error().message);
        failed.set_error_code(static_cast<int>(response.error().code));
        return failed;
      });
  if (!socket)
    return tl::unexpected(socket.error());
  server->impl_->socket = std::move(*socket);
  return server;
}

LocalServer::LocalServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

LocalServer::~LocalServer() {
  impl_->enrolment.reset();
  impl_->renewal.reset();
  impl_->socket.reset();
  impl_->server.reset();
  impl_->system.reset();
  spdlog::shutdown();
}

Result<std::vector<std::string>> LocalServer::take_up(
    const std::function<void(const std::string& experiment_id, const Error&)>& why_not) {
  return impl_->server->take_up(why_not);
}

Result<pb::ControlResponse> LocalServer::ask(pb::ControlRequest request) {
  auto answer = impl_->server->ask(std::move(request));
  if (answer && !answer->experiment_id().empty()) {
    std::lock_guard guard(impl_->mutex);
    impl_->touched.insert(answer->experiment_id());
  }
  return answer;
}

Result<std::uint16_t> LocalServer::publish(const HostPort& address) {
  return publish_control(*impl_->system, impl_->server->control(), address.host, address.port);
}

Result<std::uint16_t> LocalServer::take_enrolments(const HostPort& address,
                                                   const std::string& control_address) {
  auto door = Enrolment::listen({impl_->home, address.host, address.port, control_address});
  if (!door)
    return tl::unexpected(door.error());
  impl_->enrolment = std::move(*door);
  return impl_->enrolment->port();
}

bool LocalServer::has_touched(const std::string& experiment_id) const {
  std::lock_guard guard(impl_->mutex);
  return impl_->touched.count(experiment_id) > 0;
}

void LocalServer::tell(pb::ControlRequest request) {
  compat::anon_send(impl_->server->control(), std::move(request));
}

}  // namespace autotune::cli
