#include "tuner/seen_points.hpp"

#include <cmath>

namespace autotune {

void SeenPoints::add(const Point& point) {
  if (space_.discrete(point))
    keys_.insert(space_.key(point));
}

void SeenPoints::add(const Trial& ended) {
  if (auto point = space_.point_of(ended.parameters))
    add(*point);
}

SeenPoints::Taken::Taken(const SeenPoints& seen, std::span<const Trial> running) : seen_(&seen) {
  std::unordered_map<Sequence, Key> keys;
  keys.reserve(running.size());
  for (const auto& trial : running) {
    auto known = seen.running_keys_.extract(trial.sequence);
    auto key = known ? known.mapped() : seen.key_of(trial);
    if (known)
      keys.insert(std::move(known));
    else
      keys.emplace(trial.sequence, key);
    if (key && !seen.keys_.contains(*key))
      running_.insert(*key);
  }
  seen.running_keys_ = std::move(keys);
}

SeenPoints::Key SeenPoints::key_of(const Trial& trial) const {
  auto point = space_.point_of(trial.parameters);
  return point && space_.discrete(*point) ? Key(space_.key(*point)) : std::nullopt;
}

bool SeenPoints::Taken::contains(const Point& point) const {
  if (seen_->keys_.empty() && running_.empty())
    return false;
  if (!seen_->space_.discrete(point))
    return false;
  auto key = seen_->space_.key(point);
  return seen_->keys_.contains(key) || running_.contains(key);
}

bool SeenPoints::Taken::everything() const {
  return static_cast<double>(seen_->keys_.size() + running_.size()) >= seen_->space_.cardinality();
}

std::optional<Point> SeenPoints::Taken::walk(Point point) const {
  if (everything())
    return std::nullopt;
  if (std::isinf(seen_->space_.cardinality()))
    return point;
  while (contains(point))
    seen_->space_.advance(point);
  return point;
}

}  // namespace autotune
