#include "tuner/kernel_mixture.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>

namespace autotune {

namespace {

using Terms = Eigen::Map<Eigen::ArrayXd>;
using Numbers = Eigen::Map<const Eigen::ArrayXd>;

constexpr double log_root_two_pi = 0.91893853320467274178;
constexpr double far_sigmas = 6;  // what lies further away is below 1e-9

Numbers view(const std::vector<double>& numbers) {
  return {numbers.data(), static_cast<Eigen::Index>(numbers.size())};
}

/// Whether bounds are too far from a kernel's centre to cut anything off.
bool inside(double centre, double h) {
  return centre >= far_sigmas * h && 1 - centre >= far_sigmas * h;
}

}  // namespace

KernelMixture::KernelMixture(const Space& space, const Bandwidths& bandwidths, double prior_weight)
    : space_(&space),
      bandwidths_(&bandwidths),
      prior_weight_(prior_weight),
      total_weight_(prior_weight),
      columns_(space.size()) {}

void KernelMixture::add(const double* point, double weight) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto& d = (*space_)[i];
    auto& column = columns_[i];
    double x = point[i];
    double height = 0;
    if (std::isnan(x)) {
      column.partial = true;
    } else if (d.categorical()) {
      x = d.level_at(x);
    } else {
      double h = bandwidths_->numeric[i];
      height = -std::log(h) - log_root_two_pi;
      if (!inside(x, h))
        height -= std::log(normal_cdf((1 - x) / h) - normal_cdf(-x / h));
    }
    column.centres.push_back(x);
    column.heights.push_back(height);
  }
  weights_.push_back(weight);
  log_weights_.push_back(std::log(weight));
  total_weight_ += weight;
}

void KernelMixture::close() {
  double prior = bandwidths_->category_prior;
  double share = prior / (static_cast<double>(weights_.size()) + prior);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto& d = (*space_)[i];
    if (!d.categorical())
      continue;
    double each = share / d.levels();
    columns_[i].log_same = std::log(1 - share + each);
    columns_[i].log_other = std::log(each);
    columns_[i].log_prior = -std::log(d.levels());
  }
  terms_.resize(weights_.size() + 1);
}

/// Adds to each component's term the logarithm of its kernel along one dimension.
void KernelMixture::add_logs(std::size_t i, double coordinate) {
  const auto& d = (*space_)[i];
  const auto& column = columns_[i];
  auto n = weights_.size();
  if (d.categorical()) {
    double level = d.level_at(coordinate);
    for (std::size_t c = 0; c < n; ++c) {
      double centre = column.centres[c];
      terms_[c] += centre == level      ? column.log_same
                   : std::isnan(centre) ? column.log_prior
                                        : column.log_other;
    }
    terms_[n] += column.log_prior;
    return;
  }
  double inverse = 1 / bandwidths_->numeric[i];
  if (column.partial) {
    for (std::size_t c = 0; c < n; ++c) {
      double z = (coordinate - column.centres[c]) * inverse;
      terms_[c] += std::isnan(z) ? 0 : column.heights[c] - 0.5 * z * z;
    }
    return;
  }
  auto terms = Terms(terms_.data(), static_cast<Eigen::Index>(n));
  terms += view(column.heights) - 0.5 * ((coordinate - view(column.centres)) * inverse).square();
}

double KernelMixture::log_density(const Point& point) {
  std::copy(log_weights_.begin(), log_weights_.end(), terms_.begin());
  terms_.back() = std::log(prior_weight_);
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (!std::isnan(point[i]))
      add_logs(i, point[i]);
  double top = view(terms_).maxCoeff();
  return top + std::log((view(terms_) - top).exp().sum()) - std::log(total_weight_);
}

double KernelMixture::log_density_along(std::size_t i, double coordinate) const {
  const auto& d = (*space_)[i];
  const auto& column = columns_[i];
  double prior = std::exp(column.log_prior);
  double sum = prior_weight_ * prior;
  if (d.categorical()) {
    double level = d.level_at(coordinate);
    double same = std::exp(column.log_same);
    double other = std::exp(column.log_other);
    for (std::size_t c = 0; c < weights_.size(); ++c) {
      double centre = column.centres[c];
      sum += weights_[c] * (centre == level ? same : std::isnan(centre) ? prior : other);
    }
    return std::log(sum / total_weight_);
  }
  double h = bandwidths_->numeric[i];
  double reach = far_sigmas * h;
  for (std::size_t c = 0; c < weights_.size(); ++c) {
    double away = coordinate - column.centres[c];
    if (std::abs(away) < reach)
      sum += weights_[c] * std::exp(column.heights[c] - 0.5 * (away / h) * (away / h));
    else if (std::isnan(away))
      sum += weights_[c];
  }
  return std::log(sum / total_weight_);
}

std::ptrdiff_t KernelMixture::pick(Rng& rng) const {
  double u = rng.uniform() * total_weight_;
  for (std::size_t c = 0; c < weights_.size(); ++c) {
    if (u < weights_[c])
      return static_cast<std::ptrdiff_t>(c);
    u -= weights_[c];
  }
  return -1;  // the prior
}

double KernelMixture::draw_coordinate(std::size_t i, std::ptrdiff_t component, Rng& rng) const {
  const auto& d = (*space_)[i];
  double u = rng.uniform_open();
  double centre =
      component < 0 ? inactive : columns_[i].centres[static_cast<std::size_t>(component)];
  if (!std::isnan(centre) && d.categorical()) {
    double prior = bandwidths_->category_prior;
    double share = prior / (static_cast<double>(weights_.size()) + prior);
    if (u >= share)
      return d.unit_of_level(centre);
    u /= share;
  } else if (!std::isnan(centre)) {
    double h = bandwidths_->numeric[i];
    double from = inside(centre, h) ? 0 : normal_cdf(-centre / h);
    double to = inside(centre, h) ? 1 : normal_cdf((1 - centre) / h);
    u = std::clamp(centre + h * normal_quantile(from + u * (to - from)), 0.0, 1.0);
  }
  return d.discrete() ? d.unit_of_level(d.level_at(u)) : u;
}

Point KernelMixture::draw(Rng& rng, double crossover) const {
  auto n = space_->size();
  Point point(n, inactive);
  auto main = pick(rng);
  for (std::size_t i = 0; i < n; ++i) {
    if (!space_->active(point, i))
      continue;
    auto component = rng.uniform() < crossover ? pick(rng) : main;
    point[i] = draw_coordinate(i, component, rng);
  }
  return point;
}

}  // namespace autotune
