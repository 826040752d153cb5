#include "cli/machine.hpp"

#include <cstdlib>
#include <string_view>

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace autotune::cli {

namespace {

/// Logs name experiments, hosts and errors: they are their user's, also those that an older version wrote for all.
void keep_private(const std::filesystem::path& logs) {
  using std::filesystem::perms;
  std::filesystem::permissions(logs, perms::owner_all);
  for (const auto& entry : std::filesystem::directory_iterator(logs))
    if (entry.is_regular_file())
      std::filesystem::permissions(entry.path(), perms::owner_read | perms::owner_write);
}

}  // namespace

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

bool is_set(const char* name, std::string_view value) {
  const char* given = std::getenv(name);
  return given != nullptr && value == given;
}

ProcessLauncherOptions process_options(const std::filesystem::path& home, LeaseClockKind clock) {
  ProcessLauncherOptions process;
  process.home = home;
  process.base_environment = own_environment();
  process.cgroup_per_trial = is_set("AUTOTUNE_CGROUP_PER_TRIAL", "1");
  process.lease_on_boottime = clock == LeaseClockKind::boottime;
  return process;
}

}  // namespace autotune::cli
