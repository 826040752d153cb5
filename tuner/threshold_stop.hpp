// Ends trials by bounds that the user states.
#pragma once

#include <cstdint>
#include <limits>

#include "tuner/assessor.hpp"

namespace autotune {

struct ThresholdOptions {
  std::int64_t start_step = 1;  ///< a trial with fewer intermediate results is never stopped
  double bound = std::numeric_limits<double>::infinity();  ///< the worst loss that goes on
  /// By so much a trial's newest loss may be worse than its own best.
  double divergence = std::numeric_limits<double>::infinity();
};

/// Two rules of plain numbers, ours: from its start_step-th intermediate result on, a trial is
/// stopped where its best so far is worse than `bound` (a hope that did not come true), or where its
/// newest is worse than its own best by more than `divergence` (it has run away). Results that are
/// no finite numbers never reach an assessor, so they end nothing. Needs no other trial.
class ThresholdStop : public Assessor {
 public:
  explicit ThresholdStop(ThresholdOptions options) : options_(options) {}

  std::optional<std::string> assess(const Trial& running) override;
  void tell(const Trial&) override {}

 private:
  ThresholdOptions options_;
};

}  // namespace autotune
