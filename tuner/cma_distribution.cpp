#include "tuner/cma_distribution.hpp"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>

namespace autotune {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using Map = Eigen::Map<VectorXd>;
using ConstMap = Eigen::Map<const VectorXd>;

constexpr double narrow = 1e-5;        // of the unit interval: finer differences don't matter
constexpr double condition_max = 1e7;  // ratio of the longest to the shortest axis
constexpr double eigenvalue_min = 1e-20;
constexpr double step_max = 1;  // of the unit interval

ConstMap map(const std::vector<double>& v) {
  return ConstMap(v.data(), static_cast<Eigen::Index>(v.size()));
}

Map map(std::vector<double>& v) { return Map(v.data(), static_cast<Eigen::Index>(v.size())); }

}  // namespace

CmaDistribution::CmaDistribution(std::vector<double> mean, double step, std::size_t population)
    : population_(population), mean_(std::move(mean)), step_(step) {
  auto n = static_cast<double>(mean_.size());
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 1; i <= std::max<std::size_t>(1, population_ / 2); ++i) {
    double w =
        std::log((static_cast<double>(population_) + 1) / 2) - std::log(static_cast<double>(i));
    weights_.push_back(std::max(w, 1e-3));
    sum += weights_.back();
  }
  for (auto& w : weights_) {
    w /= sum;
    squares += w * w;
  }
  mu_eff_ = 1 / squares;
  c_sigma_ = (mu_eff_ + 2) / (n + mu_eff_ + 5);
  d_sigma_ = 1 + 2 * std::max(0.0, std::sqrt((mu_eff_ - 1) / (n + 1)) - 1) + c_sigma_;
  c_c_ = (4 + mu_eff_ / n) / (n + 4 + 2 * mu_eff_ / n);
  c_1_ = 2 / ((n + 1.3) * (n + 1.3) + mu_eff_);
  c_mu_ = 2 * (0.25 + mu_eff_ + 1 / mu_eff_ - 2) / ((n + 2) * (n + 2) + mu_eff_);
  double faster = full() ? 1 : (n + 2) / 3;
  c_1_ = std::min(1.0, c_1_ * faster);
  c_mu_ = std::min(1 - c_1_, c_mu_ * faster);
  chi_ = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
  path_sigma_.assign(mean_.size(), 0);
  path_c_.assign(mean_.size(), 0);
  axes_.assign(mean_.size(), 1);
  covariance_.assign(full() ? mean_.size() * mean_.size() : mean_.size(), 0);
  for (std::size_t i = 0; i < mean_.size(); ++i)
    covariance_[full() ? i * mean_.size() + i : i] = 1;
  if (full())
    basis_ = covariance_;
}

double CmaDistribution::deviation(std::size_t i) const {
  return step_ * std::sqrt(std::max(covariance_[full() ? i * size() + i : i], eigenvalue_min));
}

bool CmaDistribution::spent() const {
  auto [least, most] = std::minmax_element(axes_.begin(), axes_.end());
  return size() == 0 || step_ * *most < narrow || *most > condition_max * *least;
}

std::vector<double> CmaDistribution::point(const std::vector<double>& z,
                                           const std::vector<double>& stretch) const {
  VectorXd y = map(axes_).cwiseProduct(map(z));
  if (full() && size() > 0)
    y = Eigen::Map<const MatrixXd>(basis_.data(), y.size(), y.size()) * y;
  std::vector<double> x(size());
  map(x) = map(mean_) + step_ * map(stretch).cwiseProduct(y);
  return x;
}

std::vector<double> CmaDistribution::whitened(const std::vector<double>& v) const {
  std::vector<double> result(size());
  if (!full()) {
    map(result) = map(v).cwiseQuotient(map(axes_));
    return result;
  }
  auto n = static_cast<Eigen::Index>(size());
  Eigen::Map<const MatrixXd> basis(basis_.data(), n, n);
  VectorXd along = (basis.transpose() * map(v)).cwiseQuotient(map(axes_));
  map(result) = basis * along;
  return result;
}

void CmaDistribution::update(const std::vector<std::vector<double>>& best_first,
                             const std::vector<double>& stretch) {
  if (size() == 0)
    return;
  auto n = static_cast<double>(size());
  double length_max = std::sqrt(n) + 2 * n / (n + 2);
  std::vector<std::vector<double>> steps;
  std::vector<double> mean_step(size(), 0.0);
  std::vector<double> moved(size(), 0.0);
  for (std::size_t k = 0; k < weights_.size(); ++k) {
    std::vector<double> y(size());
    map(y) = (map(best_first[k]) - map(mean_)).cwiseQuotient(map(stretch)) / step_;
    double length = map(whitened(y)).norm();
    if (length > length_max)
      map(y) *= length_max / length;
    map(mean_step) += weights_[k] * map(y);
    steps.push_back(std::move(y));
  }
  map(moved) = step_ * map(mean_step).cwiseProduct(map(stretch));
  map(mean_) = (map(mean_) + map(moved)).cwiseMax(0.0).cwiseMin(1.0);

  map(path_sigma_) = (1 - c_sigma_) * map(path_sigma_) +
                     std::sqrt(c_sigma_ * (2 - c_sigma_) * mu_eff_) * map(whitened(mean_step));
  ++updates_;
  double norm = map(path_sigma_).norm();
  double seen = 1 - std::pow(1 - c_sigma_, 2 * static_cast<double>(updates_));
  double hsig = norm / std::sqrt(seen) < (1.4 + 2 / (n + 1)) * chi_ ? 1 : 0;
  map(path_c_) =
      (1 - c_c_) * map(path_c_) + hsig * std::sqrt(c_c_ * (2 - c_c_) * mu_eff_) * map(mean_step);
  learn_covariance(steps, hsig);
  step_ =
      std::min(step_max, step_ * std::exp(std::min(1.0, c_sigma_ / d_sigma_ * (norm / chi_ - 1))));
  // Hansen 2016, appendix B.2: the decomposition may lag, so that it costs O(n^2) a trial.
  double lag = 1 / (10 * n * (c_1_ + c_mu_));
  if (!full() || static_cast<double>(updates_ - decomposed_at_) >= lag)
    decompose();
}

void CmaDistribution::learn_covariance(const std::vector<std::vector<double>>& steps, double hsig) {
  double kept = 1 - c_1_ - c_mu_ + (1 - hsig) * c_1_ * c_c_ * (2 - c_c_);
  if (!full()) {
    map(covariance_) *= kept;
    map(covariance_) += c_1_ * map(path_c_).cwiseAbs2();
    for (std::size_t k = 0; k < steps.size(); ++k)
      map(covariance_) += c_mu_ * weights_[k] * map(steps[k]).cwiseAbs2();
    return;
  }
  auto n = static_cast<Eigen::Index>(size());
  Eigen::Map<MatrixXd> c(covariance_.data(), n, n);
  c *= kept;
  c += c_1_ * map(path_c_) * map(path_c_).transpose();
  for (std::size_t k = 0; k < steps.size(); ++k)
    c += c_mu_ * weights_[k] * map(steps[k]) * map(steps[k]).transpose();
}

void CmaDistribution::decompose() {
  decomposed_at_ = updates_;
  if (!full()) {
    map(axes_) = map(covariance_).cwiseMax(eigenvalue_min).cwiseSqrt();
    return;
  }
  auto n = static_cast<Eigen::Index>(size());
  Eigen::SelfAdjointEigenSolver<MatrixXd> solver(Eigen::Map<MatrixXd>(covariance_.data(), n, n));
  map(axes_) = solver.eigenvalues().cwiseMax(eigenvalue_min).cwiseSqrt();
  Eigen::Map<MatrixXd>(basis_.data(), n, n) = solver.eigenvectors();
}

}  // namespace autotune
