#include "tuner/evolution.hpp"

#include <algorithm>
#include <cmath>

namespace autotune {

namespace {

// Chosen on the public problems of the bench (docs/algorithms.md).
constexpr int tournament_size = 16;
constexpr std::size_t start_max = 10;   // so many results come before the first child
constexpr double crossover = 0.3;       // so many parameters come from the second parent
constexpr double another_change = 0.5;  // the odds of one more change after each
constexpr double step_share = 0.8;      // so many numeric changes are steps, the others draws
constexpr double step_start = 0.3;      // a step's standard deviation before any trial
constexpr double step_decay = 0.03;     // it is step_start / (1 + step_decay * trials)

}  // namespace

const EvolutionTuner::Member& EvolutionTuner::tournament(Rng& rng) const {
  const auto* best = &population_[rng.below(population_.size())];
  for (int i = 1; i < tournament_size; ++i)
    if (const auto& other = population_[rng.below(population_.size())]; other.loss < best->loss)
      best = &other;
  return *best;
}

double EvolutionTuner::changed(const Dimension& d, double u, Rng& rng) const {
  if (d.categorical()) {
    auto others = static_cast<std::uint64_t>(d.levels()) - 1;
    auto step = others == 0 ? 0 : 1 + rng.below(others);
    return d.unit_of_level(std::fmod(d.level_at(u) + static_cast<double>(step), d.levels()));
  }
  if (rng.uniform() >= step_share)
    return rng.uniform();
  double width = step_start / (1 + step_decay * static_cast<double>(told_));
  if (d.discrete())
    width = std::max(width, 1 / d.levels());
  double moved = u + width * rng.normal();
  if (moved < 0 || moved > 1)
    moved = moved < 0 ? -moved : 2 - moved;  // reflected
  return std::clamp(moved, 0.0, 1.0);
}

std::size_t EvolutionTuner::mend(Point& point, Rng& rng) const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (!seen_.space().active(point, i)) {
      point[i] = inactive;
      continue;
    }
    ++count;
    if (std::isnan(point[i]))
      point[i] = rng.uniform();
  }
  return count;
}

void EvolutionTuner::mutate(Point& point, std::size_t active, Rng& rng) const {
  auto left = rng.below(active);
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (std::isnan(point[i]) || left-- > 0)
      continue;
    const auto& d = seen_.space()[i];
    point[i] = changed(d, point[i], rng);
    std::fill(point.begin() + static_cast<std::ptrdiff_t>(i) + 1, point.begin() + d.end, inactive);
    return;
  }
}

Point EvolutionTuner::child(std::size_t running, Rng& rng) const {
  auto start = std::min(start_max, population_max_);
  // Running trials count up to a half: many workers shall not start from two results.
  if (told_ + running < start || 2 * told_ < start)
    return seen_.space().sample_point(rng);
  auto point = tournament(rng).point;
  const auto& other = tournament(rng).point;
  for (std::size_t i = 0; i < point.size(); ++i)
    if (rng.uniform() < crossover)
      point[i] = std::isnan(other[i]) ? point[i] : other[i];
  auto active = mend(point, rng);
  do {
    mutate(point, active, rng);
    active = mend(point, rng);
  } while (rng.uniform() < another_change);
  return point;
}

Ask EvolutionTuner::ask(Sequence trial, std::span<const Trial> running) const {
  auto rng = rng_for(seed_, trial);
  auto draw = [&] { return child(running.size(), rng); };
  auto point = seen_.with(running).free_from(draw(), draw);
  if (!point)
    return Exhausted{};
  return Suggestion{seen_.space().value_of(*point), ""};
}

void EvolutionTuner::tell(const Trial& ended) {
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  if (!ended.final_value)
    return;
  Member member{std::move(*point), *ended.final_value};
  if (population_.size() < population_max_)
    population_.push_back(std::move(member));
  else
    population_[told_ % population_max_] = std::move(member);
  ++told_;
}

}  // namespace autotune
