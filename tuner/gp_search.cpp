#include "tuner/gp_search.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tuner/lbfgs.hpp"

namespace autotune {

namespace {

constexpr double candidate_work = 2.4e7;  // candidates times rows^2: some 10 ms
constexpr std::size_t candidates_least = 60;
constexpr std::size_t many_rows = 500;  // from here on two starts
constexpr std::size_t near_best = 5;    // so many good trials are looked around
constexpr int climb_evaluations = 20;
constexpr int turns = 2;  // of climbing and stepping
constexpr int steps_max = 4;
constexpr std::size_t values_tried = 8;  // other values of an unordered dimension, a step
constexpr double apart_min = 1e-4;       // nearer to a trial than this is that trial again
constexpr double tail = -6;              // from here on asymptotic series: what is exact cancels

const double log_sqrt_two_pi = 0.5 * std::log(2 * std::numbers::pi);

double density(double z) { return std::exp(-0.5 * z * z - log_sqrt_two_pi); }

/// log(phi(z) + z Phi(z)).
double log_gain(double z) {
  if (z > tail)
    return std::log(density(z) + z * normal_cdf(z));
  double s = 1 / (z * z);
  return -0.5 * z * z - log_sqrt_two_pi + std::log(s * (1 - 3 * s + 15 * s * s - 105 * s * s * s));
}

/// log Phi(z).
double log_chance(double z) {
  if (z > tail)
    return std::log(normal_cdf(z));
  double s = 1 / (z * z);
  return -0.5 * z * z - log_sqrt_two_pi - std::log(-z) + std::log(1 - s + 3 * s * s);
}

}  // namespace

Region region_around_best(const GpModel& model, const GaussianProcess& process, double width) {
  const double* centre = model.row(model.best_rows(1).front());
  const auto& lengths = process.scales().log_lengths;
  double mean = 0;
  for (double length : lengths)
    mean += length / static_cast<double>(lengths.size());
  Region region;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    double half = width * std::exp(std::clamp(lengths[i] - mean, -1.5, 1.5));
    region.low.push_back(std::clamp(centre[i] - half, 0.0, 1.0));
    region.high.push_back(std::clamp(centre[i] + half, 0.0, 1.0));
  }
  return region;
}

double Acquisition::score(const Belief& b) const {
  double z = (best - xi - b.mean) / b.deviation;
  switch (utility) {
    case Utility::confidence_bound: return kappa * b.deviation - b.mean;
    case Utility::improvement_chance: return log_chance(z);
    case Utility::expected_improvement: break;
  }
  return std::log(b.deviation) + log_gain(z);
}

Belief Acquisition::slope(const Belief& b) const {
  if (utility == Utility::confidence_bound)
    return {-1, kappa};
  double z = (best - xi - b.mean) / b.deviation;
  if (utility == Utility::improvement_chance) {
    double ratio = std::exp(-0.5 * z * z - log_sqrt_two_pi - log_chance(z));
    return {-ratio / b.deviation, -ratio * z / b.deviation};
  }
  double gain = log_gain(z);
  double by_mean = -std::exp(log_chance(z) - gain) / b.deviation;
  double by_deviation = std::exp(-0.5 * z * z - log_sqrt_two_pi - gain) / b.deviation;
  return {by_mean, by_deviation};
}

GpSearch::GpSearch(const GpModel& model, const GaussianProcess& process,
                   const Acquisition& acquisition, SearchEffort effort,
                   std::optional<Region> region)
    : model_(&model),
      process_(&process),
      acquisition_(acquisition),
      effort_(effort),
      region_(std::move(region)) {
  auto rows = static_cast<double>(process.size());
  auto most = static_cast<std::size_t>(candidate_work / (rows * rows + 1));
  effort_.candidates_max =
      std::max<std::size_t>(2, std::min(effort_.candidates_max, std::max(most, candidates_least)));
  if (process.size() > many_rows)
    effort_.starts_max = std::min<std::size_t>(effort_.starts_max, 2);
}

Features GpSearch::clamped(Features f) const {
  if (region_)
    for (std::size_t i = 0; i < f.size(); ++i)
      if (!model_->space()[i].categorical())
        f[i] = std::clamp(f[i], region_->low[i], region_->high[i]);
  return f;
}

Features GpSearch::canonical(Features f) const {
  return model_->features(model_->point(clamped(std::move(f))));
}

Features GpSearch::drawn(Rng& rng) const {
  auto f = model_->features(model_->space().sample_point(rng));
  if (!region_)
    return f;
  for (std::size_t i = 0; i < f.size(); ++i)
    if (!model_->space()[i].categorical())
      f[i] = region_->low[i] + (region_->high[i] - region_->low[i]) * rng.uniform();
  return canonical(std::move(f));
}

/// A good trial with some coordinates moved, a little or more.
Features GpSearch::near(const std::vector<std::size_t>& best, Rng& rng) const {
  const auto& space = model_->space();
  const double* from = model_->row(best[rng.below(best.size())]);
  Features f(from, from + space.size());
  double share = std::max(2 / static_cast<double>(f.size()), rng.uniform());
  double width = std::pow(10, -0.5 - 2.5 * rng.uniform());
  for (std::size_t i = 0; i < f.size(); ++i) {
    if (rng.uniform() >= share)
      continue;
    const auto& d = space[i];
    if (d.categorical()) {
      if (rng.uniform() < 0.3)
        f[i] = static_cast<double>(rng.below(static_cast<std::uint64_t>(d.levels())));
      continue;
    }
    double least = d.discrete() && std::isfinite(d.levels()) ? 0.7 / d.levels() : 0;
    f[i] = std::clamp(f[i] + std::max(width, least) * rng.normal(), 0.0, 1.0);
  }
  return canonical(std::move(f));
}

std::vector<GpSearch::Scored> GpSearch::scored(std::vector<Features> candidates) const {
  auto beliefs = process_->at_all(candidates);
  std::vector<Scored> all;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    all.push_back({std::move(candidates[i]), acquisition_.score(beliefs[i])});
  return all;
}

/// L-BFGS over the continuous coordinates.
void GpSearch::climb(Scored& from, int evaluations) const {
  const auto& space = model_->space();
  auto point = model_->point(from.features);
  std::vector<std::size_t> moved;
  for (std::size_t i = 0; i < space.size(); ++i)
    if (!space[i].discrete() && space.active(point, i))
      moved.push_back(i);
  if (moved.empty())
    return;
  auto count = static_cast<Eigen::Index>(moved.size());
  Eigen::VectorXd x(count), low = Eigen::VectorXd::Zero(count), high = Eigen::VectorXd::Ones(count);
  for (Eigen::Index k = 0; k < count; ++k) {
    auto i = moved[static_cast<std::size_t>(k)];
    x[k] = from.features[i];
    if (region_) {
      low[k] = region_->low[i];
      high[k] = region_->high[i];
    }
  }
  auto f = from.features;
  std::vector<double> by_mean(space.size()), by_deviation(space.size());
  auto loss = [&](const Eigen::VectorXd& at, Eigen::VectorXd& gradient) {
    for (Eigen::Index k = 0; k < count; ++k)
      f[moved[static_cast<std::size_t>(k)]] = at[k];
    auto belief = process_->at(f.data(), by_mean.data(), by_deviation.data());
    auto slope = acquisition_.slope(belief);
    for (Eigen::Index k = 0; k < count; ++k) {
      auto i = moved[static_cast<std::size_t>(k)];
      gradient[k] = -(slope.mean * by_mean[i] + slope.deviation * by_deviation[i]);
    }
    return -acquisition_.score(belief);
  };
  double score = -minimise(loss, x, low, high, evaluations);
  if (!(score > from.score))
    return;
  for (Eigen::Index k = 0; k < count; ++k)
    from.features[moved[static_cast<std::size_t>(k)]] = x[k];
  from.score = score;
}

/// To the best neighbour by one discrete coordinate; false where none is better.
bool GpSearch::step(Scored& from, Rng& rng) const {
  const auto& space = model_->space();
  auto point = model_->point(from.features);
  std::vector<Features> neighbours;
  auto add = [&](std::size_t i, double level) {
    auto moved = point;
    moved[i] = space[i].unit_of_level(level);
    // What the move opens starts at the middle.
    for (std::size_t j = i + 1; j < moved.size(); ++j)
      if (space.active(moved, j) && std::isnan(moved[j]))
        moved[j] = 0.5;
    neighbours.push_back(canonical(model_->features(moved)));
  };
  for (std::size_t i = 0; i < space.size(); ++i) {
    const auto& d = space[i];
    if (!d.discrete() || !space.active(point, i))
      continue;
    double level = d.level_at(point[i]);
    if (!d.categorical()) {
      for (double other : {level - 1, level + 1})
        if (std::isinf(d.levels()) || (other >= 0 && other < d.levels()))
          add(i, other);
      continue;
    }
    auto levels = static_cast<std::size_t>(d.levels());
    auto shift = levels > values_tried + 1 ? rng.below(levels) : 0;
    for (std::size_t k = 0; k < std::min(levels, values_tried + 1); ++k)
      if (auto other = static_cast<double>((shift + k) % levels); other != level)
        add(i, other);
  }
  if (neighbours.empty())
    return false;
  auto all = scored(std::move(neighbours));
  auto best = std::max_element(all.begin(), all.end(),
                               [](const auto& a, const auto& b) { return a.score < b.score; });
  if (!(best->score > from.score))
    return false;
  from = std::move(*best);
  return true;
}

std::optional<Point> GpSearch::best_point(const SeenPoints::Taken& taken, Rng& rng) const {
  auto best = model_->best_rows(near_best);
  std::vector<Features> candidates;
  for (std::size_t i = 0; i < effort_.candidates_max; ++i)
    candidates.push_back(i % 2 == 0 ? drawn(rng) : near(best, rng));
  auto all = scored(std::move(candidates));
  auto better = [](const Scored& a, const Scored& b) { return a.score > b.score; };
  std::stable_sort(all.begin(), all.end(), better);
  for (std::size_t i = 0; i < std::min(effort_.starts_max, all.size()); ++i)
    for (int turn = 0; turn < turns; ++turn) {
      climb(all[i], climb_evaluations);
      int steps = 0;
      while (steps < steps_max && step(all[i], rng))
        ++steps;
      if (steps == 0)
        break;
    }
  std::stable_sort(all.begin(), all.end(), better);
  for (const auto& candidate : all)
    if (process_->nearest(candidate.features.data()) >= apart_min)
      if (auto point = model_->point(candidate.features); !taken.contains(point))
        return point;
  return taken.free_from(model_->point(all.front().features),
                         [&] { return model_->point(near(best, rng)); });
}

}  // namespace autotune
