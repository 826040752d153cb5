// Ends a trial that, at a rung, is not among the best of those that came that far.
#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <vector>

#include "tuner/assessor.hpp"

namespace autotune {

/// Successive halving as a stopping rule (Li et al. 2020, section 3.3; the "stopping" variant of
/// Ray Tune and Syne Tune): the rungs are at the min_steps-th intermediate result, eta times as many,
/// and so on. A trial that arrives at a rung goes on where its best so far is among the best 1/eta of
/// all that have arrived there (the best always does), itself and running trials included; else it
/// is stopped. Unlike the advisor it never runs a trial again, and it stops no trial between rungs.
/// What a trial reported counts no more once it has failed: nobody should be measured by a crash.
///
/// assess and tell cost O(log n) a rung.
class AshaStop : public Assessor {
 public:
  AshaStop(std::int64_t min_steps, std::int64_t eta) : min_steps_(min_steps), eta_(eta) {}

  std::optional<std::string> assess(const Trial& running) override;
  void tell(const Trial& ended) override;

 private:
  struct Rung {
    std::unordered_map<Sequence, double> loss_of;
    std::set<std::pair<double, Sequence>> best;  // floor(n / eta) of them, at least one
    std::set<std::pair<double, Sequence>> rest;
  };

  /// Notes the trial in every rung that it has come to; the number of the rung it has just come to,
  /// or -1.
  std::ptrdiff_t note(const Trial& trial);
  void put(Rung& rung, Sequence sequence, double loss) const;
  void forget(Sequence sequence);
  void balance(Rung& rung) const;

  std::int64_t min_steps_;
  std::int64_t eta_;
  std::vector<Rung> rungs_;
};

}  // namespace autotune
