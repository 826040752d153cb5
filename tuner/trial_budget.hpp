// How multi-fidelity algorithms hand out budgets and read their results.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "messages/search_space.hpp"
#include "messages/trial.hpp"

namespace autotune {

/// The member of the parameters that says how much a trial may spend, in the user's own unit
/// (epochs, steps, samples). The name is NNI's.
inline constexpr const char* trial_budget_name = "TRIAL_BUDGET";

/// The parameters (an object) with this budget, whatever budget they had before.
Value with_budget(Value parameters, std::int64_t budget);

/// The budget that the parameters name; nothing where they name none.
std::optional<std::int64_t> budget_of(const Value& parameters);

/// What a trial that ended well reached: its final value, else its last intermediate one.
std::optional<double> loss_of(const Trial& ended);

/// Why a space cannot be searched with budgets: a parameter of that name is in the way. Empty where
/// it can.
std::string refuse_budget_name(const SearchSpace& space);

}  // namespace autotune
