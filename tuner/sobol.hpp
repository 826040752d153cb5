// The Sobol sequence, and Owen's scrambling of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace autotune {

/// So many dimensions have direction numbers.
inline constexpr std::size_t sobol_dimensions = 128;

/// Coordinate `dimension` (below sobol_dimensions) of point `index`, as a fraction of 2^32. Sobol 1967
/// with the direction numbers of Joe, Kuo 2008, in the natural order: any 2^m points from a multiple
/// of 2^m on have one in each of the 2^m equal parts of every axis.
std::uint32_t sobol(std::uint32_t index, std::size_t dimension);

/// Owen's nested uniform scrambling (Owen 1995): each bit flips by a coin that depends on the bits
/// before it. One to one, and keeps equally filled what was equally filled. On indices it permutes
/// each aligned block of 2^m within itself or onto another.
std::uint32_t owen_scramble(std::uint32_t x, std::uint64_t key);

}  // namespace autotune
