#include "tuner/cma_es.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace autotune {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double chance_rate = 0.3;  // how far a generation pulls the chances of values
constexpr double stretch_max = 1e6;  // keeps what a spent dimension divides by finite
constexpr double population_most = 1e4;

/// Into [0, 1] by mirrors at both ends.
double mirrored(double x) {
  x = std::abs(std::fmod(x, 2.0));
  return x > 1 ? 2 - x : x;
}

std::size_t first_population(const CmaEsOptions& options, std::size_t dimensions) {
  if (options.population_size > 0)
    return static_cast<std::size_t>(options.population_size);
  return 4 + static_cast<std::size_t>(
                 3 * std::log(static_cast<double>(std::max<std::size_t>(dimensions, 1))));
}

}  // namespace

CmaEsTuner::CmaEsTuner(Space space, std::int64_t seed, CmaEsOptions options)
    : seed_(seed), options_(options), seen_(std::move(space)), normal_({}, 1, 4) {
  const auto& dimensions = seen_.space().dimensions();
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    if (dimensions[i].levels() <= 1)
      continue;
    (dimensions[i].categorical() ? unordered_ : ordered_).push_back(i);
  }
  start(std::vector<double>(ordered_.size(), 0.5), first_population(options_, dimensions.size()));
}

void CmaEsTuner::start(std::vector<double> mean, std::size_t population) {
  normal_ = CmaDistribution(std::move(mean), options_.sigma, population);
  chances_.clear();
  for (auto i : unordered_) {
    auto levels = static_cast<std::size_t>(seen_.space()[i].levels());
    chances_.emplace_back(levels, 1 / static_cast<double>(levels));
  }
  run_best_ = infinity;
  stale_ = 0;
  generation_.clear();
  stretch();
}

void CmaEsTuner::restart() {
  ++restarts_;
  auto rng = rng_for(seed_, -restarts_);
  std::vector<double> mean(ordered_.size());
  for (auto& x : mean)
    x = rng.uniform();
  double grown = std::min(population_most, std::floor(options_.restart_factor *
                                                      static_cast<double>(normal_.population())));
  start(std::move(mean), static_cast<std::size_t>(grown));
}

/// The margin: see the class comment.
void CmaEsTuner::stretch() {
  const auto& space = seen_.space();
  stretch_.assign(ordered_.size(), 1);
  double chance = 1 / (static_cast<double>(space.size() * normal_.population()) + 1);
  double reach = normal_quantile(1 - std::min(chance, 0.4));
  for (std::size_t k = 0; k < ordered_.size(); ++k) {
    const auto& d = space[ordered_[k]];
    if (!d.discrete())
      continue;
    double mean = normal_.mean()[k];
    auto [from, to] = d.cell(d.level_at(mean));
    double to_border = 1;
    if (from > 0)
      to_border = std::min(to_border, mean - from);
    if (to < 1)
      to_border = std::min(to_border, to - mean);
    double needed = std::max(to_border, 0.0) / reach;
    stretch_[k] = std::clamp(needed / normal_.deviation(k), 1.0, stretch_max);
  }
}

std::size_t CmaEsTuner::draw_level(const std::vector<double>& chances, Rng& rng) const {
  double place = rng.uniform();
  std::size_t level = 0;
  while (level + 1 < chances.size() && place >= chances[level])
    place -= chances[level++];
  return level;
}

Point CmaEsTuner::draw(Rng& rng) const {
  const auto& space = seen_.space();
  Point point(space.size(), 0.5);
  std::vector<double> z(ordered_.size());
  for (auto& x : z)
    x = rng.normal();
  auto x = normal_.point(z, stretch_);
  for (std::size_t k = 0; k < ordered_.size(); ++k)
    point[ordered_[k]] = mirrored(x[k]);
  for (std::size_t k = 0; k < unordered_.size(); ++k)
    point[unordered_[k]] =
        space[unordered_[k]].unit_of_level(static_cast<double>(draw_level(chances_[k], rng)));
  for (std::size_t i = 0; i < point.size(); ++i)
    if (!space.active(point, i))
      point[i] = inactive;
  return point;
}

Ask CmaEsTuner::ask(Sequence trial, std::span<const Trial> running) const {
  auto rng = rng_for(seed_, trial);
  auto point = seen_.with(running).free_from(draw(rng), [&] { return draw(rng); });
  if (!point)
    return Exhausted{};
  return Suggestion{seen_.space().value_of(*point), ""};
}

/// The coordinates that the normal distribution covers. One that a point does not have is drawn
/// anew, so that it neither moves nor narrows the distribution along it.
std::vector<double> CmaEsTuner::ordered_part(const Told& told) const {
  auto rng = rng_for(seed_, told.sequence);
  std::vector<double> x;
  for (std::size_t k = 0; k < ordered_.size(); ++k) {
    double coordinate = told.point[ordered_[k]];
    x.push_back(std::isnan(coordinate)
                    ? normal_.mean()[k] + stretch_[k] * normal_.deviation(k) * rng.normal()
                    : coordinate);
  }
  return x;
}

void CmaEsTuner::tell(const Trial& ended) {
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  if (!ended.own) {
    bool better = ended.final_value && (!guest_best_ || *ended.final_value < *guest_best_);
    if (better && !own_results_ && options_.from_best) {
      guest_best_ = ended.final_value;
      std::vector<double> mean;
      for (auto i : ordered_)
        mean.push_back(std::isnan((*point)[i]) ? 0.5 : (*point)[i]);
      start(std::move(mean), normal_.population());
    }
    return;
  }
  own_results_ = own_results_ || ended.final_value;
  generation_.push_back({ended.sequence, ended.final_value, std::move(*point)});
  if (generation_.size() >= normal_.population())
    finish_generation();
}

void CmaEsTuner::finish_generation() {
  auto told = std::move(generation_);
  generation_.clear();
  std::sort(told.begin(), told.end(), [](const Told& a, const Told& b) {
    double x = a.loss.value_or(infinity);
    double y = b.loss.value_or(infinity);
    return x < y || (x == y && a.sequence < b.sequence);
  });
  if (!told.front().loss)
    return;  // Nothing was learned.
  double best = *told.front().loss;
  // Where a few only succeeded, the best of them fill the better half.
  std::size_t succeeded = 0;
  while (succeeded < told.size() && told[succeeded].loss)
    ++succeeded;
  for (std::size_t k = succeeded; k < normal_.weights().size(); ++k)
    told[k] = told[k % succeeded];

  std::vector<std::vector<double>> points;
  for (std::size_t k = 0; k < normal_.weights().size(); ++k)
    points.push_back(ordered_part(told[k]));
  normal_.update(points, stretch_);
  pull_chances(told);
  stretch();

  stale_ = best < run_best_ ? 0 : stale_ + 1;
  run_best_ = std::min(run_best_, best);
  // Hansen 2016, appendix B.3: the usual patience for a run that brings nothing.
  auto patience = 10 + 30 * seen_.space().size() / normal_.population();
  if (stale_ > patience || (!ordered_.empty() && normal_.spent()))
    restart();
}

void CmaEsTuner::pull_chances(const std::vector<Told>& best_first) {
  for (std::size_t k = 0; k < unordered_.size(); ++k) {
    const auto& d = seen_.space()[unordered_[k]];
    auto& chances = chances_[k];
    double had = 0;  // weight of the trials that have this dimension
    std::vector<double> pulls(chances.size(), 0);
    for (std::size_t j = 0; j < normal_.weights().size(); ++j) {
      double coordinate = best_first[j].point[unordered_[k]];
      if (std::isnan(coordinate))
        continue;
      pulls[static_cast<std::size_t>(d.level_at(coordinate))] += normal_.weights()[j];
      had += normal_.weights()[j];
    }
    for (std::size_t level = 0; level < chances.size(); ++level)
      chances[level] += chance_rate * (pulls[level] - had * chances[level]);
    // Each value keeps a chance to come in one of a few generations.
    double least =
        1 / (static_cast<double>(normal_.population()) * static_cast<double>(chances.size()));
    double sum = 0;
    for (auto& c : chances) {
      c = std::max(c, least);
      sum += c;
    }
    for (auto& c : chances)
      c /= sum;
  }
}

}  // namespace autotune
