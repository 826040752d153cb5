// What `doctor` looks at, and what it says of it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "messages/value.hpp"

namespace autotune::cli {

enum class CheckLevel {
  fine,
  information,  ///< neither good nor bad, but good to know
  warning,      ///< works, with less than there could be
  problem,      ///< `run` will fail, or cannot be relied upon
};

/// "fine", "information", "warning", "problem".
std::string name_of(CheckLevel level);

struct Check {
  std::string name;  ///< "database"
  CheckLevel level = CheckLevel::fine;
  std::string found;   ///< what is the case
  std::string advice;  ///< what to do about it; empty where nothing need be done
};

using Checks = std::vector<Check>;

/// The home: folder, file system, room, who holds it, database, server, keeper. Leaves nothing
/// behind, and does not make a home that is not there.
Checks check_home(const std::filesystem::path& home);

/// The machine: processes, limits, volumes, GPUs, Python, ports, clocks. Leaves nothing behind.
Checks check_machine();

/// `{"checks": [{"name", "level", "found", "advice"}], "problems": 0, "warnings": 1}`.
Value to_value(const Checks& checks);

}  // namespace autotune::cli
