// How far a tuner with a fixed list of suggestions has come, read from its trials.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <span>
#include <string>

#include "messages/trial.hpp"

namespace autotune {

/// Counts places of a list from the trials that the tuner itself proposed: each carries its place
/// as lineage, and the next place is one past the furthest. Trials without a lineage (told by an
/// embedder that drops it) count as one place each.
class Places {
 public:
  void tell(const Trial& ended) { note(ended, own_, next_); }

  /// The first place that is neither among the told ones nor running.
  std::uint64_t next(std::span<const Trial> running) const {
    auto own = own_;
    auto next = next_;
    for (const auto& trial : running)
      note(trial, own, next);
    return std::max(own, next);
  }

 private:
  static void note(const Trial& trial, std::uint64_t& own, std::uint64_t& next) {
    if (!trial.own)
      return;
    ++own;
    std::uint64_t place = 0;
    const auto& text = trial.lineage;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), place);
    if (code == std::errc{} && end == text.data() + text.size())
      next = std::max(next, place + 1);
  }

  std::uint64_t own_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace autotune
