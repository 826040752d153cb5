// What this program is made of.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace autotune::cli {

/// Name (lowerCamelCase) and version of AutoTune, of what it is linked with and of what compiled
/// it.
std::vector<std::pair<std::string, std::string>> versions();

}  // namespace autotune::cli
