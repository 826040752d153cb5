// Ends trials whose best intermediate result is worse than what finished trials had on average at
// that step.
#pragma once

#include <cstdint>
#include <vector>

#include "tuner/assessor.hpp"

namespace autotune {

/// The median stopping rule (Golovin et al. 2017, Vizier, 3.2.2), as NNI decides it: at its s-th
/// intermediate result a trial is stopped where its best so far is strictly worse than the median,
/// over succeeded trials with at least s results, of their running average of the first s. With an
/// even number the more lenient of the two middle ones counts. Below `start_step` results, or
/// without such trials, nothing is stopped. Early-stopped and failed trials are no yardstick.
///
/// Averages are kept sorted per step: assess costs the trial's own length, tell O(s log n) and a
/// move of memory.
class MedianStop : public Assessor {
 public:
  explicit MedianStop(std::int64_t start_step) : start_step_(start_step) {}

  std::optional<std::string> assess(const Trial& running) override;
  void tell(const Trial& ended) override;

 private:
  std::int64_t start_step_;
  std::vector<std::vector<double>>
      averages_;  // [s - 1]: running averages of the first s results, ascending
};

}  // namespace autotune
