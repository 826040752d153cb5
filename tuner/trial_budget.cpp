#include "tuner/trial_budget.hpp"

#include <utility>

namespace autotune {

Value with_budget(Value parameters, std::int64_t budget) {
  auto* object = parameters.as_object();
  if (object == nullptr)
    return parameters;
  std::erase_if(*object, [](const auto& member) { return member.first == trial_budget_name; });
  object->emplace_back(trial_budget_name, Value::integer(budget));
  return parameters;
}

std::optional<std::int64_t> budget_of(const Value& parameters) {
  const auto* budget = parameters.find(trial_budget_name);
  return budget == nullptr ? std::nullopt : budget->to_integer();
}

std::optional<double> loss_of(const Trial& ended) {
  if (ended.final_value)
    return ended.final_value;
  bool counts =
      ended.outcome == TrialOutcome::succeeded || ended.outcome == TrialOutcome::early_stopped;
  if (!counts || ended.intermediates.empty())
    return std::nullopt;
  return ended.intermediates.back().value;
}

std::string refuse_budget_name(const SearchSpace& space) {
  for (const auto& p : space.parameters)
    if (p.name == trial_budget_name)
      return std::string(trial_budget_name) +
             " is what this algorithm adds to the parameters; give your own parameter another name";
  return "";
}

}  // namespace autotune
