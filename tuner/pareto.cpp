#include "tuner/pareto.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <queue>

namespace autotune {

namespace {

constexpr std::size_t hypervolume_goals_max = 4;  // more take milliseconds
constexpr double reference_beyond =
    0.1;  // of a front's range: so far beyond its worst the reference lies

/// b - a of finite numbers; halves keep it finite.
double half_distance(double a, double b) { return 0.5 * b - 0.5 * a; }

double volume_below(std::span<const double> point, std::span<const double> reference) {
  double volume = 1;
  for (std::size_t g = 0; g < point.size(); ++g)
    volume *= std::max(0.0, reference[g] - point[g]);
  return volume;
}

/// Of two goals: a sweep.
double area(const Losses& points, std::span<const double> reference) {
  std::vector<std::uint32_t> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return points[a][0] < points[b][0]; });
  double sum = 0;
  double ceiling = reference[1];
  for (auto i : order) {
    auto p = points[i];
    if (p[0] >= reference[0] || p[1] >= ceiling)
      continue;
    sum += (reference[0] - p[0]) * (ceiling - p[1]);
    ceiling = p[1];
  }
  return sum;
}

/// What `point` adds to the volume of `others`.
double added_volume(std::span<const double> point, const Losses& others,
                    std::span<const double> reference) {
  double own = volume_below(point, reference);
  if (own == 0 || others.size() == 0)
    return own;
  // What the others cover of its box: each moved to the box's edge.
  Losses covered(point.size());
  std::vector<double> row(point.size());
  for (std::size_t i = 0; i < others.size(); ++i) {
    std::transform(point.begin(), point.end(), others[i].begin(), row.begin(),
                   [](double a, double b) { return std::max(a, b); });
    covered.add(row);
  }
  return own - hypervolume(covered, reference);
}

/// In an order in which a trial is dominated by earlier ones only; equal ones by their number.
Front lexicographic(const Losses& losses) {
  Front order(losses.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) {
    auto x = losses[a];
    auto y = losses[b];
    auto [p, q] = std::mismatch(x.begin(), x.end(), y.begin());
    return p == x.end() ? a < b : *p < *q;
  });
  return order;
}

Losses first_front_of(const Losses& points) {
  Losses front(points.goals());
  for (auto i : lexicographic(points)) {
    bool beaten = false;
    for (std::size_t k = front.size(); k-- > 0 && !beaten;)
      beaten = dominates(front[k], points[i]);
    if (!beaten)
      front.add(points[i]);
  }
  return front;
}

/// The front's rows, each goal scaled to [0, 1]; a goal without a range is 0.
Losses scaled(const Losses& losses, const Front& front) {
  auto goals = losses.goals();
  std::vector<double> low(goals, std::numeric_limits<double>::infinity());
  std::vector<double> high(goals, -std::numeric_limits<double>::infinity());
  for (auto i : front)
    for (std::size_t g = 0; g < goals; ++g) {
      low[g] = std::min(low[g], losses[i][g]);
      high[g] = std::max(high[g], losses[i][g]);
    }
  Losses rows(goals);
  std::vector<double> row(goals);
  for (auto i : front) {
    for (std::size_t g = 0; g < goals; ++g) {
      double range = half_distance(low[g], high[g]);
      row[g] = range > 0 ? half_distance(low[g], losses[i][g]) / range : 0;
    }
    rows.add(row);
  }
  return rows;
}

}  // namespace

bool dominates(std::span<const double> a, std::span<const double> b) {
  bool better = false;
  for (std::size_t g = 0; g < a.size(); ++g) {
    if (a[g] > b[g])
      return false;
    better = better || a[g] < b[g];
  }
  return better;
}

std::vector<Front> sort_fronts(const Losses& losses) {
  std::vector<Front> fronts;
  auto beaten_in = [&](const Front& front, std::uint32_t trial) {
    if (losses.goals() <= 2)  // the last one has the least second loss of its front
      return dominates(losses[front.back()], losses[trial]);
    return std::any_of(front.rbegin(), front.rend(),
                       [&](auto i) { return dominates(losses[i], losses[trial]); });
  };
  for (auto trial : lexicographic(losses)) {
    auto front = std::partition_point(fronts.begin(), fronts.end(),
                                      [&](const Front& f) { return beaten_in(f, trial); });
    if (front == fronts.end())
      front = fronts.emplace(fronts.end());
    front->push_back(trial);
  }
  for (auto& front : fronts)
    std::sort(front.begin(), front.end());
  return fronts;
}

std::vector<double> crowding_distances(const Losses& losses, const Front& front) {
  std::vector<double> distances(front.size(), 0);
  std::vector<std::size_t> order(front.size());
  for (std::size_t g = 0; g < losses.goals() && !front.empty(); ++g) {
    std::iota(order.begin(), order.end(), 0);
    auto loss = [&](std::size_t k) { return losses[front[order[k]]][g]; };
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return losses[front[a]][g] < losses[front[b]][g]; });
    double range = half_distance(loss(0), loss(order.size() - 1));
    if (!(range > 0))
      continue;  // says nothing of how they lie
    distances[order.front()] = std::numeric_limits<double>::infinity();
    distances[order.back()] = std::numeric_limits<double>::infinity();
    for (std::size_t k = 1; k + 1 < order.size(); ++k)
      distances[order[k]] += half_distance(loss(k - 1), loss(k + 1)) / range;
  }
  return distances;
}

Front by_crowding(const Losses& losses, const Front& front) {
  auto distances = crowding_distances(losses, front);
  std::vector<std::size_t> order(front.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return distances[a] > distances[b]; });
  Front sorted;
  for (auto place : order)
    sorted.push_back(front[place]);
  return sorted;
}

double hypervolume(const Losses& points, std::span<const double> reference) {
  if (points.goals() == 2)
    return area(points, reference);
  double sum = 0;
  auto front = first_front_of(points);
  if (front.goals() == 1)
    return front.size() == 0 ? 0 : volume_below(front[0], reference);
  // The volume is what each point adds to those before it.
  Losses before(front.goals());
  for (std::size_t i = 0; i < front.size(); ++i) {
    sum += added_volume(front[i], before, reference);
    before.add(front[i]);
  }
  return sum;
}

Front select_by_hypervolume(const Losses& losses, const Front& front, std::size_t count) {
  count = std::min(count, front.size());
  if (losses.goals() > hypervolume_goals_max) {
    auto sorted = by_crowding(losses, front);
    sorted.resize(count);
    return sorted;
  }
  auto rows = scaled(losses, front);
  std::vector<double> reference(losses.goals(), 1 + reference_beyond);
  // What a member adds only falls as others are chosen, so an old figure is a bound.
  struct Bound {
    double volume;
    std::size_t place;  // in front
    std::size_t after;  // so many had been chosen
  };
  auto worse = [](const Bound& a, const Bound& b) {
    return a.volume != b.volume ? a.volume < b.volume : a.place > b.place;
  };
  std::vector<Bound> bounds;
  for (std::size_t i = 0; i < front.size(); ++i)
    bounds.push_back({volume_below(rows[i], reference), i, 0});
  std::priority_queue<Bound, std::vector<Bound>, decltype(worse)> queue(worse, std::move(bounds));
  Front chosen;
  Losses chosen_rows(losses.goals());
  while (chosen.size() < count) {
    auto top = queue.top();
    queue.pop();
    if (top.after < chosen.size()) {
      top.volume = added_volume(rows[top.place], chosen_rows, reference);
      top.after = chosen.size();
      queue.push(top);
      continue;
    }
    chosen.push_back(front[top.place]);
    chosen_rows.add(rows[top.place]);
  }
  return chosen;
}

}  // namespace autotune
