// Where a search starts: points that are spread evenly over each dimension.
#pragma once

#include <cstdint>

#include "messages/ids.hpp"
#include "tuner/space.hpp"

namespace autotune {

/// The point of trial number `trial` in a row of Latin hypercubes (McKay, Beckman, Conover 1979) of
/// `size` points each, of which every active dimension's layers hold one point each. `rng`, the
/// trial's own, says where in its layer the point lies. size in 1 .. 1000.
Point latin_hypercube(const Space& space, std::int64_t seed, Sequence trial, std::uint64_t size,
                      Rng& rng);

}  // namespace autotune
