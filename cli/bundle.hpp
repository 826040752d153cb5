// What goes into a bug report.
#pragma once

#include <filesystem>

#include "cli/doctor.hpp"
#include "messages/result.hpp"

namespace autotune::cli {

/// Writes a .tar.gz: versions, the checks, configuration, the server's logs, and of the newest
/// experiments spec, trials and events. Values of secrets and of the trials' environment are not in
/// it, parameters and metrics are. What the home does not have, or cannot be read, is named in the
/// bundle's README. Errors: those of Archive::write.
Result<void> write_bundle(const std::filesystem::path& file, const std::filesystem::path& home,
                          const Checks& checks);

}  // namespace autotune::cli
