// A density over a space's unit cube: one kernel around each of some points, and the prior.
#pragma once

#include <cstddef>
#include <vector>

#include "tuner/space.hpp"

namespace autotune {

/// How wide kernels are.
struct Bandwidths {
  std::vector<double> numeric;  ///< a dimension's standard deviation; unused for unordered ones
  double category_prior = 0;    ///< pseudo-count spread over all values of an unordered dimension
};

/// A mixture of product kernels: truncated normals on ordered dimensions, the kept value or any
/// other on unordered ones. Where a component's own trial did not have a dimension that the point
/// has, the prior stands in, so a mixture covers conditional spaces.
class KernelMixture {
 public:
  /// `space` must outlive the mixture.
  KernelMixture(const Space& space, const Bandwidths& bandwidths, double prior_weight);

  /// Adds a component around `point`, one coordinate a dimension. All must be added before what
  /// follows is called.
  void add(const double* point, double weight);
  /// Computes what depends on the number of components.
  void close();

  /// Natural logarithm of the density at `point`.
  double log_density(const Point& point);
  /// A draw: around one component, each dimension with chance `crossover` around another one's
  /// coordinate.
  Point draw(Rng& rng, double crossover) const;

  /// The same of one dimension alone, at a coordinate of it.
  double log_density_along(std::size_t i, double coordinate) const;
  /// A coordinate of one dimension alone, around any component's.
  double draw_along(std::size_t i, Rng& rng) const { return draw_coordinate(i, pick(rng), rng); }

 private:
  /// What the components have of one dimension.
  struct Column {
    std::vector<double> centres;  ///< a level for unordered ones; NaN where inactive
    std::vector<double> heights;  ///< logarithm of a normal's top, truncation included
    bool partial = false;         ///< whether a centre is NaN
    double log_same = 0;          ///< of unordered ones: at the component's own value
    double log_other = 0;         ///< of unordered ones: at any other value
    double log_prior = 0;
  };

  std::ptrdiff_t pick(Rng& rng) const;
  double draw_coordinate(std::size_t i, std::ptrdiff_t component, Rng& rng) const;
  void add_logs(std::size_t i, double coordinate);

  const Space* space_;
  const Bandwidths* bandwidths_;
  double prior_weight_;
  double total_weight_;
  std::vector<double> weights_;
  std::vector<double> log_weights_;
  std::vector<Column> columns_;  // by dimension
  std::vector<double> terms_;    // scratch of log_density
};

}  // namespace autotune
