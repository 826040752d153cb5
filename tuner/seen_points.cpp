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
  for (const auto& trial : running)
    if (auto key = seen.key_of(trial); key && !seen.keys_.contains(*key))
      running_.insert(*key);
  if (seen.running_keys_.size() > 2 * running.size() + 64)
    seen.running_keys_.clear();  // most of them have ended
}

std::optional<std::uint64_t> SeenPoints::key_of(const Trial& running) const {
  auto [at, unknown] = running_keys_.try_emplace(running.sequence);
  if (unknown)
    if (auto point = space_.point_of(running.parameters); point && space_.discrete(*point))
      at->second = space_.key(*point);
  return at->second;
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
