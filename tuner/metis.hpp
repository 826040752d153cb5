// Metis: a Gaussian process, and several candidates of which the most informative is tried.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tuner/gp_model.hpp"
#include "tuner/gp_search.hpp"
#include "tuner/qmc.hpp"
#include "tuner/tpe.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct MetisOptions {
  bool resampling = false;           ///< whether a point may be tried again
  bool candidates = true;            ///< false: always the model's optimum
  std::int64_t cold_start_num = 10;  ///< trials before the model is asked; >= 1
  double exploration_probability = 0.9;
  SearchEffort effort;
};

/// Metis (Li, Liang, He, Zhang, Zhang, Lin 2018, "Metis: Robustly Optimizing Tail Latencies of
/// Cloud Systems", USENIX ATC, section 4). Candidates are the model's optimum, what is most uncertain
/// and what promises most, each in the whole space and near the best trial, and a draw from a Parzen
/// estimator of good trials. The one whose outcome, 1.96 deviations up or down, lowers the model's
/// optimum most is tried; with 1 - `exploration_probability` the optimum itself. Where `resampling`
/// allows it, a trial whose value the others contradict is tried again first.
///
/// What differs from NNI's metis_tuner, and why:
/// - Running trials take part (kriging believer); NNI doesn't know them.
/// - All plain types and nested spaces; NNI takes numbers only.
/// - The model is GpModel's (one length a dimension, fitted noise) and is searched by climbing.
/// - Trials of one point are averaged by the model's noise; NNI takes their median.
class MetisTuner : public Tuner {
 public:
  MetisTuner(Space space, std::int64_t seed, MetisOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  std::vector<Point> candidates(const GaussianProcess& process, const Point& optimum,
                                const SeenPoints::Taken& taken, Rng& rng) const;
  std::optional<Point> doubtful(const GaussianProcess& process,
                                const std::vector<Features>& running) const;
  const Point& most_informative(const GaussianProcess& process,
                                const std::vector<Point>& from) const;

  std::int64_t seed_;
  MetisOptions options_;
  SeenPoints seen_;
  GpModel model_;
  QmcTuner start_;
  TpeTuner mixture_;
};

}  // namespace autotune
