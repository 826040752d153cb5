#include "tuner/smac.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tuner/directed.hpp"
#include "tuner/latin_hypercube.hpp"

namespace autotune {

namespace {

constexpr std::size_t known_max = 1000;
constexpr std::size_t running_max = 256;  // the newest so many running trials take part
constexpr int steps_max = 30;             // of one local search
constexpr int neighbours_numeric = 4;     // of each ordered dimension
constexpr double neighbour_width = 0.1;   // standard deviation, as SMAC has it
constexpr double neighbour_fine = 0.01;   // half of them look closer

/// How much below `best` a normal value is expected to come (Jones, Schonlau, Welch 1998).
double expected_improvement(const RandomForest::Prediction& at, double best) {
  double sigma = std::sqrt(at.variance);
  double gain = best - at.mean;
  if (sigma < 1e-12)
    return std::max(0.0, gain);
  double z = gain / sigma;
  double density = std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI);
  return gain * normal_cdf(z) + sigma * density;
}

/// Gives the dimensions below a nested choice that has changed their coordinates, or takes them.
void settle(const Space& space, Point& point, Rng& rng) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    bool active = space.active(point, i);
    if (!active)
      point[i] = inactive;
    else if (std::isnan(point[i]))
      point[i] = rng.uniform();
  }
}

/// A point that differs in dimension i.
Point neighbour(const Space& space, const Point& from, std::size_t i, double width, Rng& rng) {
  auto point = from;
  const auto& d = space[i];
  if (d.categorical()) {
    auto levels = static_cast<std::uint64_t>(d.levels());
    auto other =
        (static_cast<std::uint64_t>(d.level_at(from[i])) + 1 + rng.below(levels - 1)) % levels;
    point[i] = d.unit_of_level(static_cast<double>(other));
    settle(space, point, rng);
    return point;
  }
  double u = from[i] + width * rng.normal();
  if (u < 0 || u > 1)
    u = std::abs(u) <= 1 ? std::abs(u) : u > 1 && u < 2 ? 2 - u : rng.uniform();  // reflected
  if (d.discrete() && std::isfinite(d.levels()) && d.levels() > 1 &&
      d.level_at(u) == d.level_at(from[i])) {
    double step = rng.below(2) == 0 ? -1 : 1;
    double level = d.level_at(from[i]) + step;
    auto [low, high] = d.cell(level);
    if (low >= 0 && high <= 1 && low < high)
      u = d.unit_of_level(level);
  }
  point[i] = std::clamp(u, 0.0, 1.0);
  return point;
}

/// The candidate with the greatest value among those that are free.
struct Champion {
  Point point;
  double value = -1;
  bool free = false;

  void meet(const Point& candidate, double at, bool is_free) {
    if (!point.empty() && (free && !is_free))
      return;
    if (point.empty() || (is_free && !free) || at > value) {
      point = candidate;
      value = at;
      free = is_free;
    }
  }
};

}  // namespace

SmacTuner::SmacTuner(Space space, std::int64_t seed, SmacOptions options)
    : seed_(seed), options_(options), seen_(std::move(space)) {}

SmacTuner::Known SmacTuner::known() const {
  auto d = seen_.space().size();
  std::vector<std::uint32_t> order(losses_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return losses_[a] < losses_[b]; });
  auto n = order.size();
  Known known;
  auto take = [&](std::size_t rank) {
    const auto* from = &points_[order[rank] * d];
    known.points.insert(known.points.end(), from, from + d);
    // Equal losses have equal targets: the middle of their ranks.
    auto first = rank;
    auto last = rank;
    while (first > 0 && losses_[order[first - 1]] == losses_[order[rank]])
      --first;
    while (last + 1 < n && losses_[order[last + 1]] == losses_[order[rank]])
      ++last;
    double middle = 0.5 * static_cast<double>(first + last);
    known.targets.push_back(normal_quantile((middle + 0.5) / static_cast<double>(n)));
  };
  for (std::size_t rank = 0; rank < n; ++rank)
    if (n <= known_max || rank < known_max / 2 || order[rank] + known_max / 2 >= n)
      take(rank);
  auto walks = std::min(n - failed_, static_cast<std::size_t>(options_.local_searches));
  for (std::size_t rank = 0; rank < walks; ++rank)
    known.best.emplace_back(&points_[order[rank] * d], &points_[order[rank] * d] + d);
  return known;
}

RandomForest SmacTuner::forest(const Known& known) const {
  ForestOptions options;
  options.trees = static_cast<std::size_t>(options_.n_trees);
  return RandomForest(seen_.space(), known.points, known.targets, options,
                      rng_for(seed_, -1).split(losses_.size()));
}

Point SmacTuner::propose(std::span<const Trial> running, const SeenPoints::Taken& taken,
                         Rng& rng) const {
  const auto& space = seen_.space();
  auto data = known();
  double best = *std::min_element(data.targets.begin(), data.targets.end());
  auto model = forest(data);
  bool believes = false;
  for (const auto& trial : running.last(std::min(running.size(), running_max))) {
    auto point = space.point_of(trial.parameters);
    if (!point)
      continue;
    data.targets.push_back(model.predict(*point).mean);
    data.points.insert(data.points.end(), point->begin(), point->end());
    believes = true;
  }
  if (believes)
    model = forest(data);
  auto value = [&](const Point& point) { return expected_improvement(model.predict(point), best); };
  Champion champion;
  for (std::int64_t k = 0; k < options_.n_candidates; ++k) {
    auto point = space.sample_point(rng);
    champion.meet(point, value(point), !taken.contains(point));
  }
  for (auto at : data.best) {
    double here = value(at);
    for (int step = 0; step < steps_max; ++step) {
      Champion next;
      for (std::size_t i = 0; i < space.size(); ++i) {
        if (std::isnan(at[i]) || space[i].levels() == 1)
          continue;
        for (int k = 0; k < neighbours_numeric; ++k) {
          auto point = neighbour(space, at, i, k % 2 == 0 ? neighbour_width : neighbour_fine, rng);
          next.meet(point, value(point), !taken.contains(point));
        }
      }
      if (next.point.empty() || next.value <= here)
        break;
      champion.meet(next.point, next.value, next.free);
      at = next.point;
      here = next.value;
    }
  }
  return champion.point;
}

Ask SmacTuner::ask(Sequence trial, std::span<const Trial> running) const {
  const auto& space = seen_.space();
  auto rng = rng_for(seed_, trial);
  auto taken = seen_.with(running);
  auto draw = [&] { return space.sample_point(rng); };
  auto told = static_cast<std::int64_t>(losses_.size() - failed_);
  auto known = told + static_cast<std::int64_t>(running.size());
  std::optional<Point> point;
  if (told == 0 || known < options_.n_startup_jobs || 2 * told < options_.n_startup_jobs) {
    auto size =
        static_cast<std::uint64_t>(std::clamp<std::int64_t>(options_.n_startup_jobs, 1, 1000));
    point = taken.free_from(latin_hypercube(space, seed_, trial, size, rng), draw);
  } else if (rng.uniform() < options_.random_fraction) {
    point = taken.free_from(draw(), draw);
  } else if (!taken.everything()) {
    point = taken.free_from(propose(running, taken, rng), draw);
  }
  if (!point)
    return Exhausted{};
  return Suggestion{space.value_of(*point), ""};
}

void SmacTuner::tell(const Trial& ended) {
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  bool failed = came_to_nothing(ended);
  if (!ended.final_value && !failed)
    return;
  points_.insert(points_.end(), point->begin(), point->end());
  losses_.push_back(ended.final_value.value_or(std::numeric_limits<double>::infinity()));
  failed_ += failed ? 1 : 0;
}

}  // namespace autotune
