#include "tuner/gp_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace autotune {

namespace {

constexpr std::size_t step_max = 64;      // trials between two milestones
constexpr std::size_t running_max = 256;  // the newest so many running trials take part
constexpr std::size_t fitted_max = 150;
constexpr int rough_evaluations = 40;
constexpr int fine_evaluations = 12;
constexpr double sigmas = 8;  // of a normal's range

bool normal(const Dimension& d) {
  using T = ParameterType;
  auto type = d.parameter().type;
  return type == T::normal || type == T::qnormal || type == T::lognormal || type == T::qlognormal;
}

std::size_t milestone_of(std::size_t told) {
  auto step = std::clamp<std::size_t>(std::bit_floor(told) / 16, 1, step_max);
  return told - told % step;
}

double feature_of(const Dimension& d, double u) {
  if (d.categorical())
    return d.level_at(u);
  if (d.discrete())
    u = d.unit_of_level(d.level_at(u));
  if (!normal(d))
    return u;
  return std::clamp(normal_quantile(std::clamp(u, 1e-15, 1 - 1e-15)) / sigmas + 0.5, 0.0, 1.0);
}

double unit_of(const Dimension& d, double feature) {
  if (d.categorical())
    return d.unit_of_level(feature);
  double u = normal(d) ? normal_cdf((feature - 0.5) * sigmas) : feature;
  return d.discrete() ? d.unit_of_level(d.level_at(u)) : u;
}

}  // namespace

GpModel::GpModel(Space space, Smoothness smoothness, double noise_min, std::size_t rows_max)
    : space_(std::move(space)), rows_max_(rows_max) {
  shape_.smoothness = smoothness;
  shape_.noise_min = noise_min;
  for (const auto& d : space_.dimensions())
    shape_.unordered.push_back(d.categorical());
}

Features GpModel::features(const Point& point) const {
  Features f(space_.size());
  for (std::size_t i = 0; i < f.size(); ++i) {
    if (space_.active(point, i))
      f[i] = feature_of(space_[i], point[i]);
    else
      f[i] = space_[i].categorical() ? 0 : 0.5;
  }
  return f;
}

Point GpModel::point(const Features& features) const {
  Point p(space_.size(), inactive);
  for (std::size_t i = 0; i < p.size(); ++i)
    if (space_.active(p, i))
      p[i] = unit_of(space_[i], features[i]);
  return p;
}

void GpModel::add(const Point& point, std::optional<double> loss) {
  auto f = features(point);
  features_.insert(features_.end(), f.begin(), f.end());
  told_.push_back(loss);
  values_ += loss ? 1 : 0;
}

/// Which of the first `told` trials take part.
std::vector<std::size_t> GpModel::rows_at(std::size_t told) const {
  std::vector<std::size_t> all(told);
  std::iota(all.begin(), all.end(), 0);
  if (told <= rows_max_)
    return all;
  auto newest = told - rows_max_ / 2;
  std::vector<std::size_t> rows(all.begin() + static_cast<std::ptrdiff_t>(newest), all.end());
  all.resize(newest);
  auto better = [&](std::size_t a, std::size_t b) {
    bool has = told_[a].has_value();
    return has != told_[b].has_value() ? has : has && *told_[a] < *told_[b];
  };
  std::stable_sort(all.begin(), all.end(), better);
  all.resize(rows_max_ - rows.size());
  std::sort(all.begin(), all.end());
  all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

std::vector<double> GpModel::fit_for_process(const std::vector<std::size_t>& rows) const {
  std::vector<double> known;
  for (auto i : rows)
    if (told_[i])
      known.push_back(*told_[i]);
  std::vector<double> y(rows.size(), 0);
  if (known.empty())
    return y;
  std::sort(known.begin(), known.end());
  // Halved so that no difference of two finite losses overflows.
  double median = known[known.size() / 2] / 2;
  double spread = median - known[known.size() / 10] / 2;
  double worst = known.back() / 2;
  if (!(spread > 0))
    spread = std::max(worst - known.front() / 2, std::abs(median) * 1e-12 + 1e-300);
  double sum = 0;
  double squares = 0;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    double loss = told_[rows[k]] ? *told_[rows[k]] / 2 : worst;
    double z = (loss - median) / spread;
    y[k] = z > 0 ? std::log1p(z) : std::max(z, -1e6);
    sum += y[k];
  }
  double mean = sum / static_cast<double>(y.size());
  for (double v : y)
    squares += (v - mean) * (v - mean);
  double deviation = std::sqrt(squares / static_cast<double>(y.size()));
  for (auto& v : y)
    v = deviation > 0 ? (v - mean) / deviation : 0;
  return y;
}

KernelScales GpModel::fitted(std::size_t told, KernelScales start, int evaluations) const {
  auto rows = rows_at(told);
  auto values = fit_for_process(rows);
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  auto fit_max = std::min(fitted_max, rows_max_ / 2);
  if (order.size() > fit_max) {  // the best, and others evenly over the ranks
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return values[a] < values[b]; });
    for (std::size_t i = fit_max / 2; i < fit_max; ++i)
      order[i] =
          order[fit_max / 2 + (i - fit_max / 2) * (order.size() - fit_max / 2) / (fit_max / 2)];
    order.resize(fit_max);
  }
  std::vector<const double*> points;
  std::vector<double> y;
  for (auto k : order) {
    points.push_back(&features_[rows[k] * space_.size()]);
    y.push_back(values[k]);
  }
  return fitted_scales(shape_, points, y, std::move(start), evaluations);
}

void GpModel::rebuild(std::size_t milestone) const {
  auto rough = std::bit_floor(milestone);
  if (rough_milestone_ != rough) {
    rough_scales_ = fitted(rough, usual_scales(shape_), rough_evaluations);
    rough_milestone_ = rough;
  }
  auto scales =
      rough == milestone ? rough_scales_ : fitted(milestone, rough_scales_, fine_evaluations);
  rows_ = rows_at(milestone);
  std::vector<const double*> points;
  for (auto i : rows_)
    points.push_back(&features_[i * space_.size()]);
  process_.emplace(shape_, scales, points, rows_.size() + step_max + running_max);
  milestone_ = milestone;
  losses_.clear();
}

const GaussianProcess& GpModel::process(const std::vector<Features>& running) const {
  auto milestone = milestone_of(told_.size());
  if (!process_ || milestone_ != milestone)
    rebuild(milestone);
  process_->shrink(rows_.size());
  for (auto i = rows_.empty() ? 0 : rows_.back() + 1; i < told_.size(); ++i) {
    rows_.push_back(i);
    process_->add(&features_[i * space_.size()]);
  }
  if (losses_.size() != rows_.size()) {
    losses_ = fit_for_process(rows_);
    process_->observe(losses_);
  }
  for (std::size_t i = running.size() > running_max ? running.size() - running_max : 0;
       i < running.size(); ++i)
    process_->add(running[i].data());
  return *process_;
}

std::vector<std::size_t> GpModel::best_rows(std::size_t count) const {
  std::vector<std::size_t> order(losses_.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](auto a, auto b) {
                      return losses_[a] < losses_[b] || (losses_[a] == losses_[b] && a < b);
                    });
  order.resize(count);
  return order;
}

}  // namespace autotune
