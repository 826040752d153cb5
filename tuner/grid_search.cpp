#include "tuner/grid_search.hpp"

#include <string>

namespace autotune {

namespace {

void note_foreign(const Space& space, const Trial& trial, std::unordered_set<std::uint64_t>& keys) {
  if (trial.own)
    return;
  if (auto point = space.point_of(trial.parameters))
    keys.insert(space.key(*point));
}

}  // namespace

Ask GridSearchTuner::ask(Sequence, std::span<const Trial> running) const {
  const auto& space = grid_.space();
  std::unordered_set<std::uint64_t> foreign_running;
  for (const auto& trial : running)
    note_foreign(space, trial, foreign_running);
  for (auto place = places_.next(running);; ++place) {
    auto point = grid_.at(place);
    if (!point)
      return Exhausted{};
    if (!foreign_.empty() || !foreign_running.empty()) {
      // A told point went through its values: compare what this one becomes after the same way.
      auto key = space.key(space.point_of(space.value_of(*point)).value_or(*point));
      if (foreign_.contains(key) || foreign_running.contains(key))
        continue;
    }
    return Suggestion{space.value_of(*point), std::to_string(place)};
  }
}

void GridSearchTuner::tell(const Trial& ended) {
  places_.tell(ended);
  note_foreign(grid_.space(), ended, foreign_);
}

}  // namespace autotune
