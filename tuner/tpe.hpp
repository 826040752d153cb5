// Tree-structured Parzen estimator: searches where good trials are denser than the others.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tuner/kernel_mixture.hpp"
#include "tuner/liar.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/trial_order.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct TpeOptions {
  std::int64_t n_startup_jobs = 20;     ///< trials before the model is asked; >= 1
  std::int64_t n_ei_candidates = 24;    ///< draws that compete for a suggestion; >= 1
  std::int64_t linear_forgetting = 25;  ///< at most so many trials count as good; >= 1
  double gamma = 0.25;                  ///< gamma * sqrt(n) of n trials count as good; > 0
  double prior_weight = 1;              ///< weight of the prior beside the trials'; > 0
  Liar liar = Liar::worst;
  bool multivariate = true;  ///< joint densities; else one per parameter, each by itself
  std::size_t rest_max = 0;  ///< at most so many other trials make g; 0: as many as suits
  std::size_t goals = 1;     ///< >= 1
};

/// TPE (Bergstra et al. 2011) over all parameters at once. The best gamma * sqrt(n) trials make a
/// density l, the others a density g, each a mixture of product kernels (see KernelMixture); of the
/// draws from l the one with the greatest l / g is suggested.
///
/// What differs from NNI's, and why:
/// - l and g are joint densities instead of one per parameter, so that what belongs together stays
///   together; a fifth of a draw's coordinates come from another good trial.
/// - Kernels narrow with the number of trials, as simulated annealing's neighbourhood does
///   (hyperopt's anneal), instead of by the distances between trials: these stay wide in more than
///   a few dimensions.
/// - The first n_startup_jobs are a Latin hypercube (McKay et al. 1979) instead of independent
///   draws.
/// - Running trials take part in a copy of the ranking with the loss that `liar` says. NNI's `best`
///   makes every running trial a good one and so draws others to it; the default here is `worst`.
/// - Trials that failed are among the others, so that the search leaves what fails.
/// - Better good trials weigh more; the weights of others don't depend on their rank.
/// - randint is ordered; discrete points are never suggested twice; a finite space ends in
///   Exhausted.
///
/// An ask costs O(n_ei_candidates * components * dimensions) whatever the number of trials: g has
/// at most 100 components (50 without `multivariate`) besides running trials, half of them the next
/// best trials, the others spread evenly over the ranks. tell costs O(dimensions + log n).
class TpeTuner : public Tuner {
 public:
  TpeTuner(Space space, std::int64_t seed, TpeOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  /// Running trials count towards n_startup_jobs as in NNI, up to its half: many workers shall not
  /// start a model of two results.
  bool starting(std::size_t running) const;
  Bandwidths bandwidths() const;
  double crossover() const;
  std::vector<Point> points_of(std::span<const Trial> running) const;
  void fill(KernelMixture& good, KernelMixture& rest, const std::vector<Point>& running) const;
  Point propose(KernelMixture& good, KernelMixture& rest, const SeenPoints::Taken& taken,
                Rng& rng) const;
  Point propose_apart(const KernelMixture& good, const KernelMixture& rest, Rng& rng) const;
  const double* point(std::size_t trial) const { return &points_[trial * seen_.space().size()]; }

  std::int64_t seed_;
  TpeOptions options_;
  SeenPoints seen_;
  std::vector<double> points_;  // [trial with a value, or failed][dimension]
  TrialOrder order_;
};

}  // namespace autotune
