#include "cli/local_server.hpp"

#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>
#include <caf/all.hpp>

#include "actors/server.hpp"
#include "actors/transport.hpp"
#include "cli/control_socket.hpp"
#include "cli/enrolment.hpp"
#include "cli/head_store.hpp"
#include "cli/identity.hpp"
#include "cli/machine.hpp"
#include "cli/trial_logs.hpp"
#include "store/home_lock.hpp"
#include "store/home_store.hpp"

namespace autotune::cli {

namespace {

/// One that stands by waits here too: a command that has the home for a moment is no reason to end.
Result<HomeLock> lock_for(const ServerOptions& options) {
  constexpr std::chrono::milliseconds look{500};
  auto lock = lock_home(options.home);
  auto waits = [&] { return options.stands_by && !(options.gives_up && options.gives_up()); };
  for (bool told = false; !lock && waits(); lock = lock_home(options.home)) {
    if (!std::exchange(told, true) && options.say)
      options.say("waiting: " + lock.error().message);
    std::this_thread::sleep_for(look);
  }
  return lock;
}

}  // namespace

Result<std::unique_ptr<StoreReader>> reader_of(const std::filesystem::path& home) {
  return open_home_reader(home);
}

struct LocalServer::Impl {
  std::filesystem::path home;
  std::unique_ptr<HeadLease> lease;           // outlives the actors, who ask it
  std::chrono::milliseconds trials_lease{0};  // of what runs here; 0: nobody else waits for it
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
  auto lock = lock_for(options);
  if (!lock)
    return tl::unexpected(lock.error());
  if (auto opened = open_log(options.home, options.log_level); !opened)
    return tl::unexpected(opened.error());
  auto store = open_head_store(options);
  if (!store)
    return tl::unexpected(store.error());

  configure_types();
  auto impl = std::make_unique<Impl>();
  impl->home = options.home;
  impl->lease = std::move(store->lease);
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
  config.writer = std::move(store->writer);
  config.open_reader = [home = options.home] { return open_home_reader(home); };
  config.runs_trials = options.runs_trials;
  config.cluster = options.cluster;
  config.process = process_options(
      options.home, impl->lease ? LeaseClockKind::boottime : LeaseClockKind::monotonic);
  if (impl->lease) {
    config.epoch = impl->lease->epoch();
    config.commands = [lease = impl->lease.get()] { return lease->held(); };
    // Another head waits for the end of this lease, then gives away what runs here.
    if (options.cluster && options.runs_trials)
      config.trials_lease = impl->trials_lease = options.cluster->lease;
  }
  config.watcher = std::move(options.watcher);
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

bool LocalServer::is_superseded() const {
  constexpr int part_of_lease = 5;  // whoever takes over waits for 1.25 leases
  if (!impl_->lease || impl_->lease->lost())
    return impl_->lease != nullptr;
  return impl_->trials_lease.count() > 0 &&
         impl_->lease->unheld_for() > impl_->trials_lease / part_of_lease;
}

void LocalServer::tell(pb::ControlRequest request) {
  compat::anon_send(impl_->server->control(), std::move(request));
}

}  // namespace autotune::cli
