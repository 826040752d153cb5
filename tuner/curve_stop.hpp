// Ends trials whose learning curve is not expected to reach what another trial reached.
#pragma once

#include <cstdint>
#include <optional>

#include "tuner/assessor.hpp"

namespace autotune {

struct CurveStopOptions {
  std::int64_t epoch_num = 20;  ///< so many intermediate results a whole trial has; >= 1
  std::int64_t start_step = 6;  ///< a trial with fewer is never stopped
  double threshold = 0.95;      ///< the part of the best result that a trial must be on its way to
  std::int64_t gap = 1;         ///< looks at every gap-th result; >= 1
};

/// Curve fitting (Domhan, Springenberg, Hutter 2015, Speeding Up Automatic Hyperparameter
/// Optimization of Deep Neural Networks by Extrapolation of Learning Curves) with NNI's arguments:
/// from its start_step-th intermediate result on, at every gap-th one, a trial's curve is
/// extrapolated to epoch_num (see extrapolate); it is stopped where that is no better than the best
/// succeeded trial's result, given away by 1 - threshold of its size.
///
/// What differs from NNI's, and why:
/// - The best is that of a succeeded trial: its final value, or its last intermediate one. NNI takes
///   the last value of whichever trial it assessed last.
/// - Minimising works, and so do negative values: the allowance is (1 - threshold) |best| to the
///   worse side, for a positive metric that is maximised threshold * best as in NNI.
/// - Weights of the families are Akaike's instead of twenty steps of a Markov chain over ten
///   samples, so the same curve has the same answer, in milliseconds instead of seconds.
/// - Nothing is carried from trial to trial, and a curve that no family fits never ends anything.
class CurveStop : public Assessor {
 public:
  explicit CurveStop(CurveStopOptions options) : options_(options) {}

  std::optional<std::string> assess(const Trial& running) override;
  void tell(const Trial& ended) override;

 private:
  CurveStopOptions options_;
  std::optional<double> best_;  // loss of a succeeded trial
};

}  // namespace autotune
