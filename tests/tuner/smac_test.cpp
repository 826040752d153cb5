#include "tuner/smac.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

TEST_CASE("SMAC comes closer than random draws, alone and with eight workers", "[smac]") {
  auto workers = GENERATE(1, 8);
  CAPTURE(workers);
  for (const auto& problem : problems()) {
    if (problem.name != "mixed_toy" && problem.name != "cond_toy")
      continue;
    CAPTURE(problem.name);
    auto count = static_cast<std::size_t>(workers);
    CHECK(mean_regret("SMAC", problem, 4, 150, count) <
          0.5 * mean_regret("Random", problem, 4, 150, count));
  }
}

TEST_CASE("SMAC keeps running trials apart", "[smac]") {
  SearchSpace space{{bounded("x", T::uniform, 0, 1), bounded("y", T::uniform, 0, 1)}};
  auto tuner = make("SMAC", space, 1, R"({"random_fraction": 0})", GOAL_MINIMIZE);
  Space of(space);
  for (int i = 0; i < 40; ++i) {
    Rng rng(static_cast<std::uint64_t>(i));
    auto point = of.sample_point(rng);
    tuner->tell(ended(i, of.value_of(point), std::hypot(point[0] - 0.7, point[1] - 0.2)));
  }
  std::vector<Trial> pending;
  for (Sequence i = 40; i < 48; ++i)
    pending.push_back(running(i, std::get<Suggestion>(tuner->ask(i, pending))));
  for (std::size_t a = 0; a < pending.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      CHECK(to_json(pending[a].parameters) != to_json(pending[b].parameters));
}

TEST_CASE("more trials than the forest holds are no trouble", "[smac]") {
  SearchSpace space{{bounded("x", T::uniform, 0, 1)}};
  auto tuner =
      make("SMAC", space, 1, R"({"n_candidates": 50, "local_searches": 2})", GOAL_MINIMIZE);
  for (int i = 0; i < 1500; ++i) {
    double x = (i * 37 % 1500) / 1500.0;
    tuner->tell(ended(i, Value(Object{{"x", Value::real(x)}}), std::abs(x - 0.3)));
  }
  auto x = std::get<Suggestion>(tuner->ask(1501, {})).parameters.find("x")->to_double().value();
  CHECK(x >= 0);
  CHECK(x <= 1);
}
