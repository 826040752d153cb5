// A Gaussian process: what is believed of a function between the points where it is known.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace autotune {

/// nu of the Matern kernel: 0.5, 1.5, 2.5.
enum class Smoothness { half, three_halves, five_halves };

struct KernelShape {
  Smoothness smoothness = Smoothness::five_halves;
  std::vector<bool> unordered;  ///< by dimension: two values are equal, or 1 apart (Hamming)
  double noise_min = 1e-6;      ///< least variance of the noise, the signal's being 1
};

/// The kernel's settings, as logarithms.
struct KernelScales {
  std::vector<double> log_lengths;  ///< one a dimension
  double log_noise = -7;            ///< variance of the noise, the signal's being 1
};

/// The middle of the prior: lengths that grow with the square root of the number of dimensions
/// (Hvarfner, Hellsten, Nardi 2024, "Vanilla Bayesian Optimization Performs Great in High
/// Dimensions").
KernelScales usual_scales(const KernelShape& shape);

/// The scales of greatest posterior density: L-BFGS from `start`. The signal's variance is integrated out
/// under an inverse gamma prior around 1. `values` should have mean 0 and variance 1. Costs
/// O(n^3) an evaluation.
KernelScales fitted_scales(const KernelShape& shape, const std::vector<const double*>& points,
                           const std::vector<double>& values, KernelScales start, int evaluations);

struct Belief {
  double mean = 0;
  double deviation = 1;  ///< of the function, without noise
};

/// Rasmussen, Williams 2006, algorithm 2.1, with a factor that grows by a row at a time. Points are
/// rows of one coordinate a dimension. Rows past the values that `observe` gave are believed to
/// have the mean: they lower the deviation and leave the mean as it is (kriging believer, Ginsbourger
/// et al. 2010). The same calls in the same order give the same bits.
class GaussianProcess {
 public:
  /// Room for `capacity` rows. Costs O(rows^3).
  GaussianProcess(const KernelShape& shape, const KernelScales& scales,
                  const std::vector<const double*>& points, std::size_t capacity);
  GaussianProcess(GaussianProcess&&) noexcept;
  GaussianProcess& operator=(GaussianProcess&&) noexcept;
  ~GaussianProcess();

  std::size_t size() const;
  std::size_t capacity() const;
  /// Appends a row: O(rows^2).
  void add(const double* point);
  /// Forgets the newest rows.
  void shrink(std::size_t rows);
  /// The values of the first rows: O(rows^2).
  void observe(const std::vector<double>& values);

  /// O(rows^2). Gradients have one number a dimension (0 on unordered ones), or are null.
  Belief at(const double* point, double* mean_gradient, double* deviation_gradient) const;
  Belief at(const double* point) const { return at(point, nullptr, nullptr); }
  /// The same for many points, faster.
  std::vector<Belief> at_all(const std::vector<std::vector<double>>& points) const;
  /// The covariance of the function between two points, given all rows.
  double covariance(const double* a, const double* b) const;
  /// Of each value, how many deviations (noise included) it is above what the process would believe
  /// without it (Rasmussen, Williams 2006, section 5.4.2). O(rows^3).
  std::vector<double> surprises() const;
  /// The distance to the nearest row, by the coordinate that differs most.
  double nearest(const double* point) const;
  const KernelScales& scales() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace autotune
