#include "tuner/bohb.hpp"

#include <utility>

#include "tuner/directed.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune {

BohbTuner::BohbTuner(Space space, std::int64_t seed, BohbOptions options)
    : seed_(seed),
      options_(options),
      brackets_(options.budget_max, options.budget_min, options.eta),
      seen_(std::move(space)),
      model_(seen_.space(), options.model),
      process_(seen_.space(), options.budget_min, options.budget_max) {}

std::optional<Point> BohbTuner::draw(Sequence trial, std::span<const Trial> running) const {
  const auto& space = seen_.space();
  auto rng = rng_for(seed_, trial);
  auto taken = seen_.with(running);
  bool by_chance = rng.uniform() < options_.random_fraction || !speaks();
  if (!by_chance && options_.process)
    return process_.propose(running, taken, rng);
  auto point = by_chance ? space.sample_point(rng) : model_.propose(running, taken, rng);
  return taken.free_from(std::move(point), [&] { return space.sample_point(rng); });
}

Ask BohbTuner::ask(Sequence trial, std::span<const Trial> running) const {
  return brackets_.ask(running, false, [&]() -> std::optional<Value> {
    auto point = draw(trial, running);
    return point ? std::optional(seen_.space().value_of(*point)) : std::nullopt;
  });
}

void BohbTuner::tell(const Trial& ended) {
  brackets_.tell(ended);
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  // A user's own trial that names no budget was not held back by one.
  auto budget = budget_of(ended.parameters).value_or(options_.budget_max);
  auto loss = loss_of(ended);
  if (!loss && !came_to_nothing(ended))
    return;
  if (options_.process)
    process_.tell(*point, budget, loss);
  else
    model_.tell(std::move(*point), budget, loss);
}

}  // namespace autotune
