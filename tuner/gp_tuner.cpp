#include "tuner/gp_tuner.hpp"

#include <algorithm>
#include <cmath>

namespace autotune {

namespace {

// Chosen on four public and two held-out problems (docs/algorithms.md).
constexpr double local_share = 0.67;  // of suggestions
constexpr double width_max = 0.3;     // of a region around the best trial
constexpr double width_min = 0.005;

}  // namespace

bool still_starting(std::size_t told, std::size_t running, std::int64_t start) {
  auto results = static_cast<std::int64_t>(told);
  auto known = results + static_cast<std::int64_t>(running);
  return results == 0 || known < start || 2 * results < start;
}

std::vector<Features> features_of(const GpModel& model, std::span<const Trial> running) {
  std::vector<Features> all;
  for (const auto& trial : running)
    if (auto point = model.space().point_of(trial.parameters))
      all.push_back(model.features(*point));
  return all;
}

double least_loss(const GpModel& model, const GaussianProcess& process,
                  const std::vector<Features>& running) {
  double least = *std::min_element(model.losses().begin(), model.losses().end());
  if (!running.empty())
    for (const auto& belief : process.at_all(running))
      least = std::min(least, belief.mean);
  return least;
}

GpTuner::GpTuner(Space space, std::int64_t seed, GpTunerOptions options)
    : seed_(seed),
      options_(options),
      seen_(space),
      model_(space, options.smoothness, options.noise_min),
      start_(std::move(space), seed, true) {}

Ask GpTuner::ask(Sequence trial, std::span<const Trial> running) const {
  if (still_starting(model_.values(), running.size(), options_.cold_start_num))
    return start_.ask(trial, running);
  auto rng = rng_for(seed_, trial);
  auto pending = features_of(model_, running);
  const auto& process = model_.process(pending);
  Acquisition acquisition{options_.utility, options_.kappa, options_.xi,
                          least_loss(model_, process, pending)};
  std::optional<Region> region;
  if (rng.uniform() < local_share)
    region = region_around_best(model_, process,
                                width_max * std::pow(width_min / width_max, rng.uniform()));
  auto point = GpSearch(model_, process, acquisition, options_.effort, region)
                   .best_point(seen_.with(running), rng);
  if (!point)
    return Exhausted{};
  return Suggestion{model_.space().value_of(*point), ""};
}

void GpTuner::tell(const Trial& ended) {
  start_.tell(ended);
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  model_.add(*point, ended.final_value);
}

}  // namespace autotune
