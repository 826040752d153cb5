// What a server and an agent have in common: this machine, its launchers, and a log of their own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "actors/placement_core.hpp"
#include "launchers/launcher.hpp"
#include "messages/result.hpp"

namespace autotune::cli {

/// This machine: its name, cores that we may use, memory, GPUs that the user lets us see.
NodeCapacity this_machine();

/// Logs go to `<home>/logs/autotune.log` from now on, rotated and private. resource_exhausted: they cannot be written.
Result<void> open_log(const std::filesystem::path& home, const std::string& level);

/// On which clock a trial's lease runs out: between machines the sleep of a suspended one counts.
enum class LeaseClockKind { monotonic, boottime };

/// The launchers of a home: `process` and `simulated`.
std::shared_ptr<Launcher> launchers_of(const std::filesystem::path& home, LeaseClockKind clock);

/// Whether the environment variable has that value.
bool is_set(const char* name, std::string_view value);

}  // namespace autotune::cli
