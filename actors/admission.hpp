// Everything that is wrong with a file, in one go: what config/ finds in the text, and what tuner/ knows of algorithms.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/experiment_spec.hpp"

namespace autotune {

/// Loads a file's text, checks its algorithms against its search spaces, and fills in the direction that the
/// algorithms imply. Every mistake is in `diagnostics`, in order of line.
LoadedFile load_and_check(std::string_view text, const std::string& file_name,
                          const std::vector<std::string>& overrides,
                          const LoadOptions& options = {});

}  // namespace autotune
