#include "tuner/random.hpp"

namespace autotune {

Ask RandomTuner::ask(Sequence trial, std::span<const Trial> running) const {
  const auto& space = seen_.space();
  auto rng = rng_for(seed_, trial);
  auto point = seen_.with(running).free_from(space.sample_point(rng),
                                             [&] { return space.sample_point(rng); });
  if (!point)
    return Exhausted{};
  return Suggestion{space.value_of(*point), ""};
}

void RandomTuner::tell(const Trial& ended) { seen_.add(ended); }

}  // namespace autotune
