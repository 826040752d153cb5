#include "tuner/hyperband.hpp"

namespace autotune {

Ask HyperbandTuner::ask(Sequence trial, std::span<const Trial> running) const {
  const auto& space = seen_.space();
  return brackets_.ask(running, serial_, [&]() -> std::optional<Value> {
    auto rng = rng_for(seed_, trial);
    auto point = seen_.with(running).free_from(space.sample_point(rng),
                                               [&] { return space.sample_point(rng); });
    return point ? std::optional(space.value_of(*point)) : std::nullopt;
  });
}

void HyperbandTuner::tell(const Trial& ended) {
  seen_.add(ended);
  brackets_.tell(ended);
}

}  // namespace autotune
