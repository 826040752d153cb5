#include "tuner/nsga2.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "tuner/latin_hypercube.hpp"
#include "tuner/pareto.hpp"
#include "tuner/trial_order.hpp"

namespace autotune {

namespace {

// Chosen on the problems of multi_quality (docs/algorithms.md).
constexpr std::size_t start_max = 15;  // so many results come before the first child
constexpr std::size_t growth =
    8;  // the population is this part of all results, and at least start_max
constexpr int changes_max = 16;  // of a child that is like a trial before it
constexpr double swap = 0.5;     // of a child's choices, so many are the second parent's

/// One child's coordinate by simulated binary crossover between bounds (Deb, Agrawal 1995): near either parent, the
/// nearer to each other these are.
double crossed_coordinate(double a, double b, double index, Rng& rng) {
  double low = std::min(a, b);
  double high = std::max(a, b);
  bool upper = rng.uniform() < 0.5;
  double u = rng.uniform();
  if (high - low < 1e-14)
    return a;
  double room = upper ? 1 - high : low;
  double alpha = 2 - std::pow(1 + 2 * room / (high - low), -(index + 1));
  double spread = u <= 1 / alpha ? std::pow(u * alpha, 1 / (index + 1))
                                 : std::pow(1 / (2 - u * alpha), 1 / (index + 1));
  double child = 0.5 * (low + high + (upper ? spread : -spread) * (high - low));
  return std::clamp(child, 0.0, 1.0);
}

/// A step between bounds by polynomial mutation (Deb, Goyal 1996).
double stepped(double u, double index, Rng& rng) {
  double r = rng.uniform();
  double power = 1 / (index + 1);
  double step = r < 0.5 ? std::pow(2 * r + (1 - 2 * r) * std::pow(1 - u, index + 1), power) - 1
                        : 1 - std::pow(2 * (1 - r) + (2 * r - 1) * std::pow(u, index + 1), power);
  return std::clamp(u + step, 0.0, 1.0);
}

double snapped(const Dimension& d, double u) {
  return d.discrete() ? d.unit_of_level(d.level_at(u)) : u;
}

/// Draws what is active without a value, empties what is not active.
void mend(const Space& space, Point& point, Rng& rng) {
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (!space.active(point, i))
      point[i] = inactive;
    else if (std::isnan(point[i]))
      point[i] = snapped(space[i], rng.uniform());
  }
}

std::size_t text_of(const Value& parameters) {
  return std::hash<std::string>()(to_json(parameters));
}

}  // namespace

Nsga2Tuner::Nsga2Tuner(Space space, std::int64_t seed, Nsga2Options options)
    : seed_(seed), options_(options), seen_(std::move(space)) {}

bool Nsga2Tuner::better(const Member& a, const Member& b) {
  return a.rank != b.rank ? a.rank < b.rank : a.crowding > b.crowding;
}

std::size_t Nsga2Tuner::population_max() const {
  return std::min(static_cast<std::size_t>(options_.population_size),
                  std::max(start_max, results_ / growth));
}

void Nsga2Tuner::stand() {
  Losses losses(options_.goals);
  std::vector<Member*> meeting;
  std::vector<Member*> breaking;
  for (auto& member : population_) {
    (member.violations.empty() ? meeting : breaking).push_back(&member);
    if (member.violations.empty())
      losses.add(member.losses);
  }
  auto fronts = sort_fronts(losses);
  for (std::size_t rank = 0; rank < fronts.size(); ++rank) {
    auto distances = crowding_distances(losses, fronts[rank]);
    for (std::size_t k = 0; k < distances.size(); ++k) {
      meeting[fronts[rank][k]]->rank = rank;
      meeting[fronts[rank][k]]->crowding = distances[k];
    }
  }
  std::vector<std::vector<double>> violations;
  for (const auto* member : breaking)
    violations.push_back(member->violations);
  auto totals = total_violations(violations);
  for (std::size_t k = 0; k < breaking.size(); ++k) {
    auto less =
        std::count_if(totals.begin(), totals.end(), [&](double t) { return t < totals[k]; });
    breaking[k]->rank = fronts.size() + static_cast<std::size_t>(less);
    breaking[k]->crowding = 0;
  }
}

const Nsga2Tuner::Member& Nsga2Tuner::tournament(Rng& rng) const {
  const auto& a = population_[rng.below(population_.size())];
  const auto& b = population_[rng.below(population_.size())];
  return better(b, a) ? b : a;
}

Point Nsga2Tuner::crossed(const Point& a, const Point& b, Rng& rng) const {
  Point point = a;
  for (std::size_t i = 0; i < point.size(); ++i) {
    const auto& d = seen_.space()[i];
    if (std::isnan(a[i]))
      point[i] = b[i];
    else if (std::isnan(b[i]))
      continue;
    else if (d.categorical())
      point[i] = rng.uniform() < swap ? b[i] : a[i];
    else
      point[i] = snapped(d, crossed_coordinate(a[i], b[i], options_.crossover_index, rng));
  }
  return point;
}

double Nsga2Tuner::mutated(const Dimension& d, double u, Rng& rng) const {
  if (d.categorical()) {
    auto others = static_cast<std::uint64_t>(d.levels()) - 1;
    auto step = others == 0 ? 0 : 1 + rng.below(others);
    return d.unit_of_level(std::fmod(d.level_at(u) + static_cast<double>(step), d.levels()));
  }
  double moved = stepped(u, options_.mutation_index, rng);
  if (!d.discrete() || d.level_at(moved) != d.level_at(u))
    return snapped(d, moved);
  // A step within one level would change nothing: to the next one.
  auto [from, to] = d.cell(d.level_at(u));
  bool up = from <= 0 || (to < 1 && moved > u);
  return up ? (to < 1 ? snapped(d, std::nextafter(to, 1)) : u)
            : snapped(d, std::nextafter(from, 0));
}

/// Another value for dimension i; what it opens is to be drawn anew.
void Nsga2Tuner::change(Point& point, std::size_t i, Rng& rng) const {
  const auto& d = seen_.space()[i];
  point[i] = mutated(d, point[i], rng);
  std::fill(point.begin() + static_cast<std::ptrdiff_t>(i) + 1, point.begin() + d.end, inactive);
}

void Nsga2Tuner::mutate(Point& point, Rng& rng) const {
  auto active = static_cast<std::uint64_t>(
      std::count_if(point.begin(), point.end(), [](double u) { return !std::isnan(u); }));
  double probability = options_.mutation_probability.value_or(1 / static_cast<double>(active));
  for (std::size_t i = 0; i < point.size(); ++i)
    if (!std::isnan(point[i]) && rng.uniform() < probability)
      change(point, i, rng);
  mend(seen_.space(), point, rng);
}

Point Nsga2Tuner::child(const Tried& running, Rng& rng) const {
  const auto& a = tournament(rng).point;
  const auto& b = tournament(rng).point;
  auto point = rng.uniform() < options_.crossover_probability ? crossed(a, b, rng) : a;
  mend(seen_.space(), point, rng);
  mutate(point, rng);
  for (int tries = 0; tries < changes_max; ++tries) {
    auto text = text_of(seen_.space().value_of(point));
    if (!tried_.contains(text) && !running.contains(text))
      break;
    std::vector<std::size_t> active;
    for (std::size_t i = 0; i < point.size(); ++i)
      if (!std::isnan(point[i]))
        active.push_back(i);
    change(point, active[rng.below(active.size())], rng);
    mend(seen_.space(), point, rng);
  }
  return point;
}

Ask Nsga2Tuner::ask(Sequence trial, std::span<const Trial> running) const {
  const auto& space = seen_.space();
  auto rng = rng_for(seed_, trial);
  auto taken = seen_.with(running);
  auto start = std::min(start_max, static_cast<std::size_t>(options_.population_size));
  std::optional<Point> point;
  // Running trials count up to a half: many workers shall not start from two results.
  if (results_ + running.size() < start || 2 * results_ < start) {
    point = taken.free_from(latin_hypercube(space, seed_, trial, start, rng),
                            [&] { return space.sample_point(rng); });
  } else {
    Tried texts;
    for (const auto& other : running)
      texts.insert(text_of(other.parameters));
    point = taken.free_from(child(texts, rng), [&] { return child(texts, rng); });
  }
  if (!point)
    return Exhausted{};
  return Suggestion{space.value_of(*point), ""};
}

void Nsga2Tuner::tell(const Trial& ended) {
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  // A real number may lose its last bit on the way through a coordinate.
  tried_.insert(text_of(ended.parameters));
  tried_.insert(text_of(seen_.space().value_of(*point)));
  if (!ended.final_value)
    return;
  Member member;
  member.point = std::move(*point);
  auto losses = losses_of(ended, options_.goals);
  member.losses.assign(losses.begin(), losses.end());
  if (breaks_constraint(ended))
    member.violations = ended.violations;
  population_.push_back(std::move(member));
  ++results_;
  stand();
  if (population_.size() <= population_max())
    return;
  // Of equal ones the oldest leaves.
  population_.erase(std::max_element(population_.begin(), population_.end(), better));
  stand();
}

}  // namespace autotune
