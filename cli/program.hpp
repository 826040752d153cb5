// Runs a small program and reads what it prints.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "messages/result.hpp"

namespace autotune::cli {

struct ProgramOutput {
  int exit_code = 0;  ///< 128 + signal where a signal ended it
  std::string text;   ///< stdout and stderr together, at most 64 KiB of it
};

/// The program's path by $PATH, as execvp finds it; empty where there is none.
std::string find_program(const std::string& name);

/// Runs it with `environment` (NAME=VALUE) added to ours, and nothing on its stdin; it and its
/// group are killed when the time is up. Errors: unavailable (cannot be started, or took too long).
Result<ProgramOutput> run_program(const std::vector<std::string>& argv,
                                  const std::vector<std::string>& environment,
                                  std::chrono::milliseconds time_max);

}  // namespace autotune::cli
