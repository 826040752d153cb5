#include "tuner/rng.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

using namespace autotune;

TEST_CASE("the generator is SplitMix64") {
  // Origin: the reference implementation's first outputs for the seed 0, as published with it.
  Rng rng(0);
  CHECK(rng.next() == 0xe220a8397b1dcdafU);
  CHECK(rng.next() == 0x6e789e6aa1b965f4U);
  CHECK(rng.next() == 0x06c45d188009454fU);
}

TEST_CASE("generators of other seeds, sequences and splits are unrelated") {
  std::set<std::uint64_t> values;
  for (int seed = 0; seed < 30; ++seed)
    for (int sequence = -1; sequence < 30; ++sequence) {
      values.insert(rng_for(seed, sequence).next());
      values.insert(rng_for(seed, sequence).split(0).next());
      values.insert(rng_for(seed, sequence).split(1).next());
    }
  CHECK(values.size() == 30 * 31 * 3);
  CHECK(rng_for(4, 2).next() == rng_for(4, 2).next());
}

TEST_CASE("uniform, below and normal have their moments") {
  Rng rng(9);
  double mean = 0;
  double square = 0;
  double normal_mean = 0;
  double normal_square = 0;
  int counts[3] = {};
  constexpr int n = 100000;
  for (int i = 0; i < n; ++i) {
    double u = rng.uniform();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    mean += u / n;
    square += u * u / n;
    double z = rng.normal();
    normal_mean += z / n;
    normal_square += z * z / n;
    ++counts[rng.below(3)];
  }
  CHECK(mean == Approx(0.5).margin(0.005));
  CHECK(square == Approx(1.0 / 3).margin(0.005));
  CHECK(normal_mean == Approx(0).margin(0.015));
  CHECK(normal_square == Approx(1).margin(0.02));
  for (int c : counts)
    CHECK(c == Approx(n / 3.0).epsilon(0.03));
}

TEST_CASE("the normal's quantiles are those of the tables") {
  CHECK(normal_quantile(0.5) == 0);
  CHECK(normal_quantile(0.75) == Approx(0.6744897501960817).epsilon(1e-14));
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-14));
  CHECK(normal_quantile(1e-10) == Approx(-6.361340902404056).epsilon(1e-13));
  CHECK(std::isinf(normal_quantile(0)));
  CHECK(std::isinf(normal_quantile(1)));
  for (double x : {-7.5, -3.0, -0.2, 0.0, 1.0, 5.0})
    CHECK(normal_quantile(normal_cdf(x)) == Approx(x).margin(1e-8));
}
