#include "tuner/qmc.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"
#include "tuner/sobol.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

std::vector<std::vector<double>> points_of(const Tuner& tuner, Sequence n, Sequence from = 0) {
  std::vector<std::vector<double>> points;
  for (Sequence i = from; i < from + n; ++i) {
    auto& point = points.emplace_back();
    auto answer = tuner.ask(i, {});
    for (const auto& [name, value] : *std::get<Suggestion>(answer).parameters.as_object())
      point.push_back(value.to_double().value());
  }
  return points;
}

/// How many of the a * b equal parts of a plane hold a point.
std::size_t filled(const std::vector<std::vector<double>>& points, std::size_t x, std::size_t y,
                   int a, int b) {
  std::set<int> parts;
  for (const auto& p : points)
    parts.insert(static_cast<int>(p[x] * a) * b + static_cast<int>(p[y] * b));
  return parts.size();
}

}  // namespace

TEST_CASE("the Sobol numbers are those that are published", "[qmc]") {
  // Origin: scipy 1.10's stats.qmc.Sobol(128, scramble=False).random(1024), whose n-th point is the
  // one of index n ^ n / 2 here (Gray code).
  for (std::size_t d = 0; d < sobol_dimensions; ++d) {
    CHECK(sobol(0, d) == 0);
    CHECK(sobol(1, d) == 0x80000000U);
    CHECK((sobol(2, d) ^ sobol(3, d)) == 0x80000000U);
  }
  CHECK(sobol(7, 2) * 0x1.0p-32 == 0.125);
  CHECK(sobol(5, 3) * 0x1.0p-32 == 0.625);
  CHECK(sobol(31, 4) * 0x1.0p-32 == 0.65625);
  CHECK(sobol(86, 10) * 0x1.0p-32 == 0.4609375);
  CHECK(sobol(1015, 50) * 0x1.0p-32 == 0.9951171875);
  CHECK(sobol(512, 100) * 0x1.0p-32 == 0.2373046875);
  CHECK(sobol(582, 127) * 0x1.0p-32 == 0.9267578125);
}

TEST_CASE("every axis is filled evenly in all dimensions, scrambled or not", "[qmc]") {
  for (const char* args : {"{}", R"({"scramble": false})"}) {
    auto tuner = make("QMC", cube(300), 5, args);
    // Without scrambling point 0, the corner, is left out, so that the first full block starts at 63.
    auto points = points_of(*tuner, 64, std::string(args) == "{}" ? 64 : 63);
    for (std::size_t i = 0; i < 300; ++i) {
      std::set<int> parts;
      for (const auto& p : points)
        parts.insert(static_cast<int>(p[i] * 64));
      CHECK(parts.size() == 64);
    }
  }
}

TEST_CASE("the first two dimensions are a net: each of 64 boxes of any shape holds a point",
          "[qmc]") {
  auto points = points_of(*make("QMC", cube(2), 9), 64);
  for (int a : {1, 2, 4, 8, 16, 32, 64})
    CHECK(filled(points, 0, 1, a, 64 / a) == 64);
}

TEST_CASE("a block of further dimensions is filled as the first one, in another order", "[qmc]") {
  auto points = points_of(*make("QMC", cube(130), 9), 64);
  for (int a : {2, 8, 32})
    CHECK(filled(points, 128, 129, a, 64 / a) == 64);
  CHECK(filled(points, 0, 128, 8, 8) > 32);  // on the diagonal it would be 8
}

TEST_CASE("an answer depends on seed and sequence alone", "[qmc]") {
  auto one = make("QMC", cube(3), 9);
  auto two = make("QMC", cube(3), 9);
  auto theirs = std::get<Suggestion>(one->ask(0, {}));
  two->tell(ended(0, theirs.parameters, 1));
  std::vector<Trial> pending{running(1, theirs)};
  CHECK(one->ask(7, {}) == two->ask(7, pending));
  CHECK(one->ask(7, {}) != make("QMC", cube(3), 10)->ask(7, {}));
  auto plain = [&](std::int64_t seed) {
    return make("QMC", cube(3), seed, R"({"scramble": false})");
  };
  CHECK(plain(9)->ask(7, {}) == plain(10)->ask(7, {}));
  CHECK(points_of(*plain(9), 1)[0] == std::vector<double>{0.5, 0.5, 0.5});
}

TEST_CASE("an integral is nearer than by independent draws", "[qmc]") {
  auto error = [](const char* name) {
    double sum = 0;
    for (int seed = 0; seed < 20; ++seed) {
      double mean = 0;
      for (const auto& p : points_of(*make(name, cube(5), seed), 128))
        mean += p[0] * p[1] + p[2] * p[2] + std::sin(p[3]) * p[4];
      sum += std::abs(mean / 128 - (0.25 + 1.0 / 3 + (1 - std::cos(1.0)) / 2)) / 20;
    }
    return sum;
  };
  CHECK(error("QMC") < 0.2 * error("Random"));
}

TEST_CASE("QMC takes nested spaces, and refuses PPO's parameters", "[qmc]") {
  CHECK(
      check_algorithms(spec_of("qmc", R"({"scramble": true, "seed": 4})"), mixed_space()).empty());
  auto errors = check_algorithms(spec_of("QMC", R"({"scramble": 1})"), cube(1));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message == "is 1, must be true or false");
  Parameter layer;
  layer.name = "op";
  layer.type = T::layer_choice;
  layer.choices = {std::string("conv")};
  errors = check_algorithms(spec_of("QMC"), {{layer}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message.find("QMC cannot search layer_choice ('op'); what would work: ") == 0);
}
