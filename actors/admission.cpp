#include "actors/admission.hpp"

#include <algorithm>
#include <utility>

#include "tuner/factory.hpp"

namespace autotune {

namespace {

/// Both sides look at the direction; what was told of a field once is not told again in other words.
bool is_told(const std::vector<Diagnostic>& diagnostics, const Diagnostic& found) {
  return std::any_of(diagnostics.begin(), diagnostics.end(), [&](const Diagnostic& other) {
    return other.severity == found.severity && other.path == found.path &&
           other.line == found.line && other.column == found.column;
  });
}

}  // namespace

LoadedFile load_and_check(std::string_view text, const std::string& file_name,
                          const std::vector<std::string>& overrides, const LoadOptions& options,
                          const AlgorithmTable& table) {
  auto file = load_text(text, file_name, overrides, options);
  for (auto& loaded : file.experiments) {
    for (const auto& error : check_algorithms(loaded.spec, loaded.search_space, table)) {
      auto found = loaded.places.diagnostic(Severity::error, "spec." + error.path, error.message);
      if (!is_told(file.diagnostics, found))
        file.diagnostics.push_back(std::move(found));
    }
    auto& objective = *loaded.spec.mutable_objective();
    if (objective.goals_size() == 0)
      objective.add_goals()->set_metric("default");
    auto direction = direction_of(loaded.spec, table);
    for (auto& goal : *objective.mutable_goals())
      if (goal.goal() == pb::GOAL_UNSPECIFIED)
        goal.set_goal(direction == Direction::minimize ? pb::GOAL_MINIMIZE : pb::GOAL_MAXIMIZE);
  }
  std::stable_sort(file.diagnostics.begin(), file.diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.line < b.line; });
  return file;
}

}  // namespace autotune
