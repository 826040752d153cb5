#include "tuner/anneal.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

const SearchSpace line{{bounded("x", T::uniform, 0, 1)}};

double x_of(const Ask& answer) {
  return std::get<Suggestion>(answer).parameters.find("x")->to_double().value();
}

Value at(double x) { return Value(Object{{"x", Value::real(x)}}); }

std::vector<double> answers(const Tuner& tuner, std::span<const Trial> pending = {}) {
  std::vector<double> xs;
  for (Sequence i = 1000; i < 1200; ++i)
    xs.push_back(x_of(tuner.ask(i, pending)));
  std::sort(xs.begin(), xs.end());
  return xs;
}

}  // namespace

TEST_CASE("annealing draws near the best, in a window that shrinks with the trials", "[anneal]") {
  // Origin: hyperopt's anneal: a window of 1 / (1 + 0.1 T) around the chosen value.
  for (int trials : {10, 90}) {
    auto tuner = make("Anneal", line, 1);
    for (int i = 0; i < trials; ++i)
      tuner->tell(ended(i, at(0.7), i));
    auto xs = answers(*tuner);
    double half = 0.5 / (1 + 0.1 * trials);
    CHECK(xs.front() >= 0.7 - half - 1e-9);
    CHECK(xs.back() <= 0.7 + half + 1e-9);
    CHECK(xs.back() - xs.front() > 1.8 * half);
  }
}

TEST_CASE("a window at a bound stays as wide and inside", "[anneal]") {
  auto tuner = make("Anneal", line, 1);
  for (int i = 0; i < 10; ++i)
    tuner->tell(ended(i, at(1.0), i));
  auto xs = answers(*tuner);
  CHECK(xs.front() >= 0.5);
  CHECK(xs.front() < 0.55);
  CHECK(xs.back() > 0.95);
}

TEST_CASE("a normal parameter walks in its own units, beyond where the prior is dense",
          "[anneal]") {
  auto tuner = make("Anneal", {{gaussian("x", T::normal, 0, 1)}}, 1);
  for (int i = 0; i < 90; ++i)
    tuner->tell(ended(i, at(4.0), i));
  auto xs = answers(*tuner);
  CHECK(xs[100] == Approx(4).margin(0.05));             // the median
  CHECK(xs[168] - xs[32] == Approx(0.2).epsilon(0.3));  // two sigma of 1 / (1 + 0.1 * 90)
}

TEST_CASE("a choice keeps its value but for a share of draws from the space", "[anneal]") {
  auto tuner = make("Anneal",
                    {{choice("x", {number("1"), number("2"), number("3"), number("4")}),
                      bounded("y", T::uniform, 0, 1)}},
                    1);
  for (int i = 0; i < 30; ++i)
    tuner->tell(ended(i, Value(Object{{"x", number("3")}, {"y", Value::real(0.5)}}), i));
  int kept = 0;
  for (Sequence i = 1000; i < 1400; ++i)
    kept += x_of(tuner->ask(i, {})) == 3 ? 1 : 0;
  CHECK(kept / 400.0 == Approx(1 - 0.25 * 3 / 4).margin(0.06));  // 1 / (1 + 0.1 * 30) = 0.25
}

TEST_CASE("neighbouring levels stay within reach after many trials", "[anneal]") {
  auto tuner =
      make("Anneal", {{bounded("x", T::randint, 0, 10), bounded("y", T::uniform, 0, 1)}}, 1);
  for (int i = 0; i < 500; ++i)
    tuner->tell(ended(i, Value(Object{{"x", number("6")}, {"y", Value::real(0.5)}}), i));
  std::set<double> levels;
  for (Sequence i = 1000; i < 1100; ++i)
    levels.insert(x_of(tuner->ask(i, {})));
  CHECK(levels == std::set<double>{5, 6, 7});
}

TEST_CASE("a loss of exactly zero counts", "[anneal]") {
  // Origin: nni-compat.md 7, the falsy-zero trap.
  auto tuner = make("Anneal", line, 1);
  for (int i = 0; i < 60; ++i)
    tuner->tell(ended(i, at(0.9), 1.0));
  tuner->tell(ended(60, at(0.2), 0.0));
  CHECK(answers(*tuner)[50] < 0.3);
}

TEST_CASE("running trials take part only where parallel_optimize says so", "[anneal]") {
  std::vector<Trial> pending;
  for (int i = 0; i < 20; ++i)
    pending.push_back(running(100 + i, {at(0.1), ""}));
  auto share_near = [&](const char* args) {
    auto tuner = make("Anneal", line, 1, args);
    for (int i = 0; i < 60; ++i)
      tuner->tell(ended(i, at(0.8), i));
    auto xs = answers(*tuner, pending);
    return std::count_if(xs.begin(), xs.end(), [](double x) { return x < 0.45; });
  };
  CHECK(share_near("{}") == 0);
  CHECK(share_near(R"({"constant_liar_type": "best"})") == 0);
  CHECK(share_near(R"({"parallel_optimize": true, "constant_liar_type": "best"})") > 20);
  CHECK(share_near(R"({"parallel_optimize": true, "constant_liar_type": "min"})") > 20);
  CHECK(share_near(R"({"parallel_optimize": true, "constant_liar_type": "max"})") == 0);
  CHECK(share_near(R"({"parallel_optimize": true, "constant_liar_type": null})") == 0);
  CHECK(share_near(R"({"parallel_optimize": true, "optimize_mode": "maximize",
                       "constant_liar_type": "min"})") == 0);
}

TEST_CASE("the manual's arguments are taken, PPO's parameters refused", "[anneal]") {
  CHECK(check_algorithms(spec_of("anneal", R"({"optimize_mode": "maximize",
                                               "constant_liar_type": "min"})"),
                         line)
            .empty());
  Parameter layer;
  layer.name = "op";
  layer.type = T::layer_choice;
  layer.choices = {std::string("conv")};
  auto errors = check_algorithms(spec_of("Anneal"), {{layer}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message.find("Anneal cannot search layer_choice ('op'); what would work: ") == 0);
}

TEST_CASE("Anneal is far better than Random, with one worker and with eight", "[anneal]") {
  std::size_t workers = GENERATE(1, 8);
  auto mean = [&](const char* name) {
    double sum = 0;
    for (const auto& problem : problems())
      if (problem.name == "levy5" || problem.name == "cond_toy" || problem.name == "mixed_toy")
        for (int seed = 0; seed < 10; ++seed)
          sum += problem.regret(best_so_far(*make(name, problem.space, seed, "{}", GOAL_MINIMIZE),
                                            problem, seed, 100, workers)
                                    .back()) /
                 30;
    return sum;
  };
  double random = mean("Random");
  CHECK(random > 0.08);
  CHECK(mean("Anneal") < 0.5 * random);
}
