// What a server and an agent have in common: how they start processes, and a log of their own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "launchers/process.hpp"
#include "messages/result.hpp"

namespace autotune::cli {

/// Logs go to `<home>/logs/autotune.log` from now on, rotated and private. resource_exhausted: they cannot be written.
Result<void> open_log(const std::filesystem::path& home, const std::string& level);

/// On which clock a trial's lease runs out: between machines the sleep of a suspended one counts.
enum class LeaseClockKind { monotonic, boottime };

/// How processes of a home are started: with our environment, and as $AUTOTUNE_CGROUP_PER_TRIAL says.
ProcessLauncherOptions process_options(const std::filesystem::path& home, LeaseClockKind clock);

/// Whether the environment variable has that value.
bool is_set(const char* name, std::string_view value);

}  // namespace autotune::cli
