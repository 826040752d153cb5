// The normal distribution that CMA-ES moves: mean, step size, covariance, and how they learn.
#pragma once

#include <cstddef>
#include <vector>

namespace autotune {

/// Hansen 2016, "The CMA Evolution Strategy: A Tutorial", with its default constants (figure 6,
/// table 1; positive weights only). Above `full_max` coordinates the covariance stays diagonal and
/// learns faster (Ros, Hansen 2008, sep-CMA-ES), so that a step costs O(n) instead of O(n^2).
///
/// update() takes any points, not only draws of the present distribution: what comes late, or from
/// elsewhere, is shortened to a likely length (Hansen 2011, "Injecting External Solutions Into
/// CMA-ES").
class CmaDistribution {
 public:
  static constexpr std::size_t full_max = 100;

  CmaDistribution(std::vector<double> mean, double step, std::size_t population);

  std::size_t size() const { return mean_.size(); }
  std::size_t population() const { return population_; }
  const std::vector<double>& mean() const { return mean_; }
  /// The weights of the better half, best first; their sum is 1.
  const std::vector<double>& weights() const { return weights_; }
  /// The standard deviation of one coordinate.
  double deviation(std::size_t i) const;
  /// True where the search has come to its end: too narrow to matter, or numerically lost.
  bool spent() const;

  /// The point that standard normal draws `z` stand for; `stretch` multiplies each coordinate's
  /// distance from the mean.
  std::vector<double> point(const std::vector<double>& z, const std::vector<double>& stretch) const;
  /// One generation: points, best first, at least as many as there are weights.
  void update(const std::vector<std::vector<double>>& best_first,
              const std::vector<double>& stretch);

 private:
  bool full() const { return mean_.size() <= full_max; }
  void learn_covariance(const std::vector<std::vector<double>>& steps, double hsig);
  void decompose();
  /// C^(-1/2) v.
  std::vector<double> whitened(const std::vector<double>& v) const;

  std::size_t population_;
  std::vector<double> mean_;
  double step_;
  std::vector<double> weights_;
  double mu_eff_ = 1;
  double c_sigma_ = 0, d_sigma_ = 1, c_c_ = 0, c_1_ = 0, c_mu_ = 0, chi_ = 1;
  std::vector<double> path_sigma_, path_c_;
  std::vector<double> covariance_;  // [column][row], or the diagonal
  std::vector<double> basis_;       // eigenvectors by column; empty where diagonal
  std::vector<double> axes_;        // square roots of the eigenvalues
  std::size_t updates_ = 0;
  std::size_t decomposed_at_ = 0;  // update after which basis and axes were computed
};

}  // namespace autotune
