// Annealing: a new trial lies near one of the best, and nearer the more trials there are.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tuner/liar.hpp"
#include "tuner/ranking.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct AnnealOptions {
  /// What running trials are taken to have reached; none: they only keep points from being repeated.
  Liar liar = Liar::none;
};

/// hyperopt's annealing (Bergstra, Yamins, Cox 2013, "Making a Science of Model Search"; Bergstra,
/// Komer, Eliasmith, Yamins, Cox 2015, "Hyperopt"). One of the best trials is chosen, the best with
/// the greatest odds (geometric, mean rank 1.5); each parameter is drawn from the prior restricted to
/// a neighbourhood of that trial's value, of width 1 / (1 + 0.1 T) of the whole where T trials had
/// this parameter: a window for the uniform family, a normal of so much of sigma for the normal
/// one; a choice keeps its value but for a draw from the prior with that probability.
///
/// What differs from NNI's (which wraps hyperopt), and why:
/// - Four parameters of ten take their place from a trial of their own choice, so that good values
///   of different trials meet; hyperopt's takes all from one, of mean rank 2.
/// - The window of an ordered discrete parameter always reaches its neighbouring levels; hyperopt's
///   shrinks within one level and then repeats it.
/// - Where the chosen trial lacks a parameter (its branch wasn't chosen), the best trial that has
///   it stands in.
/// - Seeded; a suggestion is a function of what was told, whatever was asked meanwhile.
/// - Discrete points are never suggested twice, running ones included (NNI tries one random draw
///   after a duplicate); a finite space ends in Exhausted.
///
/// An ask costs O(dimensions), a tell O(dimensions + log n).
class AnnealTuner : public Tuner {
 public:
  AnnealTuner(Space space, std::int64_t seed, AnnealOptions options)
      : seed_(seed), options_(options), seen_(std::move(space)), active_(seen_.space().size()) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  std::vector<Point> points_of(std::span<const Trial> running) const;
  const double* centre(const std::vector<Point>& running, Rng& rng) const;
  /// The value of dimension i in the best trial that has it, among the first few; inactive where
  /// none has.
  double stand_in(std::size_t i) const;
  Point propose(const std::vector<Point>& running, Rng& rng) const;
  const double* ranked(std::size_t rank) const;

  std::int64_t seed_;
  AnnealOptions options_;
  SeenPoints seen_;
  std::vector<double> points_;         // [trial with a value][dimension]
  std::vector<std::uint32_t> active_;  // how many of them have this dimension
  Ranking ranking_;
  double loss_sum_ = 0;
};

}  // namespace autotune
