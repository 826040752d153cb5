// Random search: each suggestion is a draw from the space's prior.
#pragma once

#include "tuner/seen_points.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// Independent draws from the prior (Bergstra, Bengio 2012), without repetition where the space is
/// discrete: after a duplicate it draws again, and in a nearly used-up space walks on to the next
/// free point. Exhausted once every point of a finite space was tried or runs. (NNI falls back to a
/// grid there.)
class RandomTuner : public Tuner {
 public:
  RandomTuner(Space space, std::int64_t seed) : seed_(seed), seen_(std::move(space)) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  std::int64_t seed_;
  SeenPoints seen_;
};

}  // namespace autotune
