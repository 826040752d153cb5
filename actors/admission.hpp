// Everything that is wrong with a file, in one go: what config/ finds in the text, and what tuner/ knows of algorithms.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/experiment_spec.hpp"
#include "tuner/algorithms.hpp"

namespace autotune {

/// Loads a file's text, checks its algorithms against its search spaces, and fills in the direction that the
/// algorithms imply. Every mistake is in `diagnostics`, in order of line. Who embeds us and adds algorithms gives the
/// table that HeadOptions has.
LoadedFile load_and_check(std::string_view text, const std::string& file_name,
                          const std::vector<std::string>& overrides,
                          const LoadOptions& options = {},
                          const AlgorithmTable& table = built_in_algorithms());

}  // namespace autotune
