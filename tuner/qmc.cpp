#include "tuner/qmc.hpp"

#include "tuner/sobol.hpp"

namespace autotune {

double QmcTuner::coordinate(std::uint32_t index, std::size_t i) const {
  auto keys = rng_for(seed_, -1);  // no trial has this number
  if (auto block = i / sobol_dimensions; block > 0)
    index = owen_scramble(index, keys.split(block).next());
  auto x = sobol(index, i % sobol_dimensions);
  if (!scramble_)
    return x * 0x1.0p-32;
  auto key = keys.split(sobol_dimensions + i).next();
  auto below = static_cast<double>(mix_bits(key ^ index) >> 11) * 0x1.0p-53;
  return (owen_scramble(x, key) + below) * 0x1.0p-32;
}

Ask QmcTuner::ask(Sequence trial, std::span<const Trial> running) const {
  const auto& space = seen_.space();
  auto index = static_cast<std::uint32_t>(trial) + (scramble_ ? 0 : 1);  // point 0 is a corner
  Point point(space.size(), inactive);
  for (std::size_t i = 0; i < space.size(); ++i)
    if (space.active(point, i))
      point[i] = coordinate(index, i);
  auto rng = rng_for(seed_, trial);
  auto free =
      seen_.with(running).free_from(std::move(point), [&] { return space.sample_point(rng); });
  if (!free)
    return Exhausted{};
  return Suggestion{space.value_of(*free), ""};
}

}  // namespace autotune
