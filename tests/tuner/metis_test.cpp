#include "tuner/metis.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

double x_of(const Ask& answer) {
  return std::get<Suggestion>(answer).parameters.find("x0")->to_double().value();
}

Value at(double x) { return Value(Object{{"x0", Value::real(x)}}); }

}  // namespace

TEST_CASE("MetisTuner finds a sphere's optimum in forty trials") {
  auto workers = GENERATE(std::size_t{1}, std::size_t{4});
  CHECK(best_on_sphere(4, 40, "MetisTuner", "{}", workers) < 5e-3);
}

TEST_CASE("MetisTuner takes all of NNI's arguments, exploration_probability too") {
  // Origin: nni-compat.md 0 and 3.8.
  const char* manual = R"({"optimize_mode": "minimize", "no_resampling": true,
      "no_candidates": false, "selection_num_starting_points": 600, "cold_start_num": 10,
      "exploration_probability": 0.9})";
  CHECK(best_on_sphere(3, 25, "Metis", manual, 1) == best_on_sphere(3, 25, "MetisTuner", "{}", 1));
  CHECK_THROWS_WITH(make("Metis", cube(1), 1, R"({"exploration_probability": 1.5})"),
                    Catch::Contains("exploration_probability"));
  CHECK_THROWS_WITH(make("Metis", cube(1), 1, R"({"cold_start_num": 0})"),
                    Catch::Contains("cold_start_num"));
}

TEST_CASE("without candidates or exploration MetisTuner tries the model's optimum") {
  auto args = GENERATE(R"({"no_candidates": true})", R"({"exploration_probability": 0})");
  auto tuner = make("MetisTuner", cube(1), 1, args, GOAL_MINIMIZE);
  for (int i = 0; i <= 20; ++i)
    tuner->tell(ended(i, at(i / 20.0), std::pow(i / 20.0 - 0.62, 2)));
  for (Sequence n = 30; n < 35; ++n)
    CHECK(x_of(tuner->ask(n, {})) == Approx(0.62).margin(0.02));
}

TEST_CASE("running trials push MetisTuner's suggestions away") {
  auto tuner = make("MetisTuner", cube(1), 1, "{}", GOAL_MINIMIZE);
  for (int i = 0; i < 12; ++i)
    tuner->tell(ended(i, at(i / 11.0), std::pow(i / 11.0 - 0.62, 2) + 0.3 * std::sin(i * 9.0)));
  std::vector<Trial> pending;
  for (Sequence n = 20; n < 26; ++n) {
    auto answer = tuner->ask(n, pending);
    for (const auto& other : pending)
      CHECK(std::abs(x_of(answer) - x_of(Suggestion{other.parameters, ""})) > 1e-4);
    pending.push_back(running(n, std::get<Suggestion>(answer)));
  }
}

TEST_CASE("MetisTuner tries a point again whose result stands out, where that is allowed") {
  auto repeats = [](const char* args) {
    auto tuner = make("MetisTuner", cube(1), 1, args, GOAL_MINIMIZE);
    for (int i = 0; i < 60; ++i)
      tuner->tell(ended(i, at(i / 59.0), i == 30 ? -1 : std::pow(i / 59.0 - 0.2, 2)));
    int again = 0;
    for (Sequence n = 60; n < 80; ++n)
      again += std::abs(x_of(tuner->ask(n, {})) - 30 / 59.0) < 1e-9 ? 1 : 0;
    return again;
  };
  CHECK(repeats(R"({"no_resampling": false})") > 0);
  CHECK(repeats("{}") == 0);
}
