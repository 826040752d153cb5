#include "tuner/gaussian_process.hpp"

#include <Eigen/Dense>

#include <cmath>

#include "tuner/lbfgs.hpp"

namespace autotune {

namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double length_log_sigma = 1.3;  // spread of the prior on a length
constexpr double noise_log_mean = -9;     // trials of one setting differ little, or much
constexpr double noise_log_sigma = 1.5;
constexpr double variance_weight = 4;  // of the prior on the signal's variance, in trials
constexpr double deviation_min = 1e-7;

double length_log_mean(std::size_t dimensions) {
  return -0.6 + 0.5 * std::log(static_cast<double>(dimensions));
}

/// k(r) from squared distances.
ArrayXd kernel_of(Smoothness s, const ArrayXd& squared) {
  ArrayXd r = squared.sqrt();
  switch (s) {
    case Smoothness::half: return (-r).exp();
    case Smoothness::three_halves: return (1 + std::sqrt(3.0) * r) * (-std::sqrt(3.0) * r).exp();
    case Smoothness::five_halves: break;
  }
  return (1 + std::sqrt(5.0) * r + 5.0 / 3 * squared) * (-std::sqrt(5.0) * r).exp();
}

/// dk / d(r^2).
ArrayXd slope_of(Smoothness s, const ArrayXd& squared) {
  ArrayXd r = squared.sqrt();
  switch (s) {
    case Smoothness::half: return -0.5 * (-r).exp() / r.max(1e-6);
    case Smoothness::three_halves: return -1.5 * (-std::sqrt(3.0) * r).exp();
    case Smoothness::five_halves: break;
  }
  return -5.0 / 6 * (1 + std::sqrt(5.0) * r) * (-std::sqrt(5.0) * r).exp();
}

/// The squared distance along one dimension from each of some coordinates.
template <class Coordinates>
ArrayXd squared_along(bool unordered, const Coordinates& from, double to) {
  if (unordered)
    return (from != to).template cast<double>();
  return (from - to).square();
}

MatrixXd matrix_of(const std::vector<const double*>& points, std::size_t dimensions,
                   std::size_t rows) {
  MatrixXd x(static_cast<Index>(rows), static_cast<Index>(dimensions));
  for (std::size_t i = 0; i < points.size(); ++i)
    x.row(static_cast<Index>(i)) =
        Eigen::Map<const Eigen::RowVectorXd>(points[i], static_cast<Index>(dimensions));
  return x;
}

/// Negative logarithm of the posterior density of scales.
struct Posterior {
  const KernelShape& shape;
  MatrixXd x;
  VectorXd y;

  double operator()(const VectorXd& theta, VectorXd& gradient) const {
    auto n = x.rows();
    auto dims = x.cols();
    ArrayXd weights = (-2 * theta.head(dims).array()).exp();
    double noise = std::exp(theta[dims]);
    MatrixXd k(n, n);
    MatrixXd slopes(n, n);
    for (Index j = 0; j < n; ++j) {
      auto below = n - j;
      ArrayXd squared = ArrayXd::Zero(below);
      for (Index d = 0; d < dims; ++d)
        squared += weights[d] * squared_along(shape.unordered[static_cast<std::size_t>(d)],
                                              x.col(d).tail(below).array(), x(j, d));
      k.col(j).tail(below) = kernel_of(shape.smoothness, squared);
      slopes.col(j).tail(below) = slope_of(shape.smoothness, squared);
      k(j, j) += noise;
    }
    Eigen::LLT<MatrixXd> factor(k);
    if (factor.info() != Eigen::Success) {
      gradient.setZero();
      return 1e30;
    }
    VectorXd alpha = factor.solve(y);
    MatrixXd inverse = factor.solve(MatrixXd::Identity(n, n));
    double fit = y.dot(alpha) + variance_weight;
    double freedom = static_cast<double>(n) + variance_weight;
    double value = 0.5 * freedom * std::log(fit);
    for (Index i = 0; i < n; ++i)
      value += std::log(factor.matrixLLT()(i, i));
    MatrixXd outer = inverse - (freedom / fit) * alpha * alpha.transpose();
    gradient[dims] = 0.5 * noise * outer.trace();
    for (Index d = 0; d < dims; ++d) {
      double sum = 0;  // over i > j: both halves of the symmetric matrix
      for (Index j = 0; j < n; ++j)
        sum += (outer.col(j).tail(n - j).array() * slopes.col(j).tail(n - j).array() *
                squared_along(shape.unordered[static_cast<std::size_t>(d)],
                              x.col(d).tail(n - j).array(), x(j, d)))
                   .sum();
      gradient[d] = -2 * weights[d] * sum;
    }
    return value + prior(theta, gradient);
  }

  double prior(const VectorXd& theta, VectorXd& gradient) const {
    auto dims = x.cols();
    double value = 0;
    for (Index d = 0; d <= dims; ++d) {
      double mean = d < dims ? length_log_mean(shape.unordered.size()) : noise_log_mean;
      double sigma = d < dims ? length_log_sigma : noise_log_sigma;
      double z = (theta[d] - mean) / sigma;
      value += 0.5 * z * z;
      gradient[d] += z / sigma;
    }
    return value;
  }
};

}  // namespace

KernelScales usual_scales(const KernelShape& shape) {
  KernelScales scales;
  scales.log_lengths.assign(shape.unordered.size(), length_log_mean(shape.unordered.size()));
  return scales;
}

KernelScales fitted_scales(const KernelShape& shape, const std::vector<const double*>& points,
                           const std::vector<double>& values, KernelScales start, int evaluations) {
  auto dims = static_cast<Index>(shape.unordered.size());
  Posterior posterior{shape, matrix_of(points, shape.unordered.size(), points.size()),
                      Eigen::Map<const VectorXd>(values.data(), static_cast<Index>(values.size()))};
  VectorXd theta(dims + 1);
  VectorXd low = VectorXd::Constant(dims + 1, -5);
  VectorXd high = VectorXd::Constant(dims + 1, 6);
  for (Index d = 0; d < dims; ++d)
    theta[d] = start.log_lengths[static_cast<std::size_t>(d)];
  low[dims] = std::log(shape.noise_min);
  high[dims] = 0;
  theta[dims] = std::max(start.log_noise, low[dims]);
  minimise(posterior, theta, low, high, evaluations);
  for (Index d = 0; d < dims; ++d)
    start.log_lengths[static_cast<std::size_t>(d)] = theta[d];
  start.log_noise = theta[dims];
  return start;
}

struct GaussianProcess::Impl {
  KernelShape shape;
  KernelScales scales;
  ArrayXd weights;  // 1 / length^2
  double noise = 0;
  MatrixXd x;       // [row][dimension]
  MatrixXd factor;  // lower triangle
  Index rows = 0;
  VectorXd alpha;  // of the rows with values
  double variance = 1;

  ArrayXd squared_from(const double* point) const {
    ArrayXd squared = ArrayXd::Zero(rows);
    for (Index d = 0; d < x.cols(); ++d)
      squared += weights[d] * squared_along(shape.unordered[static_cast<std::size_t>(d)],
                                            x.col(d).head(rows).array(), point[d]);
    return squared;
  }

  auto upper() const {
    return factor.topLeftCorner(rows, rows).transpose().triangularView<Eigen::Upper>();
  }
  auto lower() const { return factor.topLeftCorner(rows, rows).triangularView<Eigen::Lower>(); }
};

GaussianProcess::GaussianProcess(const KernelShape& shape, const KernelScales& scales,
                                 const std::vector<const double*>& points, std::size_t capacity)
    : impl_(std::make_unique<Impl>()) {
  auto& m = *impl_;
  auto dims = static_cast<Index>(shape.unordered.size());
  m.shape = shape;
  m.scales = scales;
  m.weights = (-2 * Eigen::Map<const ArrayXd>(scales.log_lengths.data(), dims)).exp();
  m.noise = std::exp(scales.log_noise);
  m.x = matrix_of(points, shape.unordered.size(), capacity);
  m.factor = MatrixXd::Zero(static_cast<Index>(capacity), static_cast<Index>(capacity));
  m.rows = static_cast<Index>(points.size());
  for (double noise = m.noise;; noise *= 10) {
    m.noise = noise;
    for (Index j = 0; j < m.rows; ++j) {
      m.factor.col(j).head(m.rows) =
          kernel_of(shape.smoothness, m.squared_from(points[static_cast<std::size_t>(j)]));
      m.factor(j, j) += noise;
    }
    Eigen::Ref<MatrixXd> block = m.factor.topLeftCorner(m.rows, m.rows);
    Eigen::LLT<Eigen::Ref<MatrixXd>> factor(block);
    if (factor.info() == Eigen::Success || noise > 1)
      break;
  }
}

GaussianProcess::GaussianProcess(GaussianProcess&&) noexcept = default;
GaussianProcess& GaussianProcess::operator=(GaussianProcess&&) noexcept = default;
GaussianProcess::~GaussianProcess() = default;

std::size_t GaussianProcess::size() const { return static_cast<std::size_t>(impl_->rows); }
std::size_t GaussianProcess::capacity() const { return static_cast<std::size_t>(impl_->x.rows()); }
const KernelScales& GaussianProcess::scales() const { return impl_->scales; }

double GaussianProcess::nearest(const double* point) const {
  const auto& m = *impl_;
  Eigen::Map<const Eigen::RowVectorXd> to(point, m.x.cols());
  return (m.x.topRows(m.rows).rowwise() - to).cwiseAbs().rowwise().maxCoeff().minCoeff();
}

void GaussianProcess::shrink(std::size_t rows) { impl_->rows = static_cast<Index>(rows); }

void GaussianProcess::add(const double* point) {
  auto& m = *impl_;
  VectorXd k = kernel_of(m.shape.smoothness, m.squared_from(point));
  m.lower().solveInPlace(k);
  m.factor.row(m.rows).head(m.rows) = k;
  m.factor(m.rows, m.rows) = std::sqrt(std::max(1 + m.noise - k.squaredNorm(), m.noise / 2));
  m.x.row(m.rows) = Eigen::Map<const Eigen::RowVectorXd>(point, m.x.cols());
  ++m.rows;
}

void GaussianProcess::observe(const std::vector<double>& values) {
  auto& m = *impl_;
  auto n = static_cast<Index>(values.size());
  Eigen::Map<const VectorXd> y(values.data(), n);
  auto lower = m.factor.topLeftCorner(n, n).triangularView<Eigen::Lower>();
  m.alpha = lower.solve(y);
  lower.transpose().solveInPlace(m.alpha);
  m.variance = (y.dot(m.alpha) + variance_weight) / (static_cast<double>(n) + variance_weight);
}

Belief GaussianProcess::at(const double* point, double* mean_gradient,
                           double* deviation_gradient) const {
  const auto& m = *impl_;
  auto known = m.alpha.size();
  ArrayXd squared = m.squared_from(point);
  VectorXd k = kernel_of(m.shape.smoothness, squared);
  double mean = k.head(known).dot(m.alpha);
  m.lower().solveInPlace(k);
  double deviation = std::sqrt(m.variance * std::max(1 - k.squaredNorm(), 0.0));
  if (mean_gradient != nullptr) {
    m.upper().solveInPlace(k);
    ArrayXd slopes = slope_of(m.shape.smoothness, squared);
    for (Index d = 0; d < m.x.cols(); ++d) {
      mean_gradient[d] = deviation_gradient[d] = 0;
      if (m.shape.unordered[static_cast<std::size_t>(d)])
        continue;
      ArrayXd along = 2 * m.weights[d] * slopes * (point[d] - m.x.col(d).head(m.rows).array());
      mean_gradient[d] = along.head(known).matrix().dot(m.alpha);
      deviation_gradient[d] =
          -m.variance * along.matrix().dot(k) / std::max(deviation, deviation_min);
    }
  }
  return {mean, std::max(deviation, deviation_min)};
}

std::vector<Belief> GaussianProcess::at_all(const std::vector<std::vector<double>>& points) const {
  const auto& m = *impl_;
  auto count = static_cast<Index>(points.size());
  MatrixXd k(m.rows, count);
  for (Index j = 0; j < count; ++j)
    k.col(j) =
        kernel_of(m.shape.smoothness, m.squared_from(points[static_cast<std::size_t>(j)].data()));
  VectorXd means = k.topRows(m.alpha.size()).transpose() * m.alpha;
  m.lower().solveInPlace(k);
  std::vector<Belief> beliefs;
  for (Index j = 0; j < count; ++j) {
    double left = std::max(1 - k.col(j).squaredNorm(), 0.0);
    beliefs.push_back({means[j], std::max(std::sqrt(m.variance * left), deviation_min)});
  }
  return beliefs;
}

std::vector<double> GaussianProcess::surprises() const {
  const auto& m = *impl_;
  auto n = m.alpha.size();
  MatrixXd inverse = MatrixXd::Identity(n, n);
  m.factor.topLeftCorner(n, n).triangularView<Eigen::Lower>().solveInPlace(inverse);
  std::vector<double> all;
  for (Index i = 0; i < n; ++i)
    all.push_back(m.alpha[i] / std::sqrt(m.variance * inverse.col(i).squaredNorm()));
  return all;
}

double GaussianProcess::covariance(const double* a, const double* b) const {
  const auto& m = *impl_;
  VectorXd ka = kernel_of(m.shape.smoothness, m.squared_from(a));
  VectorXd kb = kernel_of(m.shape.smoothness, m.squared_from(b));
  m.lower().solveInPlace(ka);
  m.lower().solveInPlace(kb);
  ArrayXd squared = ArrayXd::Zero(1);
  for (Index d = 0; d < m.x.cols(); ++d) {
    ArrayXd one = ArrayXd::Constant(1, a[d]);
    squared +=
        m.weights[d] * squared_along(m.shape.unordered[static_cast<std::size_t>(d)], one, b[d]);
  }
  return m.variance * (kernel_of(m.shape.smoothness, squared)[0] - ka.dot(kb));
}

}  // namespace autotune
