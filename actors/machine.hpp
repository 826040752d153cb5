// This machine as a node: what it has, and the launchers that start processes on it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "actors/placement_core.hpp"
#include "launchers/process.hpp"

namespace autotune {

/// Launchers by the kind that `launcher: {kind: KIND}` of a file names.
using Launchers = std::map<std::string, std::unique_ptr<Launcher>>;

/// This machine: its name, cores that we may use, memory, GPUs that the user lets us see.
NodeCapacity this_machine();

/// `process` with those options, `simulated`, and `more`; one of the same kind takes the place of ours.
std::shared_ptr<Launcher> make_launchers(ProcessLauncherOptions process, Launchers more = {});

}  // namespace autotune
