#include "tuner/nsga2.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "multi_problems.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

const SearchSpace line{{bounded("x", T::uniform, 0, 1)}};

Value at(double x) { return Object{{"x", Value::real(x)}}; }

double x_of(const Ask& ask) {
  return std::get<Suggestion>(ask).parameters.find("x")->to_double().value();
}

Trial with(Sequence sequence, double x, std::vector<double> losses,
           std::vector<double> violations = {}) {
  auto trial = ended(sequence, at(x), losses.front());
  if (losses.size() > 1)
    trial.goal_values = std::move(losses);
  trial.violations = std::move(violations);
  return trial;
}

/// How many of 200 children lie within 0.05 of x.
int children_near(const Nsga2Tuner& tuner, double x) {
  int near = 0;
  for (Sequence i = 1000; i < 1200; ++i)
    near += std::abs(x_of(tuner.ask(i, {})) - x) < 0.05 ? 1 : 0;
  return near;
}

/// Children that are hardly changed copies of one parent each.
Nsga2Options copying(std::size_t goals, std::int64_t population_size = 50) {
  return {.population_size = population_size,
          .crossover_probability = 0,
          .mutation_index = 500,
          .goals = goals};
}

}  // namespace

TEST_CASE("parents are of the better fronts, then those that stand alone", "[nsga2]") {
  Nsga2Tuner tuner(Space(line), 1, copying(2));
  // Twenty trials: at 0.1 one that dominates all, at 0.9 nineteen of one front.
  tuner.tell(with(0, 0.1, {0, 0}));
  for (int i = 1; i < 20; ++i)
    tuner.tell(with(i, 0.9, {1.0 + i, 30.0 - i}));
  // A tournament of two has it with odds of 1 - (19 / 20)^2 = 0.0975: 19.5 of 200 with a deviation of 4.2.
  CHECK(children_near(tuner, 0.1) == Approx(19.5).margin(13));

  Nsga2Tuner crowded(Space(line), 1, copying(2));
  // One front: its ends at 0.1, all others at 0.9 and close together.
  crowded.tell(with(0, 0.1, {0, 100}));
  crowded.tell(with(1, 0.1, {100, 0}));
  for (int i = 2; i < 20; ++i)
    crowded.tell(with(i, 0.9, {50 + 0.1 * i, 50 - 0.1 * i}));
  // 1 - (18 / 20)^2 = 0.19, at least: of two that stand alone either is.
  CHECK(children_near(crowded, 0.1) == Approx(38).margin(17));
}

TEST_CASE("a trial that breaks a constraint loses to any that meets all", "[nsga2]") {
  Nsga2Tuner tuner(Space(line), 1, copying(1, 15));
  for (int i = 0; i < 15; ++i)
    tuner.tell(with(i, 0.9, {-100.0 - i}, {1.0 + i, 0}));
  CHECK(children_near(tuner, 0.9) == 200);
  for (int i = 15; i < 30; ++i)
    tuner.tell(with(i, 0.1, {5.0 + i}, {0, 0}));
  CHECK(children_near(tuner, 0.1) == 200);  // they have taken the population over
  Nsga2Tuner less(Space(line), 1, copying(1, 15));
  for (int i = 0; i < 15; ++i)
    less.tell(with(i, 0.9, {-100}, {1, 1}));
  for (int i = 15; i < 30; ++i)
    less.tell(with(i, 0.1, {5}, {0, 1}));  // breaks one only
  CHECK(children_near(less, 0.1) == 200);
}

TEST_CASE("a child is never one of its parents, whatever the odds of a change", "[nsga2]") {
  bool wide = GENERATE(false, true);
  CAPTURE(wide);
  MultiProblem problem{.name = "any", .space = wide ? mixed_space() : line};
  problem.evaluate = [](const Value& v) {
    double hash = 0;
    for (char c : to_json(v))
      hash = std::fmod(hash * 31 + c, 9973);
    return Outcome{{hash, 9973 - hash}, {}};
  };
  auto tuner =
      make_for("NSGA-II", problem, 1, R"({"mutation_probability": 0, "crossover_probability": 0})");
  std::set<std::string> all;
  for (const auto& trial : run_on(*tuner, problem, 1, 150, 1))
    all.insert(to_json(trial.parameters));
  CHECK(all.size() == 150);
}

TEST_CASE("a mutation of an ordered parameter reaches the neighbouring values", "[nsga2]") {
  Space space({{bounded("x", T::randint, 0, 4)}});
  Nsga2Tuner tuner(space, 1, copying(1, 2));
  tuner.tell(ended(0, Value(Object{{"x", Value::integer(1)}}), 0));
  std::set<std::int64_t> seen;
  std::vector<Trial> pending;
  for (Sequence i = 1; i < 4; ++i) {
    pending.push_back(running(i, std::get<Suggestion>(tuner.ask(i, pending))));
    seen.insert(pending.back().parameters.find("x")->to_integer().value());
  }
  CHECK(seen == std::set<std::int64_t>{0, 2, 3});
  CHECK(std::holds_alternative<Exhausted>(tuner.ask(4, pending)));
}

TEST_CASE("children of two parents lie around both, and keep what both have", "[nsga2]") {
  SearchSpace description{{bounded("x", T::uniform, 0, 1), bounded("y", T::uniform, 0, 1),
                           choice("c", {std::string("a"), std::string("b"), std::string("c")})}};
  Nsga2Tuner tuner(
      Space(description), 1,
      {.crossover_probability = 1, .mutation_probability = 0.0, .crossover_index = 20});
  for (int i = 0; i < 20; ++i)
    tuner.tell(ended(i,
                     Value(Object{{"x", Value::real(i % 2 == 0 ? 0.2 : 0.8)},
                                  {"y", Value::real(0.5)},
                                  {"c", std::string(i % 2 == 0 ? "a" : "b")}}),
                     1));
  int low = 0;
  int high = 0;
  int crossed = 0;
  for (Sequence i = 100; i < 300; ++i) {
    auto child = std::get<Suggestion>(tuner.ask(i, {})).parameters;
    double x = child.find("x")->to_double().value();
    bool a = *child.find("c")->as_string() == "a";
    low += std::abs(x - 0.2) < 0.1 ? 1 : 0;
    high += std::abs(x - 0.8) < 0.1 ? 1 : 0;
    crossed += (x < 0.5) != a ? 1 : 0;
  }
  CHECK(low > 60);
  CHECK(high > 60);
  CHECK(crossed > 25);
}

TEST_CASE("the population grows with the results, up to population_size", "[nsga2]") {
  // With one goal and ever better trials the parents are the latest ones: how many shows how far back children lie.
  auto oldest = [](std::int64_t population_size, int results) {
    Nsga2Tuner tuner(Space(line), 1, copying(1, population_size));
    for (int i = 0; i < results; ++i)
      tuner.tell(with(i, static_cast<double>(i) / results, {-static_cast<double>(i)}));
    double least = 1;
    for (Sequence i = 10000; i < 10400; ++i)
      least = std::min(least, x_of(tuner.ask(i, {})));
    return (1 - least) * results;
  };
  CHECK(oldest(50, 100) == Approx(15).margin(3));
  CHECK(oldest(50, 240) == Approx(30).margin(5));
  CHECK(oldest(50, 800) == Approx(50).margin(9));
  CHECK(oldest(5, 800) == Approx(5).margin(5));
}
