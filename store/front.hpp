// The trials that no other beats, as the front of several goals or the best of one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/ids.hpp"
#include "messages/objective.hpp"
#include "messages/trial.pb.h"

namespace autotune {

struct Front {
  /// By the first goal, the best first, then by the others and in order of sequence. With one goal: its best trial, the first of equals.
  std::vector<Sequence> trials;
  /// Where finished trials all break a constraint: the one that does so least.
  std::optional<Sequence> nearest;
};

/// Gathers results, then finds the front. Only trials that succeeded with finite values of all goals count.
class FrontFinder {
 public:
  explicit FrontFinder(Objective objective) : objective_(std::move(objective)) {}

  void add(Sequence sequence, pb::TrialState state, const Metrics& final_metrics);
  /// O(n log n) with up to two goals, else O(n * front).
  Front find() const;

 private:
  Objective objective_;
  std::vector<Sequence> sequences_;
  std::vector<Standing> standings_;
};

/// The front of all trials of an experiment.
Front front_of(const Objective& objective, const std::vector<pb::TrialSummary>& trials);

}  // namespace autotune
