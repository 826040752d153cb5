#include "tuner/latin_hypercube.hpp"

#include <numeric>
#include <utility>
#include <vector>

namespace autotune {

namespace {

/// Which of `layers` layers of [0, 1] trial n of a Latin hypercube lies in.
std::uint64_t layer(Rng rng, std::uint64_t layers, std::uint64_t n) {
  std::vector<std::uint64_t> order(layers);
  std::iota(order.begin(), order.end(), 0);
  for (auto k = layers - 1; k > 0; --k)
    std::swap(order[k], order[rng.below(k + 1)]);
  return order[n];
}

}  // namespace

Point latin_hypercube(const Space& space, std::int64_t seed, Sequence trial, std::uint64_t size,
                      Rng& rng) {
  Point point(space.size(), inactive);
  auto number = static_cast<std::uint64_t>(trial);
  // The trials of one hypercube share its generator.
  auto design = rng_for(seed, -1 - static_cast<Sequence>(number / size));
  for (std::size_t i = 0; i < space.size(); ++i) {
    double jitter = rng.uniform();
    if (space.active(point, i))
      point[i] = (static_cast<double>(layer(design.split(i), size, number % size)) + jitter) /
                 static_cast<double>(size);
  }
  return point;
}

}  // namespace autotune
