#include "tuner/tpe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tuner/latin_hypercube.hpp"

namespace autotune {

namespace {

// Chosen on the public problems of the bench and checked on the held-out ones (docs/algorithms.md).
constexpr double width_start = 0.35;  // a kernel's standard deviation before any trial
constexpr double width_decay = 0.1;   // it is width_start / (1 + width_decay * trials)
constexpr double width_min = 0.002;   // finer steps are left to a longer life than a tuning run has
constexpr double one_goal_crossover = 0.2;
constexpr double rank_decay = 1;  // weight of the last good trial: e^-1 of the first one's, nearly
constexpr double category_prior = 0.5;
constexpr double good_prior_factor = 0.5;  // of prior_weight
// Coordinates that each win over 23 others all lie where l / g is greatest: few points, again and again.
constexpr std::int64_t joint_candidates_for_one_apart = 12;
constexpr std::size_t rest_joint = 100;
constexpr std::size_t rest_apart = 50;
// With several goals the good trials make a whole front: they are more, lie further apart, and are mixed more.
constexpr double several_goals_factor = 2;
constexpr double several_width_decay = 0.05;
constexpr double several_crossover = 0.4;
constexpr std::size_t running_max = 256;  // the newest so many running trials take part

}  // namespace

TpeTuner::TpeTuner(Space space, std::int64_t seed, TpeOptions options)
    : seed_(seed), options_(options), seen_(std::move(space)), order_(options.goals) {
  if (options_.rest_max == 0)
    options_.rest_max = options_.multivariate ? rest_joint : rest_apart;
}

bool TpeTuner::starting(std::size_t running) const {
  auto told = static_cast<std::int64_t>(order_.usable());
  auto known = told + static_cast<std::int64_t>(running);
  return told == 0 || known < options_.n_startup_jobs || 2 * told < options_.n_startup_jobs;
}

Bandwidths TpeTuner::bandwidths() const {
  Bandwidths b;
  b.category_prior = category_prior;
  double decay = options_.goals > 1 ? several_width_decay : width_decay;
  double shrunk =
      std::max(width_min, width_start / (1 + decay * static_cast<double>(order_.size())));
  for (const auto& d : seen_.space().dimensions()) {
    bool stepped = d.discrete() && std::isfinite(d.levels());
    // Half a step at least, so that the neighbouring levels stay within reach.
    b.numeric.push_back(stepped ? std::min(1.0, std::max(shrunk, 0.5 / d.levels())) : shrunk);
  }
  return b;
}

std::vector<Point> TpeTuner::points_of(std::span<const Trial> running) const {
  std::vector<Point> points;
  if (options_.liar == Liar::none)
    return points;
  for (const auto& trial : running.last(std::min(running.size(), running_max)))
    if (auto point = seen_.space().point_of(trial.parameters))
      points.push_back(std::move(*point));
  return points;
}

void TpeTuner::fill(KernelMixture& good, KernelMixture& rest,
                    const std::vector<Point>& running) const {
  auto n = order_.size();
  auto all = n + running.size();
  auto wanted = std::ceil(options_.gamma * std::sqrt(static_cast<double>(all)));
  if (options_.goals > 1)
    wanted = std::ceil(wanted * several_goals_factor);
  auto good_max = std::min(wanted, static_cast<double>(options_.linear_forgetting));
  auto good_count = static_cast<std::size_t>(std::clamp(good_max, 1.0, static_cast<double>(all)));

  // Where the running trials stand among the ranked ones: past those with an equal loss.
  std::size_t lie_rank = n;
  if (options_.liar == Liar::best || options_.liar == Liar::mean)
    lie_rank = options_.liar == Liar::best ? order_.count_of_best() : order_.count_to_mean();
  auto good_told = std::min(good_count, lie_rank);
  auto good_running = std::min(good_count - good_told, running.size());
  good_told = std::min(good_count - good_running, order_.usable());

  auto ranked = order_.view(good_told);
  std::vector<std::size_t> ranks(good_told);
  std::iota(ranks.begin(), ranks.end(), 0);
  auto weight = [&](std::size_t place) {
    return std::exp(-rank_decay * static_cast<double>(place) / static_cast<double>(good_count));
  };
  std::size_t place = 0;
  ranked.visit(ranks, [&](auto trial) { good.add(point(trial), weight(place++)); });
  for (std::size_t i = 0; i < good_running; ++i)
    good.add(running[i].data(), weight(place++));

  ranks.clear();
  auto others = n - good_told;
  auto rest_max = options_.rest_max;
  auto near = others <= rest_max ? others : rest_max / 2;
  for (std::size_t i = 0; i < near; ++i)
    ranks.push_back(good_told + i);
  for (std::size_t i = 0; near < others && i < rest_max - near; ++i)
    ranks.push_back(good_told + near + i * (others - near) / (rest_max - near));
  ranked.visit(ranks, [&](auto trial) { rest.add(point(trial), 1); });
  for (std::size_t i = good_running; i < running.size(); ++i)
    rest.add(running[i].data(), 1);
}

double TpeTuner::crossover() const {
  return options_.goals > 1 ? several_crossover : one_goal_crossover;
}

Point TpeTuner::propose(KernelMixture& good, KernelMixture& rest, const SeenPoints::Taken& taken,
                        Rng& rng) const {
  Point best;
  double best_score = 0;
  for (std::int64_t i = 0; i < options_.n_ei_candidates; ++i) {
    auto candidate = good.draw(rng, crossover());
    if (taken.contains(candidate) && !best.empty())
      continue;
    double score = good.log_density(candidate) - rest.log_density(candidate);
    if (best.empty() || score > best_score || taken.contains(best)) {
      best = std::move(candidate);
      best_score = score;
    }
  }
  return best;
}

Point TpeTuner::propose_apart(const KernelMixture& good, const KernelMixture& rest,
                              Rng& rng) const {
  const auto& space = seen_.space();
  Point point(space.size(), inactive);
  auto draws = std::max<std::int64_t>(1, options_.n_ei_candidates / joint_candidates_for_one_apart);
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (!space.active(point, i))
      continue;
    double best_score = 0;
    for (std::int64_t k = 0; k < draws; ++k) {
      double x = good.draw_along(i, rng);
      double score = good.log_density_along(i, x) - rest.log_density_along(i, x);
      if (k == 0 || score > best_score) {
        point[i] = x;
        best_score = score;
      }
    }
  }
  return point;
}

Ask TpeTuner::ask(Sequence trial, std::span<const Trial> running) const {
  const auto& space = seen_.space();
  auto rng = rng_for(seed_, trial);
  auto taken = seen_.with(running);
  std::optional<Point> point;
  if (starting(running.size())) {
    auto size =
        static_cast<std::uint64_t>(std::clamp<std::int64_t>(options_.n_startup_jobs, 1, 1000));
    point = taken.free_from(latin_hypercube(space, seed_, trial, size, rng),
                            [&] { return space.sample_point(rng); });
  } else {
    auto widths = bandwidths();
    KernelMixture good(space, widths, options_.prior_weight * good_prior_factor);
    KernelMixture rest(space, widths, options_.prior_weight);
    fill(good, rest, points_of(running));
    good.close();
    rest.close();
    auto first =
        options_.multivariate ? propose(good, rest, taken, rng) : propose_apart(good, rest, rng);
    point = taken.free_from(std::move(first), [&] { return good.draw(rng, crossover()); });
  }
  if (!point)
    return Exhausted{};
  return Suggestion{space.value_of(*point), ""};
}

void TpeTuner::tell(const Trial& ended) {
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  if (!ended.final_value && !came_to_nothing(ended))
    return;
  auto number = static_cast<std::uint32_t>(order_.size());
  if (ended.final_value) {
    order_.insert(ended, number);
  } else {
    // Never a good one, but one of the others: what fails would else look like what nobody has tried yet.
    Trial failed;
    failed.violations = {std::numeric_limits<double>::infinity()};
    order_.insert(failed, number);
  }
  points_.insert(points_.end(), point->begin(), point->end());
}

}  // namespace autotune
