// What algorithms add to the parameters of a trial beside those of the search space.
#pragma once

#include <string_view>

#include "messages/search_space.hpp"
#include "messages/value.hpp"

namespace autotune {

/// TRIAL_BUDGET of advisors, load_checkpoint_dir and save_checkpoint_dir of PBTTuner.
bool is_addition(std::string_view name);

/// The parameters without what an algorithm added. What the space itself calls so stays.
Value without_additions(Value parameters, const SearchSpace& space);

}  // namespace autotune
