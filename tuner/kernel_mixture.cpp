#include "tuner/kernel_mixture.hpp"

#include <algorithm>
#include <cmath>

namespace autotune {

namespace {

constexpr double log_root_two_pi = 0.91893853320467274178;
constexpr double far_sigmas = 6;  // what a truncation further away cuts off is below 1e-9

}  // namespace

KernelMixture::KernelMixture(const Space& space, const Bandwidths& bandwidths, double prior_weight)
    : space_(&space),
      bandwidths_(&bandwidths),
      prior_weight_(prior_weight),
      total_weight_(prior_weight) {}

void KernelMixture::add(const double* point, double weight) {
  auto n = space_->size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto& d = (*space_)[i];
    double x = point[i];
    if (std::isnan(x) || d.categorical()) {
      centres_.push_back(std::isnan(x) ? x : d.level_at(x));
      log_heights_.push_back(0);
      continue;
    }
    double h = bandwidths_->numeric[i];
    double height = -std::log(h) - log_root_two_pi;
    if (x < far_sigmas * h || 1 - x < far_sigmas * h)
      height -= std::log(normal_cdf((1 - x) / h) - normal_cdf(-x / h));
    centres_.push_back(x);
    log_heights_.push_back(height);
  }
  weights_.push_back(weight);
  log_weights_.push_back(std::log(weight));
  total_weight_ += weight;
}

void KernelMixture::close() {
  double prior = bandwidths_->category_prior;
  double share = prior / (static_cast<double>(weights_.size()) + prior);
  for (const auto& d : space_->dimensions()) {
    double each = d.categorical() ? share / d.levels() : 0;
    log_same_.push_back(d.categorical() ? std::log(1 - share + each) : 0);
    log_other_.push_back(d.categorical() ? std::log(each) : 0);
  }
  scaled_.resize(space_->size());
  terms_.resize(weights_.size() + 1);
}

double KernelMixture::log_density(const Point& point) {
  auto n = space_->size();
  double prior = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto& d = (*space_)[i];
    bool unordered = d.categorical() && !std::isnan(point[i]);
    scaled_[i] = unordered ? d.level_at(point[i]) : point[i];
    if (unordered)
      prior -= std::log(d.levels());
  }
  for (std::size_t c = 0; c < weights_.size(); ++c) {
    const double* centre = &centres_[c * n];
    const double* height = &log_heights_[c * n];
    double sum = log_weights_[c];
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(scaled_[i]))
        continue;
      const auto& d = (*space_)[i];
      if (d.categorical()) {
        sum += std::isnan(centre[i])     ? -std::log(d.levels())
               : centre[i] == scaled_[i] ? log_same_[i]
                                         : log_other_[i];
      } else if (!std::isnan(centre[i])) {
        double z = (scaled_[i] - centre[i]) / bandwidths_->numeric[i];
        sum += height[i] - 0.5 * z * z;
      }
    }
    terms_[c] = sum;
  }
  terms_.back() = std::log(prior_weight_) + prior;
  double top = *std::max_element(terms_.begin(), terms_.end());
  double total = 0;
  for (double t : terms_)
    total += t > top - 40 ? std::exp(t - top) : 0;  // e^-40 is lost in the sum's last digit
  return top + std::log(total) - std::log(total_weight_);
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
      component < 0 ? inactive : centres_[static_cast<std::size_t>(component) * space_->size() + i];
  if (!std::isnan(centre) && d.categorical()) {
    double prior = bandwidths_->category_prior;
    double share = prior / (static_cast<double>(weights_.size()) + prior);
    if (u >= share)
      return d.unit_of_level(centre);
    u /= share;
  } else if (!std::isnan(centre)) {
    double h = bandwidths_->numeric[i];
    double from = normal_cdf(-centre / h);
    double to = normal_cdf((1 - centre) / h);
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
