// The default tuner: chooses the method for each suggestion.
#pragma once

#include <cstdint>

#include "tuner/gp_tuner.hpp"
#include "tuner/tpe.hpp"

namespace autotune {

/// Chooses between a Gaussian process and TPE by the space and by how much is known.
///
/// - Up to `trials_max` results, and up to `dimensions_max` dimensions none of which depends on
///   another: most suggestions are the Gaussian process's (GpTuner), which learns most from few
///   trials; every `tpe_every`-th is TPE's, which gets out of valleys that the process stays in.
/// - Otherwise TPE, whose suggestions cost the same however many trials there are.
///
/// Both are told everything, so either goes on from all that is known. The start is the Gaussian
/// process's (a scrambled Sobol sequence) or TPE's (a Latin hypercube).
class AutoTuner : public Tuner {
 public:
  AutoTuner(const Space& space, std::int64_t seed);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  GpTuner process_;
  TpeTuner tpe_;
  bool suits_process_;
  std::size_t results_ = 0;
};

}  // namespace autotune
