#include "tuner/curve_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <Eigen/Dense>

namespace autotune {

namespace {

constexpr std::size_t values_max = 100;
constexpr std::size_t fits_min = 4;
constexpr int steps_max = 60;       // of Levenberg-Marquardt; it rarely takes twenty
constexpr double stray_max = 3;     // median absolute deviations
constexpr double error_min = 1e-8;  // a value's squared error: 1e-4 of the range is as good as 0
constexpr double lowest = 0.1;      // scaled: families with a zero background need some ground
constexpr double scaled_range = 1 - lowest;

using Parameters = std::array<double, 4>;

struct Family {
  std::string_view name;
  int count;  // of parameters
  double (*value)(double x, const Parameters& p);
  std::array<Parameters, 2> starts;
};

// Table 1 of Domhan et al. 2015; x counts results from 1.
const std::array<Family, 12> families{{
    {"vap",
     3,
     [](double x, const Parameters& p) { return std::exp(p[0] + p[1] / x + p[2] * std::log(x)); },
     {{{0, -1, 0}, {-1, -1, .3}}}},
    {"pow3",
     3,
     [](double x, const Parameters& p) { return p[0] - p[1] * std::pow(x, -p[2]); },
     {{{1, .9, .5}, {1, .9, 1.5}}}},
    {"linear",
     2,
     [](double x, const Parameters& p) { return p[0] + p[1] * x; },
     {{{.5, .01}, {.1, .1}}}},
    {"logx_linear",
     2,
     [](double x, const Parameters& p) { return p[0] + p[1] * std::log(x); },
     {{{.1, .2}, {.5, .1}}}},
    {"dr_hill_zero_background",
     3,
     [](double x, const Parameters& p) {
       auto power = std::pow(x, p[1]);
       return p[0] * power / (std::pow(std::abs(p[2]), p[1]) + power);
     },
     {{{1, 1, 5}, {1, 2, 2}}}},
    {"log_power",
     3,
     [](double x, const Parameters& p) { return p[0] / (1 + std::pow(x / std::exp(p[1]), p[2])); },
     {{{1, 1, -1}, {1, 2, -2}}}},
    {"pow4",
     4,
     [](double x, const Parameters& p) { return p[0] - std::pow(p[1] * x + p[2], -p[3]); },
     {{{1, 1, 1, .5}, {1.2, .2, 1, 1}}}},
    {"mmf",
     4,
     [](double x, const Parameters& p) {
       return p[0] - (p[0] - p[1]) / (1 + std::pow(std::abs(p[2]) * x, p[3]));
     },
     {{{1, 0, .1, 1}, {1, 0, .5, 2}}}},
    {"exp4",
     4,
     [](double x, const Parameters& p) {
       return p[0] - std::exp(-p[1] * std::pow(x, p[3]) + p[2]);
     },
     {{{1, .1, 0, 1}, {1, .5, 0, .7}}}},
    {"ilog2",
     2,
     [](double x, const Parameters& p) { return p[0] - p[1] / std::log(x + 1); },
     {{{1, .5}, {1, .1}}}},
    {"weibull",
     4,
     [](double x, const Parameters& p) {
       return p[0] - (p[0] - p[1]) * std::exp(-std::pow(std::abs(p[2]) * x, p[3]));
     },
     {{{1, 0, .1, 1}, {1, 0, .5, .7}}}},
    {"janoschek",
     4,
     [](double x, const Parameters& p) {
       return p[0] - (p[0] - p[1]) * std::exp(-std::abs(p[2]) * std::pow(x, p[3]));
     },
     {{{1, 0, .1, 1}, {1, 0, .5, .7}}}},
}};

/// Points of a curve.
struct Samples {
  std::vector<double> x;
  std::vector<double> y;
};

double error_of(const Family& family, const Samples& samples, const Parameters& p) {
  double sum = 0;
  for (std::size_t i = 0; i < samples.x.size(); ++i) {
    double miss = samples.y[i] - family.value(samples.x[i], p);
    sum += miss * miss;
  }
  return sum;  // not finite where the family isn't
}

/// The normal equations at p: J'J and J'r, J by differences.
void linearise(const Family& family, const Samples& samples, const Parameters& p,
               Eigen::Matrix4d& squares, Eigen::Vector4d& slope) {
  squares.setZero();
  slope.setZero();
  for (std::size_t i = 0; i < samples.x.size(); ++i) {
    double value = family.value(samples.x[i], p);
    Eigen::Vector4d row = Eigen::Vector4d::Zero();
    for (int k = 0; k < family.count; ++k) {
      auto moved = p;
      auto at = static_cast<std::size_t>(k);
      double step = 1e-6 * std::max(1.0, std::abs(p[at]));
      moved[at] += step;
      row[k] = (family.value(samples.x[i], moved) - value) / step;
    }
    squares += row * row.transpose();
    slope += row * (samples.y[i] - value);
  }
}

/// Levenberg-Marquardt from `p`; the error reached, which may not be finite.
double fit(const Family& family, const Samples& samples, Parameters& p) {
  double error = error_of(family, samples, p);
  double damping = 1e-3;
  for (int step = 0; step < steps_max && std::isfinite(error) && damping < 1e12; ++step) {
    Eigen::Matrix4d squares;
    Eigen::Vector4d slope;
    linearise(family, samples, p, squares, slope);
    if (!squares.allFinite() || !slope.allFinite())
      break;
    double gain = 0;
    while (damping < 1e12) {
      Eigen::Matrix4d damped = squares;
      for (int k = 0; k < 4; ++k)
        damped(k, k) = k < family.count ? squares(k, k) * (1 + damping) + 1e-12 : 1;
      Eigen::Vector4d move = damped.ldlt().solve(slope);
      auto moved = p;
      for (int k = 0; k < family.count; ++k)
        moved[static_cast<std::size_t>(k)] += move[k];
      double reached = error_of(family, samples, moved);
      if (std::isfinite(reached) && reached < error) {
        gain = error - reached;
        p = moved;
        error = reached;
        damping = std::max(1e-9, damping / 10);
        break;
      }
      damping *= 10;
    }
    if (gain <= 1e-9 * error)
      break;
  }
  return error;
}

double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Those whose prediction is close to the median of all.
std::vector<CurveFit> without_strays(const std::vector<CurveFit>& fits, double range) {
  std::vector<double> predictions;
  for (const auto& f : fits)
    predictions.push_back(f.predicted);
  double centre = median(predictions);
  std::vector<double> distances;
  for (double p : predictions)
    distances.push_back(std::abs(p - centre));
  double most = stray_max * std::max(median(distances), 0.01 * range);
  std::vector<CurveFit> kept;
  for (const auto& f : fits)
    if (std::abs(f.predicted - centre) <= most)
      kept.push_back(f);
  return kept;
}

}  // namespace

std::vector<std::string_view> curve_families() {
  std::vector<std::string_view> names;
  for (const auto& family : families)
    names.push_back(family.name);
  return names;
}

std::vector<CurveFit> fit_curves(std::span<const double> values, double target) {
  std::vector<CurveFit> fits;
  if (values.empty())
    return fits;
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  double range = *high - *low;
  if (!(range > 0) || !std::isfinite(range))
    return fits;
  Samples samples;
  auto count = std::min(values.size(), values_max);
  for (std::size_t i = 0; i < count; ++i) {
    auto at = count == 1 ? 0 : i * (values.size() - 1) / (count - 1);
    samples.x.push_back(static_cast<double>(at + 1));
    samples.y.push_back(lowest + scaled_range * (values[at] - *low) / range);
  }
  for (const auto& family : families) {
    if (static_cast<int>(count) < family.count + 2)
      continue;  // Akaike's correction has no value there
    CurveFit best{family.name, 0, HUGE_VAL, family.count};
    for (auto p : family.starts) {
      double error = fit(family, samples, p);
      double predicted = family.value(target, p);
      if (error < best.error && std::isfinite(predicted)) {
        best.error = error;
        best.predicted = *low + (predicted - lowest) / scaled_range * range;
      }
    }
    if (std::isfinite(best.error) && std::isfinite(best.predicted))
      fits.push_back(best);
  }
  return fits;
}

std::optional<double> extrapolate(std::span<const double> values, double target) {
  if (!values.empty() &&
      std::all_of(values.begin(), values.end(), [&](double v) { return v == values.front(); }))
    return values.front();
  auto fits = fit_curves(values, target);
  if (fits.size() < fits_min)
    return std::nullopt;
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  fits = without_strays(fits, *high - *low);
  if (fits.size() < fits_min)
    return std::nullopt;
  auto n = static_cast<double>(std::min(values.size(), values_max));
  std::vector<double> criteria;
  for (const auto& f : fits) {
    double k = f.parameters;
    criteria.push_back(n * std::log(std::max(f.error / n, error_min)) + 2 * k +
                       2 * k * (k + 1) / (n - k - 1));
  }
  double least = *std::min_element(criteria.begin(), criteria.end());
  double weights = 0;
  double sum = 0;
  for (std::size_t i = 0; i < fits.size(); ++i) {
    double weight = std::exp(-(criteria[i] - least) / 2);
    weights += weight;
    sum += weight * fits[i].predicted;
  }
  return sum / weights;
}

}  // namespace autotune
