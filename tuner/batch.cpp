#include "tuner/batch.hpp"

#include <algorithm>

namespace autotune {

BatchTuner::BatchTuner(const Parameter& list) {
  for (const auto& member : list.choices)
    members_.push_back(member.as_object() != nullptr ? member : Value(Object{{list.name, member}}));
}

Ask BatchTuner::ask(Sequence, std::span<const Trial> running) const {
  auto tried = [&](const Value& member) {
    return foreign_.contains(to_json(member)) ||
           std::any_of(running.begin(), running.end(),
                       [&](const Trial& t) { return !t.own && t.parameters == member; });
  };
  for (auto place = places_.next(running); place < members_.size(); ++place)
    if (!tried(members_[place]))
      return Suggestion{members_[place], std::to_string(place)};
  return Exhausted{};
}

void BatchTuner::tell(const Trial& ended) {
  places_.tell(ended);
  if (!ended.own)
    foreign_.insert(to_json(ended.parameters));
}

}  // namespace autotune
