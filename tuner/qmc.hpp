// Quasi-random search: points that fill the space more evenly than independent draws.
#pragma once

#include "tuner/seen_points.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// Trial n takes point n of the Sobol sequence (Sobol 1967; direction numbers of Joe, Kuo 2008),
/// scrambled after Owen 1995, coordinate by coordinate of the prior. NNI has nothing like it.
///
/// - Each further 128 parameters (a nested choice counts with all it opens) take the same 128
///   dimensions with the points in another order and another scrambling (Burley 2020, "Practical
///   Hash-based Owen Scrambling"), so that any number of parameters is covered, though evenly only
///   within each 128.
/// - Without scrambling the seed has no effect on the first 128 parameters, and the first point is the middle.
/// - A suggestion is a function of (seed, sequence) alone, but for discrete points that were tried
///   or run: these are drawn anew at random. A finite space ends in Exhausted.
class QmcTuner : public Tuner {
 public:
  QmcTuner(Space space, std::int64_t seed, bool scramble)
      : seed_(seed), scramble_(scramble), seen_(std::move(space)) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override { seen_.add(ended); }

 private:
  double coordinate(std::uint32_t index, std::size_t i) const;

  std::int64_t seed_;
  bool scramble_;
  SeenPoints seen_;
};

}  // namespace autotune
