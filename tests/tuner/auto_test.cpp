#include "tuner/auto.hpp"

#include <algorithm>

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

namespace {

/// Names of what suggested trials 600 to 659 after 600 told ones.
std::vector<std::string> lineages_of_long_run(const SearchSpace& space) {
  auto tuner = make("Auto", space, 1, "{}", GOAL_MINIMIZE);
  Space points(space);
  Rng rng(1);
  for (int i = 0; i < 600; ++i)
    tuner->tell(ended(i, points.sample(rng), rng.uniform()));
  std::vector<std::string> names;
  for (Sequence i = 600; i < 660; ++i)
    names.push_back(std::get<Suggestion>(tuner->ask(i, {})).lineage);
  return names;
}

}  // namespace

TEST_CASE("Auto leaves the process for TPE and CMA-ES when it knows much", "[auto]") {
  auto evolved = [](const SearchSpace& space) {
    auto names = lineages_of_long_run(space);
    return std::count(names.begin(), names.end(), "cma-es");
  };
  auto few = evolved(cube(3));
  CHECK(few > 15);
  CHECK(few < 58);
  CHECK(evolved({{choice("c", {number("1"), number("2")}), choice("d", {number("1"), number("2")}),
                  bounded("x", T::uniform, 0, 1)}}) == 0);
}

TEST_CASE("Auto prefers the method that finds good trials, and forgets none", "[auto]") {
  auto count_after = [](bool evolution_good) {
    auto tuner = make("Auto", cube(3), 1, "{}", GOAL_MINIMIZE);
    Space points(cube(3));
    Rng rng(1);
    for (int i = 0; i < 500; ++i)
      tuner->tell(ended(i, points.sample(rng), 1 + rng.uniform()));
    int by_evolution = 0;
    for (Sequence i = 500; i < 800; ++i) {
      auto suggestion = std::get<Suggestion>(tuner->ask(i, {}));
      bool evolution = suggestion.lineage == "cma-es";
      by_evolution += i >= 600 && evolution ? 1 : 0;
      auto trial = running(i, suggestion);
      trial.outcome = TrialOutcome::succeeded;
      trial.final_value = evolution == evolution_good ? 0.5 : 3;
      tuner->tell(trial);
    }
    return by_evolution;  // of 200
  };
  CHECK(count_after(true) > 120);
  CHECK(count_after(false) < 80);
  CHECK(count_after(false) > 20);
}

TEST_CASE("in a long run Auto gets out of the valley where the process ended", "[auto]") {
  for (const auto& problem : problems())
    if (problem.name == "hartmann6")
      CHECK(mean_regret("Auto", problem, 3, 2000, 8) <
            0.5 * mean_regret("TPE", problem, 3, 2000, 8));
}
