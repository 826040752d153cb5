// apply --watch: follows an experiment of a server in another process, here or elsewhere.
#pragma once

#include <string>

#include "cli/cli.hpp"

namespace autotune::cli {

/// Tells on stderr what happens to it until it is at rest, and gives run's exit code. Ctrl-C ends the watching, not the
/// experiment. A server elsewhere that is lost meanwhile is looked for, and nothing that happened there is left out.
int watch(const Common& common, const std::string& experiment_id);

}  // namespace autotune::cli
