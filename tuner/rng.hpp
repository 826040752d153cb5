// Randomness that can be repeated: a generator made from (seed, sequence) whose distributions are
// our own, so that an answer depends on no standard library's habits.
#pragma once

#include <cstdint>

namespace autotune {

/// A counter pushed through a mixing function (Steele, Lea, Flood 2014, "SplitMix"): cheap to make,
/// so one per ask.
class Rng {
 public:
  explicit Rng(std::uint64_t key) : counter_(key) {}

  /// 64 random bits.
  std::uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in (0, 1): never 0, so that a quantile of it is finite.
  double uniform_open();
  /// Uniform in 0 .. n-1; n > 0.
  std::uint64_t below(std::uint64_t n);
  /// Standard normal, one draw a number (by the quantile function).
  double normal();
  /// An independent generator for a part of the work; does not advance this one.
  Rng split(std::uint64_t stream) const;

 private:
  std::uint64_t counter_;
};

/// The generator of one ask: the same for the same seed and sequence, unrelated for others.
Rng rng_for(std::int64_t seed, std::int64_t sequence);

/// Scrambles 64 bits, one to one.
std::uint64_t mix_bits(std::uint64_t x);

/// The standard normal's distribution function.
double normal_cdf(double x);
/// Its inverse on (0, 1), to about 1e-15 (Wichura 1988, AS 241). Infinite at 0 and 1.
double normal_quantile(double p);

}  // namespace autotune
