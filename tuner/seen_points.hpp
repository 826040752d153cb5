// Which points of a space have been tried, so that none is tried twice.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "messages/trial.hpp"
#include "tuner/space.hpp"

namespace autotune {

/// Remembers the discrete points of ended trials and answers which point may still be suggested.
/// Points with a continuous coordinate are not remembered: they never come twice.
class SeenPoints {
 public:
  explicit SeenPoints(Space space) : space_(std::move(space)) {}

  /// Notes a point that has been tried.
  void add(const Point& point);
  /// Notes the point of an ended trial; parameters that are not of the space are passed over.
  void add(const Trial& ended);

  /// A view of what has been tried together with what is running now.
  class Taken {
   public:
    Taken(const SeenPoints& seen, std::span<const Trial> running);

    /// True where this very point was tried or is running.
    bool contains(const Point& point) const;
    /// True where a finite space holds no further point.
    bool everything() const;
    /// The point, or one that is still free: `again()` draws another, a few times; then a finite
    /// space is walked from there. Nothing where the space is used up. In an infinite space whose
    /// discrete part seems used up the last draw is given though it was tried.
    template <class Draw>
    std::optional<Point> free_from(Point point, Draw again) const {
      for (int i = 0; i < draws_max && contains(point); ++i)
        point = again();
      return walk(std::move(point));
    }

   private:
    static constexpr int draws_max =
        32;  // enough while a tenth of the space is free; then walking is cheap
    std::optional<Point> walk(Point point) const;

    const SeenPoints* seen_;
    std::unordered_set<std::uint64_t> running_;  // keys that are not among the ended ones
  };

  Taken with(std::span<const Trial> running) const { return Taken(*this, running); }
  const Space& space() const { return space_; }

 private:
  Space space_;
  using Key = std::optional<std::uint64_t>;  // nothing where the point is not discrete

  Key key_of(const Trial& trial) const;

  std::unordered_set<std::uint64_t> keys_;
  /// Of the trials that ran at the last question: to read their parameters is most of what a cheap tuner does.
  mutable std::unordered_map<Sequence, Key> running_keys_;
};

}  // namespace autotune
