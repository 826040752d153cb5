#include "tuner/budget_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace autotune {

namespace {

constexpr std::size_t components_max = 200;   // good or bad ones with a result at the budget
constexpr std::size_t left_behind_max = 100;  // and of those without
constexpr std::size_t newest_max = 1000;      // among the newest so many of each lower budget
constexpr std::size_t running_max = 256;      // the newest so many running trials take part
constexpr std::size_t results_factor = 3;
constexpr double category_prior = 0.5;  // as in TPE
constexpr double prior_share = 0.1;  // of each density: what lies far off is neither good nor bad
constexpr double crossover = 0.2;
constexpr double width_start = 0.35;  // as in TPE, an upper bound here
constexpr double width_decay = 0.1;

std::uint64_t key_of(const Point& point) {
  std::uint64_t key = 0;
  for (double u : point)
    key = mix_bits(key ^ std::bit_cast<std::uint64_t>(u));
  return key;
}

/// At most `most` of the places from `first` to `last`, evenly spread.
std::vector<std::size_t> spread(std::size_t first, std::size_t last, std::size_t most) {
  std::vector<std::size_t> places;
  auto n = last - first;
  auto count = std::min(n, most);
  for (std::size_t i = 0; i < count; ++i)
    places.push_back(first + i * n / count);
  return places;
}

}  // namespace

std::size_t BudgetModel::points_min() const {
  auto given = options_.min_points_in_model;
  return given ? static_cast<std::size_t>(*given) : space_.size() + 1;
}

void BudgetModel::tell(Point point, std::int64_t budget, std::optional<double> loss) {
  auto& history = histories_[budget];
  history.measured += loss ? 1 : 0;
  history.ranking.insert(loss.value_or(std::numeric_limits<double>::infinity()),
                         static_cast<std::uint32_t>(history.points.size()));
  history.keys.push_back(key_of(point));
  history.known.insert(history.keys.back());
  history.points.push_back(std::move(point));
}

std::optional<std::int64_t> BudgetModel::budget() const {
  for (auto it = histories_.rbegin(); it != histories_.rend(); ++it)
    if (it->second.measured >= results_factor * (points_min() + 2))
      return it->first;
  return std::nullopt;
}

Bandwidths BudgetModel::bandwidths(const std::vector<const Point*>& good,
                                   std::size_t results) const {
  Bandwidths widths{{}, category_prior};
  double most = width_start / (1 + width_decay * static_cast<double>(results));
  for (std::size_t i = 0; i < space_.size(); ++i) {
    double n = 0;
    double sum = 0;
    double squares = 0;
    for (const auto* point : good) {
      double x = (*point)[i];
      if (std::isnan(x))
        continue;
      ++n;
      sum += x;
      squares += x * x;
    }
    const auto& d = space_[i];
    double least = options_.min_bandwidth;
    if (d.discrete() && std::isfinite(d.levels()))
      least = std::max(least, 0.5 / d.levels());  // the neighbouring levels stay within reach
    double width = most;
    if (n > 1) {
      double sigma = std::sqrt(std::max(0.0, (squares - sum * sum / n) / (n - 1)));
      double rule = 1.06 * sigma * std::pow(n, -1 / (4 + static_cast<double>(space_.size())));
      width = std::min(rule, most);
    }
    widths.numeric.push_back(std::clamp(width, least, std::max(least, 1.0)));
  }
  return widths;
}

std::vector<const Point*> BudgetModel::left_behind(std::int64_t budget) const {
  auto known = histories_.at(budget).known;
  std::vector<const Point*> pool;
  for (const auto& [lower, history] : histories_) {
    if (lower >= budget)
      break;
    auto n = history.points.size();
    for (auto i = n - std::min(n, newest_max); i < n; ++i)
      if (known.insert(history.keys[i]).second)
        pool.push_back(&history.points[i]);
  }
  std::vector<const Point*> chosen;
  for (auto place : spread(0, pool.size(), left_behind_max))
    chosen.push_back(pool[place]);
  return chosen;
}

Point BudgetModel::propose(std::span<const Trial> running, const SeenPoints::Taken& taken,
                           Rng& rng) const {
  auto speaks = budget().value();
  const auto& history = histories_.at(speaks);
  auto n = history.measured;
  auto share = static_cast<std::size_t>(options_.top_n_percent * static_cast<double>(n) / 100);
  auto root = static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(n))));
  auto good_count = std::max(share, std::min(points_min(), root));
  std::vector<const Point*> good_points;
  auto keep = [&](auto& points) {
    return [&](const Ranking::Entry& entry) { points.push_back(&history.points[entry.trial]); };
  };
  history.ranking.visit(spread(0, good_count, components_max), keep(good_points));
  auto bad_points = left_behind(speaks);
  history.ranking.visit(spread(good_count, history.points.size(), components_max),
                        keep(bad_points));
  std::vector<Point> pending;
  for (const auto& trial : running.last(std::min(running.size(), running_max)))
    if (auto point = space_.point_of(trial.parameters))
      pending.push_back(std::move(*point));

  auto widths = bandwidths(good_points, n);
  auto wide = widths;
  for (auto& width : wide.numeric)
    width *= options_.bandwidth_factor;
  auto bad_count = static_cast<double>(bad_points.size() + pending.size());
  auto count = static_cast<double>(good_points.size());
  KernelMixture good(space_, widths, prior_share * count);
  KernelMixture bad(space_, widths, prior_share * std::max(1.0, bad_count));
  KernelMixture around(space_, wide, prior_share * count);
  for (std::size_t i = 0; i < good_points.size(); ++i) {
    double weight = std::exp(-static_cast<double>(i) / count);
    good.add(good_points[i]->data(), weight);
    around.add(good_points[i]->data(), weight);
  }
  for (const auto* point : bad_points)
    bad.add(point->data(), 1);
  for (const auto& point : pending)
    bad.add(point.data(), 1);
  for (auto* mixture : {&good, &bad, &around})
    mixture->close();

  std::pair<double, Point> best;
  for (std::int64_t i = 0; i < options_.num_samples; ++i) {
    auto point = around.draw(rng, crossover);
    if (!best.second.empty() && taken.contains(point))
      continue;
    double score = good.log_density(point) - bad.log_density(point);
    if (best.second.empty() || score > best.first || taken.contains(best.second))
      best = {score, std::move(point)};
  }
  return best.second;
}

}  // namespace autotune
