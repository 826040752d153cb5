// Evolution: a new trial is a changed copy of the best of a few members of an ageing population.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tuner/seen_points.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// Regularised evolution (Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier
/// Architecture Search"; the tournament is that of Real et al. 2017, "Large-Scale Evolution of Image
/// Classifiers"). The population is the last `population_size` trials with a value: the oldest dies.
/// Each of two parents is the best of 16 drawn from it; the child takes three parameters of ten from
/// the second and changes one parameter, or two with half the odds, and so on.
///
/// What differs from NNI's, and why:
/// - NNI compares two and removes the worse; here the tournament is of 16 and age removes, so that
///   200 trials suffice, and one lucky value doesn't rule for ever.
/// - Evolution starts after 10 results (or population_size, where that is less), not after 32.
/// - Four numeric changes of five are a step nearby, the shorter the more trials there are; NNI's
///   always draw anew. A choice always changes; what a changed branch opens is drawn anew.
/// - Every ask is answered at once. NNI queues requests beyond its population and serves the queue
///   only while more than one waits, so that its last one waits for ever.
/// - A failed trial joins no population; NNI replaces it by a random one. Trials of another run
///   (warm start) join like others; NNI passes over them.
/// - Discrete points are never suggested twice; a finite space ends in Exhausted.
///
/// An ask costs O(dimensions), a tell too.
class EvolutionTuner : public Tuner {
 public:
  /// population_size >= 1.
  EvolutionTuner(Space space, std::int64_t seed, std::int64_t population_size)
      : seed_(seed),
        seen_(std::move(space)),
        population_max_(static_cast<std::size_t>(population_size)) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  struct Member {
    Point point;
    double loss;
  };

  const Member& tournament(Rng& rng) const;
  Point child(std::size_t running, Rng& rng) const;
  /// Changes one active parameter of the `active` ones.
  void mutate(Point& point, std::size_t active, Rng& rng) const;
  double changed(const Dimension& d, double u, Rng& rng) const;
  /// Draws what is active without a value, empties what is not active; gives how many are active.
  std::size_t mend(Point& point, Rng& rng) const;

  std::int64_t seed_;
  SeenPoints seen_;
  std::size_t population_max_;
  std::vector<Member> population_;
  std::size_t told_ = 0;  // with a value
};

}  // namespace autotune
