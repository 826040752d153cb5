// Bayesian optimisation with a Gaussian process.
#pragma once

#include <cstdint>
#include <vector>

#include "tuner/gp_model.hpp"
#include "tuner/gp_search.hpp"
#include "tuner/qmc.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct GpTunerOptions {
  Utility utility = Utility::expected_improvement;
  double kappa = 5;
  double xi = 0;
  Smoothness smoothness = Smoothness::five_halves;
  double noise_min = 1e-6;
  std::int64_t cold_start_num = 10;  ///< trials before the model is asked; >= 1
  SearchEffort effort;
};

/// Suggests the point that promises most by a Gaussian process (Mockus 1978; Snoek, Larochelle, Adams
/// 2012, "Practical Bayesian Optimization of Machine Learning Algorithms").
///
/// What differs from NNI's gp_tuner, and why:
/// - Inputs are scaled: the unit cube of the prior, so that log types are logarithmic; one length a
///   dimension instead of one for all; a length prior that suits many dimensions.
/// - Choices of any values (Hamming distance), normals, and nested spaces.
/// - The logarithm of the expected improvement by default, climbed from the best of a few hundred
///   candidates instead of from 250 of 100,000: the same maximum a thousand times cheaper.
/// - Two suggestions of three are searched only in a box around the best trial, of a width drawn anew
///   each time (a trust region as TuRBO's, Eriksson et al. 2019, without its state): expected
///   improvement alone went on to look at corners of the space when it should have refined.
/// - The start is a scrambled Sobol sequence instead of random points.
/// - Running trials are believed to reach the model's mean, so workers spread; nothing is tried twice.
/// - Outliers among losses are compressed, and failed trials count as bad ones (see GpModel).
/// - Cost is bounded: at most 1,000 trials make the model.
class GpTuner : public Tuner {
 public:
  GpTuner(Space space, std::int64_t seed, GpTunerOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  std::int64_t seed_;
  GpTunerOptions options_;
  SeenPoints seen_;
  GpModel model_;
  QmcTuner start_;
};

/// Whether the model waits for more results: running trials count towards the start, up to its
/// half.
bool still_starting(std::size_t told, std::size_t running, std::int64_t start);

/// The features of running trials.
std::vector<Features> features_of(const GpModel& model, std::span<const Trial> running);

/// The least loss that is known or believed.
double least_loss(const GpModel& model, const GaussianProcess& process,
                  const std::vector<Features>& running);

}  // namespace autotune
