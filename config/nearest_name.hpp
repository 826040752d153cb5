// What somebody who mistyped a name most likely meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace autotune::config {

/// The known name with the smallest edit distance to `name` (letter case and '_' or '-' cost nothing); nothing
/// where none is near: more than a third of the letters differ. O(known names x length^2), lengths bounded.
std::optional<std::string> nearest_name(std::string_view name,
                                        std::span<const std::string_view> known);

/// "; did you mean 'maxTrialNum'?", or "; known are a, b, c" where nothing is near.
std::string hint_for(std::string_view name, std::span<const std::string_view> known);

/// "a, b, c"; at most 12 names, then "...".
std::string list_of(std::span<const std::string_view> names);

}  // namespace autotune::config
