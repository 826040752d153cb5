#include "tuner/gp_tuner.hpp"

#include <cmath>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

double x_of(const Ask& answer, const char* name = "x0") {
  return std::get<Suggestion>(answer).parameters.find(name)->to_double().value();
}

Value at(double x) { return Value(Object{{"x0", Value::real(x)}}); }

}  // namespace

TEST_CASE("GPTuner finds a sphere's optimum in forty trials") {
  auto workers = GENERATE(std::size_t{1}, std::size_t{4});
  CHECK(best_on_sphere(4, 40, "GPTuner", "{}", workers) < 2e-3);
  CHECK(best_on_sphere(4, 40, "Random", "{}", workers) > 2e-3);
}

TEST_CASE("GPTuner takes all of NNI's arguments, whole numbers for reals too") {
  // Origin: nni-compat.md 0 and 3.7.
  const char* manual = R"({"optimize_mode": "minimize", "utility": "ei", "kappa": 5, "xi": 0,
      "nu": 2.5, "alpha": 1e-6, "cold_start_num": 10, "selection_num_warm_up": 100000,
      "selection_num_starting_points": 250})";
  CHECK(best_on_sphere(4, 40, "GP", manual, 1) == best_on_sphere(4, 40, "GPTuner", "{}", 1));
  auto utility = GENERATE("ucb", "poi");
  auto args = std::string(R"({"kappa": 2, "utility": ")") + utility + "\"}";
  CHECK(best_on_sphere(4, 40, "GPTuner", args, 1) < 0.05);
  CHECK(best_on_sphere(4, 40, "GPTuner", args, 1) != best_on_sphere(4, 40, "GPTuner", "{}", 1));
  auto nu = GENERATE("0.5", "1.5");
  CHECK(best_on_sphere(4, 40, "GPTuner", std::string(R"({"nu": )") + nu + "}", 1) < 0.05);
}

TEST_CASE("GPTuner refuses arguments out of range") {
  CHECK_THROWS_WITH(make("GPTuner", cube(1), 1, R"({"utility": "pi"})"),
                    Catch::Contains("ei, ucb"));
  CHECK_THROWS_WITH(make("GPTuner", cube(1), 1, R"({"alpha": 0})"), Catch::Contains("alpha"));
  CHECK_THROWS_WITH(make("GPTuner", cube(1), 1, R"({"cold_start_num": 0})"),
                    Catch::Contains("cold_start_num"));
}

TEST_CASE("running trials push GPTuner's suggestions away") {
  auto tuner = make("GPTuner", cube(1), 1, "{}", GOAL_MINIMIZE);
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

TEST_CASE("GPTuner leaves a region whose trials fail") {
  auto tuner = make("GPTuner", cube(1), 1, "{}", GOAL_MINIMIZE);
  int failed_late = 0;
  drive(*tuner, 60, 1, 1, [&](Trial& t) {
    double x = t.parameters.find("x0")->to_double().value();
    if (x < 0.4) {
      t.outcome = TrialOutcome::failed;
      failed_late += t.sequence >= 30 ? 1 : 0;
    } else {
      t.final_value = x;
    }
  });
  CHECK(failed_late < 20);
}

TEST_CASE("a loss of zero and losses of any size are losses to GPTuner") {
  // Origin: nni-compat.md 7, the falsy-zero trap.
  double scale = GENERATE(1e-300, 1.0, 1e300);
  auto tuner = make("GPTuner", cube(1), 1, "{}", GOAL_MINIMIZE);
  for (int i = 0; i <= 20; ++i)
    tuner->tell(ended(i, at(i / 20.0), std::abs(i - 14) * scale));
  double x = x_of(tuner->ask(30, {}));
  CHECK(x == Approx(0.7).margin(0.06));
}

TEST_CASE("GPTuner past its cap answers from the best and the newest, and rebuilds the same") {
  auto tuner = make("GPTuner", cube(2), 1, "{}", GOAL_MINIMIZE);
  auto lazy = make("GPTuner", cube(2), 1, "{}", GOAL_MINIMIZE);
  Rng rng(1);
  for (int i = 0; i < 1400; ++i) {
    Value p(Object{{"x0", Value::real(rng.uniform())}, {"x1", Value::real(rng.uniform())}});
    auto trial = ended(i, p, sphere(p));
    tuner->tell(trial);
    lazy->tell(trial);
    if (i == 1390)
      (void)tuner->ask(2000, {});
  }
  CHECK(tuner->ask(1400, {}) == lazy->ask(1400, {}));
  CHECK(sphere(std::get<Suggestion>(tuner->ask(1400, {})).parameters) < 0.02);
}
