#include "tuner/auto.hpp"

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

TEST_CASE("Auto is far better than random draws on every kind of space", "[auto]") {
  auto workers = GENERATE(1, 8);
  CAPTURE(workers);
  for (const auto& problem : problems()) {
    // A smooth one, a mixed one, one with conditional parameters, one of many parameters.
    if (problem.name != "hartmann6" && problem.name != "mixed_toy" && problem.name != "cond_toy" &&
        problem.name != "sparse20")
      continue;
    CAPTURE(problem.name);
    auto count = static_cast<std::size_t>(workers);
    CHECK(mean_regret("Auto", problem, 4, 80, count) <
          0.6 * mean_regret("Random", problem, 4, 80, count));
  }
}

TEST_CASE("Auto leaves the process for TPE when it knows much", "[auto]") {
  SearchSpace space{{bounded("x", T::uniform, 0, 1)}};
  auto tuner = make("Auto", space, 1, "{}", GOAL_MINIMIZE);
  auto tpe = make("TPE", space, 1, R"({"tpe_args": {"n_startup_jobs": 10}})", GOAL_MINIMIZE);
  for (int i = 0; i < 600; ++i) {
    auto trial = ended(i, Value(Object{{"x", Value::real(i / 600.0)}}), std::abs(i / 600.0 - 0.3));
    tuner->tell(trial);
    tpe->tell(trial);
  }
  for (Sequence i = 600; i < 608; ++i)
    CHECK(tuner->ask(i, {}) == tpe->ask(i, {}));
}
