#include "tuner/metis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tuner/gp_tuner.hpp"

namespace autotune {

namespace {

constexpr double interval = 1.96;             // deviations: 95 of 100 outcomes lie within
constexpr double uncertain_kappa = 100;       // so many that the mean only breaks ties
constexpr std::size_t mixture_start = 12;     // results that a Parzen estimator needs
constexpr std::size_t resampling_start = 50;  // results
constexpr std::size_t samples_max = 3;        // of one point
constexpr std::size_t references_max = 12;    // trials at which an outcome's effect is looked at
constexpr double width_max = 0.3;             // of a region around the best trial
constexpr double width_min = 0.005;

Acquisition optimistic(double kappa) {
  return Acquisition{.utility = Utility::confidence_bound, .kappa = kappa};
}

}  // namespace

MetisTuner::MetisTuner(Space space, std::int64_t seed, MetisOptions options)
    : seed_(seed),
      options_(options),
      seen_(space),
      model_(space, Smoothness::three_halves, 1e-6),
      start_(space, seed, true),
      mixture_(space, seed,
               TpeOptions{.n_startup_jobs = static_cast<std::int64_t>(mixture_start)}) {}

Ask MetisTuner::ask(Sequence trial, std::span<const Trial> running) const {
  if (still_starting(model_.values(), running.size(), options_.cold_start_num))
    return start_.ask(trial, running);
  auto rng = rng_for(seed_, trial);
  auto pending = features_of(model_, running);
  const auto& process = model_.process(pending);
  auto taken = seen_.with(running);
  auto optimum = GpSearch(model_, process, optimistic(0), options_.effort).best_point(taken, rng);
  if (!optimum)
    return Exhausted{};
  if (!options_.candidates || rng.uniform() >= options_.exploration_probability)
    return Suggestion{model_.space().value_of(*optimum), ""};
  if (auto again = doubtful(process, pending))
    return Suggestion{model_.space().value_of(*again), ""};
  auto all = candidates(process, *optimum, taken, rng);
  if (model_.values() >= mixture_start) {
    auto drawn = mixture_.ask(trial, running);
    if (const auto* suggestion = std::get_if<Suggestion>(&drawn))
      if (auto point = model_.space().point_of(suggestion->parameters))
        all.push_back(std::move(*point));
  }
  return Suggestion{model_.space().value_of(most_informative(process, all)), ""};
}

void MetisTuner::tell(const Trial& ended) {
  start_.tell(ended);
  mixture_.tell(ended);
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  model_.add(*point, ended.final_value);
}

/// The optimum, and of the whole space and a region around the best trial the most uncertain point and
/// the one that promises most.
std::vector<Point> MetisTuner::candidates(const GaussianProcess& process, const Point& optimum,
                                          const SeenPoints::Taken& taken, Rng& rng) const {
  std::vector<Point> all{optimum};
  auto region = region_around_best(model_, process,
                                   width_max * std::pow(width_min / width_max, rng.uniform()));
  for (double kappa : {interval, uncertain_kappa}) {
    auto whole = GpSearch(model_, process, optimistic(kappa), options_.effort);
    auto near = GpSearch(model_, process, optimistic(kappa), options_.effort, region);
    for (const auto& search : {whole, near})
      if (auto point = search.best_point(taken, rng))
        all.push_back(std::move(*point));
  }
  return all;
}

/// The trial whose value is farthest outside what the model believes without it, and that was not
/// tried often and does not run again.
std::optional<Point> MetisTuner::doubtful(const GaussianProcess& process,
                                          const std::vector<Features>& running) const {
  if (!options_.resampling || model_.losses().size() < resampling_start)
    return std::nullopt;
  auto surprises = process.surprises();
  auto width = model_.space().size();
  auto samples = [&](const double* row) {
    auto same = [&](const double* other) { return std::equal(row, row + width, other); };
    std::size_t count = 0;
    for (std::size_t i = 0; i < surprises.size(); ++i)
      count += same(model_.row(i)) ? 1 : 0;
    for (const auto& other : running)
      count += same(other.data()) ? samples_max : 0;
    return count;
  };
  const double* most = nullptr;
  double most_surprise = interval;
  for (std::size_t i = 0; i < surprises.size(); ++i)
    if (std::abs(surprises[i]) > most_surprise && samples(model_.row(i)) < samples_max) {
      most_surprise = std::abs(surprises[i]);
      most = model_.row(i);
    }
  if (most == nullptr)
    return std::nullopt;
  return model_.point(Features(most, most + width));
}

/// The point whose outcome lowers the least mean among candidates and best trials most, on the
/// average of an outcome at either end of its interval.
const Point& MetisTuner::most_informative(const GaussianProcess& process,
                                          const std::vector<Point>& from) const {
  std::vector<Features> references;
  for (const auto& point : from)
    references.push_back(model_.features(point));
  for (auto row : model_.best_rows(references_max))
    references.emplace_back(model_.row(row), model_.row(row) + model_.space().size());
  auto beliefs = process.at_all(references);
  std::size_t best = 0;
  double best_least = std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < from.size(); ++c) {
    double high = std::numeric_limits<double>::infinity();
    double low = high;
    for (std::size_t r = 0; r < references.size(); ++r) {
      double shift = interval * process.covariance(references[r].data(), references[c].data()) /
                     beliefs[c].deviation;
      high = std::min(high, beliefs[r].mean + shift);
      low = std::min(low, beliefs[r].mean - shift);
    }
    if (low + high < best_least) {
      best_least = low + high;
      best = c;
    }
  }
  return from[best];
}

}  // namespace autotune
