#include "tuner/anneal.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace autotune {

namespace {

constexpr double shrink = 0.1;  // hyperopt's: a neighbourhood is 1 / (1 + shrink * trials) wide
// Chosen on the public problems of the bench (docs/algorithms.md); hyperopt's are 2 and 0.
constexpr double mean_rank = 1.5;  // of the chosen trial, counted from 1
constexpr double crossover = 0.4;  // so many parameters take their place from another good trial
constexpr std::size_t stand_ins_max = 64;  // so many ranks are looked through for a parameter
constexpr std::size_t running_max = 256;   // the newest so many running trials take part

bool is_normal(ParameterType type) {
  using T = ParameterType;
  return type == T::normal || type == T::qnormal || type == T::lognormal || type == T::qlognormal;
}

/// A draw from the prior of d restricted to the share `width` of it around u.
double near(const Dimension& d, double u, double width, Rng& rng) {
  if (d.categorical())
    return rng.uniform() < width ? rng.uniform() : u;
  if (is_normal(d.parameter().type)) {
    constexpr double edge = 1e-15;  // about 8 sigma: keeps the next step finite
    double z = normal_quantile(std::clamp(u, edge, 1 - edge)) + width * rng.normal();
    return std::clamp(normal_cdf(z), edge, 1 - edge);
  }
  double half = width / 2;
  if (d.discrete())
    half = std::max(half, 1.5 / d.levels());  // a third for each: one down, stay, one up
  half = std::min(half, 0.5);
  double middle = std::clamp(u, half, 1 - half);
  return middle + half * (2 * rng.uniform() - 1);
}

}  // namespace

const double* AnnealTuner::ranked(std::size_t rank) const {
  const double* found = nullptr;
  ranking_.visit(std::array{rank},
                 [&](const auto& entry) { found = &points_[entry.trial * seen_.space().size()]; });
  return found;
}

std::vector<Point> AnnealTuner::points_of(std::span<const Trial> running) const {
  std::vector<Point> points;
  if (options_.liar == Liar::none || ranking_.size() == 0)
    return points;
  for (const auto& trial : running.last(std::min(running.size(), running_max)))
    if (auto point = seen_.space().point_of(trial.parameters))
      points.push_back(std::move(*point));
  return points;
}

const double* AnnealTuner::centre(const std::vector<Point>& running, Rng& rng) const {
  auto told = ranking_.size();
  auto lies_from = told;  // the rank that the running trials are taken to have
  if (options_.liar == Liar::best)
    lies_from = ranking_.count_up_to(ranking_.best());
  else if (options_.liar == Liar::mean)
    lies_from = ranking_.count_up_to(loss_sum_ / static_cast<double>(told));
  double geometric = std::log(rng.uniform_open()) / std::log(1 - 1 / mean_rank);
  auto rank = std::min(static_cast<std::size_t>(geometric), told + running.size() - 1);
  if (rank < lies_from)
    return ranked(rank);
  if (rank < lies_from + running.size())
    return running[rank - lies_from].data();
  return ranked(rank - running.size());
}

double AnnealTuner::stand_in(std::size_t i) const {
  if (active_[i] == 0)
    return inactive;
  for (std::size_t rank = 0; rank < std::min(ranking_.size(), stand_ins_max); ++rank)
    if (double u = ranked(rank)[i]; !std::isnan(u))
      return u;
  return inactive;
}

Point AnnealTuner::propose(const std::vector<Point>& running, Rng& rng) const {
  const auto& space = seen_.space();
  if (ranking_.size() == 0)
    return space.sample_point(rng);
  const double* chosen = centre(running, rng);
  Point point(space.size(), inactive);
  for (std::size_t i = 0; i < space.size(); ++i) {
    if (!space.active(point, i))
      continue;
    double u = rng.uniform() < crossover ? centre(running, rng)[i] : chosen[i];
    if (std::isnan(u))
      u = stand_in(i);
    auto trials = static_cast<double>(active_[i] + running.size());
    point[i] = std::isnan(u) ? rng.uniform() : near(space[i], u, 1 / (1 + shrink * trials), rng);
  }
  return point;
}

Ask AnnealTuner::ask(Sequence trial, std::span<const Trial> running) const {
  auto rng = rng_for(seed_, trial);
  auto lies = points_of(running);
  auto point =
      seen_.with(running).free_from(propose(lies, rng), [&] { return propose(lies, rng); });
  if (!point)
    return Exhausted{};
  return Suggestion{seen_.space().value_of(*point), ""};
}

void AnnealTuner::tell(const Trial& ended) {
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  if (!ended.final_value)
    return;
  ranking_.insert(*ended.final_value, static_cast<std::uint32_t>(ranking_.size()));
  points_.insert(points_.end(), point->begin(), point->end());
  for (std::size_t i = 0; i < point->size(); ++i)
    active_[i] += std::isnan((*point)[i]) ? 0 : 1;
  loss_sum_ += *ended.final_value;
}

}  // namespace autotune
