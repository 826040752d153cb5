// What a Gaussian process believes of a search space, kept up to date as trials are told.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tuner/gaussian_process.hpp"
#include "tuner/space.hpp"

namespace autotune {

/// One coordinate in [0, 1] a dimension, as the process sees it: of a discrete value its place
/// (not where in its cell a draw fell), of an unordered value its number, of normals the value
/// itself (four sigma each way) instead of its place in the distribution, of an inactive dimension
/// the middle.
using Features = std::vector<double>;

/// Told trials, their losses made fit for a Gaussian process, and the process itself.
///
/// - Losses above the median are compressed logarithmically, then all are standardised: a few terrible
///   trials shall not flatten what is between the good ones.
/// - A trial without a value stands with the worst loss, so that a region that fails isn't asked
///   forever.
/// - The scales are fitted at milestones, every 2^k trials at 16 * 2^k and at most every 64, from
///   at most 150 trials (and half of rows_max); the milestones at powers of two start from the prior and the others from
///   them. So everything is a function of the told trials in their order, and a rebuild costs two fits.
/// - At most rows_max trials take part, at each milestone the best and the newest, besides those
///   told since.
///
/// Not for use by two threads at once: what is computed on demand is kept.
class GpModel {
 public:
  GpModel(Space space, Smoothness smoothness, double noise_min, std::size_t rows_max = 1000);

  void add(const Point& point, std::optional<double> loss);
  /// Trials with a value.
  std::size_t values() const { return values_; }
  const Space& space() const { return space_; }

  Features features(const Point& point) const;
  Point point(const Features& features) const;

  /// The process, running trials as rows without a value. Valid until the next call. There must be
  /// a value.
  const GaussianProcess& process(const std::vector<Features>& running) const;
  /// Of the process's rows with a value, in the order of their coming: the features and the loss as
  /// the process knows it. Valid as the process is.
  const double* row(std::size_t i) const { return &features_[rows_[i] * space_.size()]; }
  const std::vector<double>& losses() const { return losses_; }
  /// Numbers of rows, the least losses first.
  std::vector<std::size_t> best_rows(std::size_t count) const;

 private:
  std::vector<std::size_t> rows_at(std::size_t told) const;
  std::vector<double> fit_for_process(const std::vector<std::size_t>& rows) const;
  KernelScales fitted(std::size_t told, KernelScales start, int evaluations) const;
  void rebuild(std::size_t milestone) const;

  Space space_;
  std::size_t rows_max_;
  KernelShape shape_;
  std::vector<double> features_;             // [trial][dimension]
  std::vector<std::optional<double>> told_;  // by trial
  std::size_t values_ = 0;

  // Functions of the above, computed on demand.
  mutable std::optional<GaussianProcess> process_;
  mutable std::size_t milestone_ = 0;
  mutable std::size_t rough_milestone_ = 0;
  mutable KernelScales rough_scales_;
  mutable std::vector<std::size_t> rows_;
  mutable std::vector<double> losses_;  // by row
};

}  // namespace autotune
