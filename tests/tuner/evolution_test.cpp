#include "tuner/evolution.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

Value all_at(int n, double x) {
  Object object;
  for (int i = 0; i < n; ++i)
    object.emplace_back("x" + std::to_string(i), Value::real(x));
  return object;
}

const Value& parameters_of(const Ask& answer) { return std::get<Suggestion>(answer).parameters; }

/// How many of the parameters still are x.
int count_at(const Ask& answer, double x) {
  int count = 0;
  for (const auto& [name, value] : *parameters_of(answer).as_object())
    count += std::abs(value.to_double().value() - x) < 1e-9 ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a child is the best of a few, with a change or a few", "[evolution]") {
  auto tuner = make("Evolution", cube(20), 1, R"({"optimize_mode": "minimize"})");
  for (int i = 0; i < 32; ++i)
    tuner->tell(ended(i, all_at(20, i == 5 ? 0.25 : 0.75), i == 5 ? 0 : 1));
  int kept = 0;
  int from_best = 0;
  for (Sequence i = 100; i < 300; ++i) {
    auto answer = tuner->ask(i, {});
    int good = count_at(answer, 0.25);
    kept += good + count_at(answer, 0.75);
    from_best += good > 10 ? 1 : 0;
    CHECK(good + count_at(answer, 0.75) < 20);  // something changes
  }
  CHECK(kept / 200.0 == Approx(18).margin(0.3));        // two changes in the mean
  CHECK(from_best / 200.0 == Approx(0.4).margin(0.1));  // 1 - (31/32)^16 = 0.398
}

TEST_CASE("the oldest member dies, however good", "[evolution]") {
  auto tuner =
      make("Evolution", cube(20), 1, R"({"optimize_mode": "minimize", "population_size": 12})");
  tuner->tell(ended(0, all_at(20, 0.25), -100));
  auto from_first = [&] {
    int count = 0;
    for (Sequence i = 100; i < 150; ++i)
      count += count_at(tuner->ask(i, {}), 0.25) > 0 ? 1 : 0;
    return count;
  };
  for (int i = 1; i < 12; ++i)
    tuner->tell(ended(i, all_at(20, 0.75), 1));
  CHECK(from_first() > 25);
  tuner->tell(ended(12, all_at(20, 0.75), 1));
  CHECK(from_first() == 0);
}

TEST_CASE("population_size of one climbs from the last result", "[evolution]") {
  auto tuner = make("Evolution", cube(20), 1, R"({"population_size": 1})");
  tuner->tell(ended(0, all_at(20, 0.3), 1));
  CHECK(count_at(tuner->ask(1, {}), 0.3) > 10);
}

TEST_CASE("what a changed branch opens is drawn anew", "[evolution]") {
  SearchSpace space{{nested("n", {Branch{"A", {bounded("x", T::uniform, 0, 1)}},
                                  Branch{"B", {bounded("y", T::uniform, 0, 1)}}})}};
  auto tuner = make("Evolution", space, 1);
  Value best(Object{{"n", Object{{"_name", std::string("A")}, {"x", Value::real(0.5)}}}});
  for (int i = 0; i < 20; ++i)
    tuner->tell(ended(i, best, 1));
  std::set<std::string> branches;
  std::set<double> ys;
  for (Sequence i = 100; i < 200; ++i) {
    auto answer = tuner->ask(i, {});
    const auto* n = parameters_of(answer).find("n");
    branches.insert(*n->find("_name")->as_string());
    if (const auto* y = n->find("y"))
      ys.insert(y->to_double().value());
    CHECK(n->as_object()->size() == 2);
  }
  CHECK(branches == std::set<std::string>{"A", "B"});
  CHECK(ys.size() > 10);
}

TEST_CASE("no request waits, however many stand beside a small population", "[evolution]") {
  // Origin: nni-compat.md 3.6: NNI's last queued request waits for ever.
  auto tuner = make("Evolution", cube(2), 1, R"({"population_size": 2})");
  std::vector<Trial> pending;
  for (Sequence i = 0; i < 50; ++i) {
    auto answer = tuner->ask(i, pending);
    REQUIRE(std::holds_alternative<Suggestion>(answer));
    pending.push_back(running(i, std::get<Suggestion>(answer)));
  }
}

TEST_CASE("trials of the user's join the population", "[evolution]") {
  // Origin: nni-compat.md 3.6: NNI passes over imported data.
  auto tuner = make("Evolution", cube(20), 1);
  for (int i = 0; i < 12; ++i) {
    auto theirs = ended(i, all_at(20, 0.3), 1);
    theirs.own = false;
    tuner->tell(theirs);
  }
  CHECK(count_at(tuner->ask(50, {}), 0.3) > 10);
}

TEST_CASE("Evolution's arguments are checked, PPO's parameters refused", "[evolution]") {
  CHECK(check_algorithms(spec_of("evolution", R"({"population_size": 100})"), cube(1)).empty());
  auto errors = check_algorithms(spec_of("EvolutionTuner", R"({"population_size": 0})"), cube(1));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message == "is 0, must be a whole number in [1, 99999]");
  Parameter layer;
  layer.name = "op";
  layer.type = T::layer_choice;
  layer.choices = {std::string("conv")};
  errors = check_algorithms(spec_of("Evolution"), {{layer}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message.find("Evolution cannot search layer_choice ('op'); what would work: ") ==
        0);
}

TEST_CASE("Evolution is far better than Random, with one worker and with eight", "[evolution]") {
  std::size_t workers = GENERATE(1, 8);
  auto mean = [&](const char* name) {
    double sum = 0;
    for (const auto& problem : problems())
      if (problem.name == "levy5" || problem.name == "cond_toy" || problem.name == "hartmann6")
        for (int seed = 0; seed < 10; ++seed)
          sum += problem.regret(best_so_far(*make(name, problem.space, seed, "{}", GOAL_MINIMIZE),
                                            problem, seed, 200, workers)
                                    .back()) /
                 30;
    return sum;
  };
  double random = mean("Random");
  CHECK(random > 0.1);
  CHECK(mean("Evolution") < 0.6 * random);
}
