// Where a Gaussian process promises most.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "tuner/gp_model.hpp"
#include "tuner/seen_points.hpp"

namespace autotune {

enum class Utility { expected_improvement, confidence_bound, improvement_chance };

/// What a belief is worth; more is better.
struct Acquisition {
  Utility utility = Utility::expected_improvement;
  double kappa = 5;  ///< deviations, of the confidence bound
  double xi = 0;     ///< what counts as an improvement, of the loss as the process knows it
  double best = 0;   ///< least loss so far, likewise

  /// Logarithms where values can be tiny (Ament et al. 2023, "Unexpected Improvements to Expected
  /// Improvement"), so that there is a slope to follow far from what was tried.
  double score(const Belief& belief) const;
  /// The score's derivatives by mean and deviation.
  Belief slope(const Belief& belief) const;
};

struct SearchEffort {
  std::size_t candidates_max = 400;  ///< half of them drawn from the space, half near good trials
  std::size_t starts_max = 3;        ///< so many of the best are improved further
};

/// A box of features; unordered dimensions are free.
struct Region {
  Features low, high;
};

/// A box around the best row, of about `width` of the space each way, longer where the process
/// changes slowly (Eriksson et al. 2019, "Scalable Global Optimization via Local Bayesian
/// Optimization").
Region region_around_best(const GpModel& model, const GaussianProcess& process, double width);

/// Finds the point with the best score: candidates from the prior and around the best trials, then from
/// the best of these L-BFGS over continuous coordinates in turns with steps to neighbouring
/// values of the discrete ones. Fewer candidates and starts where the process has many rows: an ask
/// costs O(rows^2 * candidates), and candidates shrink with rows^2 down to a floor.
class GpSearch {
 public:
  GpSearch(const GpModel& model, const GaussianProcess& process, const Acquisition& acquisition,
           SearchEffort effort, std::optional<Region> region = std::nullopt);

  /// Nothing where a finite space is used up.
  std::optional<Point> best_point(const SeenPoints::Taken& taken, Rng& rng) const;

 private:
  struct Scored {
    Features features;
    double score;
  };

  Features canonical(Features features) const;
  Features drawn(Rng& rng) const;
  Features near(const std::vector<std::size_t>& best, Rng& rng) const;
  std::vector<Scored> scored(std::vector<Features> candidates) const;
  void climb(Scored& from, int evaluations) const;
  bool step(Scored& from, Rng& rng) const;
  Features clamped(Features features) const;

  const GpModel* model_;
  const GaussianProcess* process_;
  Acquisition acquisition_;
  SearchEffort effort_;
  std::optional<Region> region_;
};

}  // namespace autotune
