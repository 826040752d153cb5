// CMA-ES: an evolution strategy that learns the shape of the region where good trials lie.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tuner/cma_distribution.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct CmaEsOptions {
  std::int64_t population_size = 0;  ///< of the first run; 0: 4 + 3 ln(dimensions)
  double sigma = 0.17;               ///< first step size, of the unit interval; > 0
  double restart_factor = 2;         ///< a restart's population is so many times larger; >= 1
  bool from_best = true;             ///< start at the best of others' trials, else in the middle
};

/// CMA-ES (Hansen 2016, "The CMA Evolution Strategy: A Tutorial") on the unit cube.
///
/// What differs, and why:
/// - Asynchronous: a generation is the next `population` told trials, whichever distribution they
///   were drawn from (late ones are injected, Hansen 2011), so no worker waits for another. Equal
///   losses rank by sequence number. Failed trials rank last and don't pull.
/// - Outside the cube coordinates are mirrored at the bounds.
/// - Ordered discrete dimensions take the cell that the coordinate falls into. A dimension's
///   deviation is stretched so that the neighbouring cell keeps a chance of 1 / (dimensions *
///   population): the purpose of the margin of Hamano et al. 2022, "CMA-ES with Margin", by the
///   stretch alone (theirs also moves the mean).
/// - Unordered dimensions have one probability a value, which a generation's good trials pull, with
///   a floor: the categorical part of Hamano et al. 2024, "CatCMA", with a constant rate.
/// - All dimensions of a nested space are drawn and those of branches that weren't chosen are dropped; a
///   trial that lacks a dimension does not pull along it.
/// - Restarts with a larger population from a random mean when a run is spent (Auger, Hansen 2005,
///   IPOP), which is when its widest axis is below 1e-5 or when several generations bring nothing.
/// - Trials of others (a warm start) before the first own result: the best is the first mean.
///
/// A suggestion costs O(dimensions^2), a generation O(dimensions^3) at most; above 100 ordered
/// dimensions the covariance is diagonal.
class CmaEsTuner : public Tuner {
 public:
  CmaEsTuner(Space space, std::int64_t seed, CmaEsOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  struct Told {
    Sequence sequence;
    std::optional<double> loss;
    Point point;
  };

  Point draw(Rng& rng) const;
  std::size_t draw_level(const std::vector<double>& chances, Rng& rng) const;
  std::vector<double> ordered_part(const Told& told) const;
  void start(std::vector<double> mean, std::size_t population);
  void restart();
  void finish_generation();
  void pull_chances(const std::vector<Told>& best_first);
  void stretch();

  std::int64_t seed_;
  CmaEsOptions options_;
  SeenPoints seen_;
  std::vector<std::size_t> ordered_;    // dimensions that the normal distribution covers
  std::vector<std::size_t> unordered_;  // dimensions with a probability a value
  CmaDistribution normal_;
  std::vector<double> stretch_;               // by place in ordered_
  std::vector<std::vector<double>> chances_;  // [place in unordered_][level]
  std::vector<Told> generation_;
  std::int64_t restarts_ = 0;
  bool own_results_ = false;
  std::optional<double> guest_best_;  // of others' trials
  double run_best_;                   // least loss of this run
  std::size_t stale_ = 0;             // generations of this run since it fell
};

}  // namespace autotune
