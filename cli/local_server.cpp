#include "cli/local_server.hpp"

#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>
#include <caf/all.hpp>

#include "actors/head.hpp"
#include "cli/control_socket.hpp"
#include "launchers/gpus.hpp"
#include "launchers/launcher_switch.hpp"
#include "launchers/log_usage.hpp"
#include "launchers/process.hpp"
#include "launchers/simulated.hpp"
#include "store/home_lock.hpp"
#include "store/sqlite.hpp"

namespace autotune::cli {

namespace {

constexpr auto answer_timeout =
    std::chrono::minutes(15);  // a stop waits for the graces of all trials

bool is_set(const char* name, std::string_view value) {
  const char* given = std::getenv(name);
  return given != nullptr && value == given;
}

/// AUTOTUNE_SYNCHRONOUS=normal trades the last commits before a power loss for speed.
WriterOptions writer_options() {
  WriterOptions options;
  if (is_set("AUTOTUNE_SYNCHRONOUS", "normal"))
    options.synchronous = Synchronous::normal;
  return options;
}

/// This machine: cores that we may use, memory, GPUs that the user lets us see.
NodeCapacity this_machine() {
  NodeCapacity node;
  char name[256] = "localhost";
  ::gethostname(name, sizeof name - 1);
  node.name = name;
  node.cpu = std::max(1u, std::thread::hardware_concurrency());
  node.memory_bytes =
      static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  node.gpus = visible_gpus();
  return node;
}

/// Logs name experiments, hosts and errors: they are their user's, also those that an older version wrote for all.
void keep_private(const std::filesystem::path& logs) {
  using std::filesystem::perms;
  std::filesystem::permissions(logs, perms::owner_all);
  for (const auto& entry : std::filesystem::directory_iterator(logs))
    if (entry.is_regular_file())
      std::filesystem::permissions(entry.path(), perms::owner_read | perms::owner_write);
}

Result<void> open_log(const std::filesystem::path& home, const std::string& level) {
  constexpr std::size_t log_bytes_max = 10u << 20;
  constexpr std::size_t log_files_max = 5;
  try {
    std::filesystem::create_directories(home / "logs");
    keep_private(home / "logs");
    spdlog::file_event_handlers handlers;
    handlers.after_open = [](const std::string&, std::FILE* file) {
      ::fchmod(::fileno(file), 0600);
    };
    auto logger = std::make_shared<spdlog::logger>(
        "autotune", std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                        (home / "logs" / "autotune.log").string(), log_bytes_max, log_files_max,
                        false, handlers));
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::warn);
    spdlog::set_default_logger(logger);
  } catch (const std::exception& e) {
    return fail(ErrorCode::resource_exhausted,
                "cannot write logs below " + home.string() + ": " + e.what());
  }
  return {};
}

}  // namespace

std::filesystem::path database_of(const std::filesystem::path& home) { return database_path(home); }

Result<std::unique_ptr<StoreReader>> reader_of(const std::filesystem::path& home) {
  return open_reader(database_path(home));
}

struct LocalServer::Impl {
  explicit Impl(HomeLock home_lock) : lock(std::move(home_lock)) {}

  HomeLock lock;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  Head head;
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
  auto writer = open_writer(database_path(options.home), writer_options());
  if (!writer)
    return tl::unexpected(writer.error());

  ProcessLauncherOptions process;
  process.home = options.home;
  process.base_environment = own_environment();
  process.cgroup_per_trial = is_set("AUTOTUNE_CGROUP_PER_TRIAL", "1");
  std::map<std::string, std::unique_ptr<Launcher>> launchers;
  launchers.emplace("process", make_process_launcher(std::move(process)));
  launchers.emplace("simulated", std::make_unique<SimulatedLauncher>());

  configure_types();
  auto impl = std::make_unique<Impl>(std::move(*lock));
  // Actors share few cores with the trials: work sharing sleeps where work stealing polls, and a second thread is
  // there for a tuner that computes for a while; each one more costs wake-ups.
  impl->config.set("caf.scheduler.policy", std::string("sharing"));
  impl->config.set("caf.scheduler.max-threads", std::size_t{2});
  impl->system = std::make_unique<caf::actor_system>(impl->config);
  HeadOptions head;
  head.writer = std::move(*writer);
  head.open_reader = [path = database_path(options.home)] { return open_reader(path); };
  head.launcher = std::make_shared<LauncherSwitch>(std::move(launchers));
  head.node = this_machine();
  head.watcher = std::move(options.watcher);
  head.remove_folders = [home = options.home](const std::string& id) -> Result<void> {
    std::error_code code;
    std::filesystem::remove_all(home / "trials" / id, code);
    if (code)
      return fail(ErrorCode::unavailable, (home / "trials" / id).string() + ": " + code.message());
    return {};
  };
  head.folder_of = [home = options.home](const std::string& id) {
    return std::filesystem::absolute(home / "trials" / id).string();
  };
  head.measure_storage = [home = options.home](const std::string& id) -> Result<std::int64_t> {
    auto reader = open_reader(database_path(home));
    if (!reader)
      return tl::unexpected(reader.error());
    auto rows = (*reader)->stored_bytes(id);
    if (!rows)
      return rows;
    return *rows + log_bytes_of(home, id);
  };
  impl->head = spawn_head(*impl->system, std::move(head));
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
  impl_->socket.reset();
  impl_->head.shut_down(*impl_->system);
  impl_->head = {};
  impl_->system.reset();
  spdlog::shutdown();
}

Result<pb::ControlResponse> LocalServer::ask(pb::ControlRequest request) {
  caf::scoped_actor self{*impl_->system};
  Result<pb::ControlResponse> answer = fail(ErrorCode::internal, "no answer");
  compat::request(self.ptr(), impl_->head.control, answer_timeout, std::move(request))
      .receive([&](pb::ControlResponse& response) { answer = std::move(response); },
               [&](const caf::error& error) {
                 answer = fail(ErrorCode::unavailable,
                               "the server did not answer: " + caf::to_string(error));
               });
  if (answer && !answer->error().empty())
    return fail(answer->error_code() != 0 ? static_cast<ErrorCode>(answer->error_code())
                                          : ErrorCode::internal,
                answer->error());
  if (answer && !answer->experiment_id().empty()) {
    std::lock_guard guard(impl_->mutex);
    impl_->touched.insert(answer->experiment_id());
  }
  return answer;
}

bool LocalServer::has_touched(const std::string& experiment_id) const {
  std::lock_guard guard(impl_->mutex);
  return impl_->touched.count(experiment_id) > 0;
}

void LocalServer::tell(pb::ControlRequest request) {
  compat::anon_send(impl_->head.control, std::move(request));
}

}  // namespace autotune::cli
