#include "tuner/asha.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>

#include "tuner/brackets.hpp"
#include "tuner/directed.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune {

namespace {

constexpr double random_fraction = 1.0 / 3;  // as BOHB's default
constexpr std::size_t compared_max = 25;     // good ones, and as many new ones

struct Place {
  std::size_t rung = 0;
  std::int64_t config = 0;
};

std::string lineage_of(std::size_t rung, std::int64_t config) {
  return std::to_string(rung) + "." + std::to_string(config);
}

std::optional<Place> place_of(const Trial& trial, std::size_t rungs) {
  Place place;
  const char* at = trial.lineage.data();
  const char* end = at + trial.lineage.size();
  auto [point, code] = std::from_chars(at, end, place.rung);
  if (!trial.own || code != std::errc{} || point == end || *point != '.' || place.rung >= rungs)
    return std::nullopt;
  auto [last, code_2] = std::from_chars(point + 1, end, place.config);
  return code_2 == std::errc{} && last == end && place.config >= 0 ? std::optional(place)
                                                                   : std::nullopt;
}

}  // namespace

// --- one rung -----------------------------------------------------------------------------------

void AshaRung::add(double loss, std::int64_t config) {
  arrived_.push_back(config);
  auto number = static_cast<std::int64_t>(size());
  Entry entry{loss, number, config};
  // It joins the better half where it belongs there; then one moves over if the sizes want it.
  auto to_top = [&](const Entry& e) {
    top_.insert(e);
    if (!promoted_.contains(e.config))
      ready_.insert(e);
  };
  if (!top_.empty() && entry < *top_.rbegin())
    to_top(entry);
  else
    rest_.insert(entry);
  auto wanted = static_cast<std::size_t>((number + 1) / eta_);
  if (top_.size() > wanted) {
    auto worst = std::prev(top_.end());
    ready_.erase(*worst);
    rest_.insert(*worst);
    top_.erase(worst);
  } else if (top_.size() < wanted) {
    to_top(*rest_.begin());
    rest_.erase(rest_.begin());
  }
}

void AshaRung::note_promoted(std::int64_t config) {
  if (!promoted_.insert(config).second)
    return;
  auto found = std::find_if(ready_.begin(), ready_.end(),
                            [&](const Entry& e) { return e.config == config; });
  if (found != ready_.end())
    ready_.erase(found);
}

std::optional<std::int64_t> AshaRung::promotable(const std::unordered_set<std::int64_t>& running,
                                                 bool anyone) const {
  for (const auto& entry : ready_)
    if (!running.contains(entry.config))
      return entry.config;
  if (anyone)
    for (const auto* part : {&top_, &rest_})
      for (const auto& entry : *part)
        if (!promoted_.contains(entry.config) && !running.contains(entry.config))
          return entry.config;
  return std::nullopt;
}

bool AshaRung::has_room(const std::unordered_set<std::int64_t>& running) const {
  return promoted_.size() + running.size() < size() / static_cast<std::size_t>(eta_);
}

std::vector<std::int64_t> AshaRung::waiting(const std::unordered_set<std::int64_t>& running,
                                            std::size_t most) const {
  std::vector<std::int64_t> configs;
  auto take = [&](std::int64_t config) {
    if (!promoted_.contains(config) && !running.contains(config))
      configs.push_back(config);
  };
  for (const auto* part : {&ready_, &rest_})
    for (auto entry = part->begin(); entry != part->end() && configs.size() < most; ++entry)
      take(entry->config);
  for (auto config = arrived_.rbegin(); config != arrived_.rend() && configs.size() < 2 * most;
       ++config)
    take(*config);
  return configs;
}

// --- the tuner ----------------------------------------------------------------------------------

AshaTuner::AshaTuner(Space space, std::int64_t seed, AshaOptions options)
    : seed_(seed),
      seen_(std::move(space)),
      sampler_(options.sampler),
      model_(seen_.space(), BudgetModelOptions{}),
      process_(seen_.space(), options.budget_min, options.budget_max) {
  auto s_max = deepest_bracket(options.budget_max, options.budget_min, options.eta);
  for (const auto& rung : plan_bracket(options.budget_max, options.eta, s_max, s_max)) {
    budgets_.push_back(rung.budget);
    rungs_.emplace_back(options.eta);
  }
}

std::optional<Point> AshaTuner::fresh(Sequence trial, std::span<const Trial> running) const {
  const auto& space = seen_.space();
  auto rng = rng_for(seed_, trial);
  auto taken = seen_.with(running);
  bool by_chance = sampler_ == AshaOptions::Sampler::random || rng.uniform() < random_fraction;
  if (sampler_ == AshaOptions::Sampler::process && !by_chance && process_.speaks())
    return process_.propose(running, taken, rng);
  bool by_density = sampler_ == AshaOptions::Sampler::density && !by_chance && model_.budget();
  auto point = by_density ? model_.propose(running, taken, rng) : space.sample_point(rng);
  return taken.free_from(std::move(point), [&] { return space.sample_point(rng); });
}

std::optional<std::int64_t> AshaTuner::next_of(std::size_t rung,
                                               const std::unordered_set<std::int64_t>& running,
                                               bool anyone) const {
  const auto& here = rungs_[rung];
  bool stuck = anyone && !here.any_promoted();
  if (sampler_ != AshaOptions::Sampler::process || stuck || !process_.speaks())
    return here.promotable(running, stuck);
  if (!here.has_room(running))
    return std::nullopt;
  auto configs = here.waiting(running, compared_max);
  std::vector<Point> points;
  for (auto config : configs)
    points.push_back(seen_.space().point_of(parameters_of(config)).value());
  auto expected = process_.expected(points);
  auto best = std::min_element(expected.begin(), expected.end()) - expected.begin();
  return configs.empty() ? std::nullopt : std::optional(configs[static_cast<std::size_t>(best)]);
}

Value AshaTuner::parameters_of(std::int64_t config) const {
  return parse_json(parameters_.at(config)).value();
}

std::optional<Ask> AshaTuner::promotion(const Running& running, bool anyone) const {
  for (auto rung = rungs_.size() - 1; rung-- > 0;) {
    auto config = next_of(rung, running[rung + 1], anyone);
    if (!config)
      continue;
    return Suggestion{with_budget(parameters_of(*config), budgets_[rung + 1]),
                      lineage_of(rung + 1, *config)};
  }
  return std::nullopt;
}

Ask AshaTuner::ask(Sequence trial, std::span<const Trial> running) const {
  Running places(rungs_.size());
  bool any = false;
  for (const auto& one : running)
    if (auto place = place_of(one, rungs_.size())) {
      places[place->rung].insert(place->config);
      any = true;
    }
  if (auto next = promotion(places, false))
    return *next;
  if (auto point = fresh(trial, running))
    return Suggestion{with_budget(seen_.space().value_of(*point), budgets_[0]),
                      lineage_of(0, trial)};
  if (any)
    return NotYet{};
  if (auto next = promotion(places, true))
    return *next;
  return Exhausted{};
}

void AshaTuner::tell(const Trial& ended) {
  auto loss = loss_of(ended);
  if (auto point = seen_.space().point_of(ended.parameters)) {
    seen_.add(*point);
    auto budget = budget_of(ended.parameters).value_or(budgets_.back());
    bool known = loss || came_to_nothing(ended);
    if (known && sampler_ == AshaOptions::Sampler::process)
      process_.tell(*point, budget, loss);
    if (known && sampler_ == AshaOptions::Sampler::density)
      model_.tell(std::move(*point), budget, loss);
  }
  auto place = place_of(ended, rungs_.size());
  if (!place)
    return;
  auto [rung, config] = *place;
  bool known = parameters_.contains(config);
  if (rung > 0 && known)
    rungs_[rung - 1].note_promoted(config);
  if (!loss || known != (rung > 0))
    return;
  if (rung == 0)
    parameters_.emplace(config, to_json(ended.parameters));
  rungs_[rung].add(*loss, config);
}

}  // namespace autotune
