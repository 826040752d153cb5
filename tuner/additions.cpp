#include "tuner/additions.hpp"

#include <algorithm>
#include <array>

#include "tuner/trial_budget.hpp"

namespace autotune {

bool is_addition(std::string_view name) {
  static constexpr std::array<std::string_view, 3> names{trial_budget_name, "load_checkpoint_dir",
                                                         "save_checkpoint_dir"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

Value without_additions(Value parameters, const SearchSpace& space) {
  if (auto* object = parameters.as_object())
    std::erase_if(*object, [&](const auto& member) {
      auto same = [&](const Parameter& p) { return p.name == member.first; };
      return is_addition(member.first) &&
             std::none_of(space.parameters.begin(), space.parameters.end(), same);
    });
  return parameters;
}

}  // namespace autotune
