// Several goals and constraints, whatever the algorithm: what every one must do, and how near they come.
#include <cmath>
#include <set>
#include <span>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "multi_problems.hpp"
#include "tuner/trial_order.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

std::vector<std::string> searching_several() {
  std::vector<std::string> names;
  for (const auto& row : algorithms())
    if (row.several_goals && row.name != "Batch")
      names.push_back(row.name);
  return names;
}

/// Those that learn from results.
std::vector<std::string> learning_several() {
  auto names = searching_several();
  std::erase_if(names, [](const auto& name) {
    return name == "Random" || name == "QMC" || name == "GridSearch";
  });
  return names;
}

std::vector<std::string> all_searching(const SearchSpace& space) {
  std::vector<std::string> names;
  for (const auto& row : algorithms())
    if (row.make_tuner && check_algorithms(spec_of(row.name), space).empty())
      names.push_back(row.name);
  return names;
}

std::vector<std::string> texts(const std::vector<Trial>& trials) {
  std::vector<std::string> texts(trials.size());
  for (const auto& t : trials)
    texts.at(static_cast<std::size_t>(t.sequence)) = to_json(t.parameters);
  return texts;
}

/// Anything that depends on the parameters: two goals that contradict each other, and a constraint.
Outcome any_outcome(const Value& parameters) {
  double hash = 0;
  for (char c : to_json(parameters))
    hash = std::fmod(hash * 31 + c, 9973);
  double x = hash / 9973;
  return {{x, std::pow(1 - x, 2)}, {std::max(0.0, 0.2 - std::fmod(hash, 7) / 7)}};
}

/// A problem on this space, of `goals` goals (1 or 2) and a constraint.
MultiProblem problem_on(SearchSpace space, std::size_t goals) {
  MultiProblem problem{.name = "any", .space = std::move(space), .goals = goals, .constraints = 1};
  problem.evaluate = [goals](const Value& v) {
    auto outcome = any_outcome(v);
    outcome.goals.resize(goals);
    return outcome;
  };
  return problem;
}

}  // namespace

TEST_CASE("with several goals suggestions are legal, repeatable, and those of a rebuilt tuner",
          "[goals]") {
  auto name = GENERATE(from_range(searching_several()));
  std::size_t workers = GENERATE(1, 8);
  CAPTURE(name, workers);
  auto problem = problem_on(mixed_space(), 2);
  auto live = make_for(name, problem, 7);
  auto trials = run_on(*live, problem, 1, 90, workers);
  REQUIRE(trials.size() == 90);
  Space space(mixed_space());
  for (const auto& trial : trials)
    CHECK(space.contains(trial.parameters).has_value());
  CHECK(texts(run_on(*make_for(name, problem, 7), problem, 1, 90, workers)) == texts(trials));
  auto rebuilt = make_for(name, problem, 7);
  for (const auto& trial : trials)
    rebuilt->tell(trial);
  auto answer = live->ask(99, {});
  CHECK(rebuilt->ask(99, {}) == answer);
  std::vector<Trial> pending{running(99, std::get<Suggestion>(answer))};
  CHECK(rebuilt->ask(100, pending) == live->ask(100, pending));
  CHECK(live->ask(100, pending) == live->ask(100, pending));
}

TEST_CASE("a tuner of a thousand trials of several goals is rebuilt as it was", "[goals]") {
  // More than TPE sorts at a time, and enough for Auto to take turns.
  auto name = GENERATE(from_range(learning_several()));
  CAPTURE(name);
  auto problem = problem_on(mixed_space(), 2);
  auto trials = run_on(*make_for("Random", problem, 7), problem, 1, 1000, 1);
  auto live = make_for(name, problem, 7);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    live->tell(trials[i]);
    if (i % 50 == 0)
      (void)live->ask(2000, std::span(&trials[i], 1));  // questions in between change nothing
  }
  auto rebuilt = make_for(name, problem, 7);
  for (const auto& trial : trials)
    rebuilt->tell(trial);
  CHECK(rebuilt->ask(1000, {}) == live->ask(1000, {}));
  CHECK(rebuilt->ask(1001, {}) == live->ask(1001, {}));
}

TEST_CASE("with several goals no point of a finite space is tried twice, and it ends", "[goals]") {
  auto name = GENERATE(from_range(searching_several()));
  std::size_t workers = GENERATE(1, 8);
  CAPTURE(name, workers);
  auto problem = problem_on(finite_space(), 2);
  auto tuner = make_for(name, problem, 3);
  auto trials = run_on(*tuner, problem, 2, 1000, workers);
  CHECK(trials.size() == 36);  // origin: the space counts its points
  auto all = texts(trials);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == 36);
  CHECK(std::holds_alternative<Exhausted>(tuner->ask(36, {})));
}

TEST_CASE("several goals: maximize is the mirror of minimize, each goal by itself", "[goals]") {
  auto name = GENERATE(from_range(learning_several()));
  CAPTURE(name);
  auto spec = spec_of(name);
  for (auto goal : {GOAL_MINIMIZE, GOAL_MAXIMIZE})
    spec.mutable_objective()->add_goals()->set_goal(goal);
  auto mirrored = make_tuner(spec, mixed_space(), 5).value();
  auto problem = problem_on(mixed_space(), 2);
  problem.constraints = 0;
  auto plain = make_for(name, problem, 5);
  auto finish = [&](double sign) {
    return [&problem, sign](Trial& trial) {
      auto goals = problem.evaluate(trial.parameters).goals;
      trial.final_value = goals[0];
      trial.goal_values = {goals[0], sign * goals[1]};
    };
  };
  CHECK(texts(drive(*mirrored, 80, 4, 6, finish(-1))) == texts(drive(*plain, 80, 4, 6, finish(1))));
}

TEST_CASE("several goals: a trial that failed, or lacks a finite value of one, is no good one",
          "[goals]") {
  auto name = GENERATE(from_range(learning_several()));
  CAPTURE(name);
  auto problem = problem_on(mixed_space(), 2);
  auto trials = run_on(*make_for(name, problem, 7), problem, 6, 60, 1);
  auto after = [&](const std::function<void(Trial&)>& change) {
    auto tuner = make_for(name, problem, 7);
    for (const auto& trial : trials)
      tuner->tell(trial);
    auto odd = running(60, std::get<Suggestion>(tuner->ask(60, {})));
    odd.outcome = TrialOutcome::succeeded;
    odd.final_value = -1e9;
    odd.goal_values = {-1e9, -1e9};
    change(odd);
    tuner->tell(odd);
    return tuner->ask(61, {});
  };
  auto failed = after([](Trial& t) {
    t.outcome = TrialOutcome::failed;
    t.final_value.reset();
    t.goal_values.clear();
  });
  CHECK(after([](Trial& t) { t.outcome = TrialOutcome::failed; }) == failed);
  // Of one that the user ended nothing is known, whatever it had reported.
  auto killed = after([](Trial& t) {
    t.outcome = TrialOutcome::killed;
    t.final_value.reset();
    t.goal_values.clear();
  });
  CHECK(after([](Trial& t) { t.outcome = TrialOutcome::killed; }) == killed);
  CHECK(after([](Trial& t) { t.goal_values[1] = std::nan(""); }) == failed);
  CHECK(after([](Trial& t) { t.goal_values[1] = -INFINITY; }) == failed);
  CHECK(after([](Trial& t) { t.goal_values.pop_back(); }) == failed);
  CHECK(after([](Trial&) {}) != failed);
}

TEST_CASE("all trials fail, break a constraint, or have one and the same goal: it goes on",
          "[goals]") {
  auto name = GENERATE(from_range(searching_several()));
  std::size_t goals = GENERATE(1, 2);
  CAPTURE(name, goals);
  auto problem = problem_on(mixed_space(), goals);
  auto evaluate = problem.evaluate;
  SECTION("all fail") {
    auto tuner = make_for(name, problem, 7);
    CHECK(drive(*tuner, 120, 8, 5, [](Trial& t) { t.outcome = TrialOutcome::failed; }).size() ==
          120);
  }
  SECTION("all break the constraint") {
    problem.evaluate = [&](const Value& v) {
      auto outcome = evaluate(v);
      outcome.violations = {0.1 + outcome.goals[0]};
      return outcome;
    };
    CHECK(run_on(*make_for(name, problem, 7), problem, 5, 120, 8).size() == 120);
  }
  SECTION("all break it infinitely") {
    problem.evaluate = [&](const Value& v) { return Outcome{evaluate(v).goals, {INFINITY}}; };
    CHECK(run_on(*make_for(name, problem, 7), problem, 5, 120, 8).size() == 120);
  }
  SECTION("one goal never changes") {
    problem.evaluate = [&](const Value& v) {
      auto outcome = evaluate(v);
      outcome.goals.back() = 3;
      return outcome;
    };
    CHECK(run_on(*make_for(name, problem, 7), problem, 5, 120, 8).size() == 120);
  }
  SECTION("values are as large as they can be") {
    problem.evaluate = [&](const Value& v) {
      auto outcome = evaluate(v);
      for (auto& goal : outcome.goals)
        goal = goal < 0.5 ? -1.7e308 : 1.7e308;
      return outcome;
    };
    CHECK(run_on(*make_for(name, problem, 7), problem, 5, 120, 8).size() == 120);
  }
}

TEST_CASE("one parameter and two hundred are searched alike for two goals", "[goals]") {
  auto name = GENERATE(from_range(searching_several()));
  auto count = GENERATE(1, 200);
  CAPTURE(name, count);
  auto problem = problem_on(cube(count), 2);
  CHECK(run_on(*make_for(name, problem, 7), problem, 5, 80, 4).size() == 80);
}

TEST_CASE("constraints: a trial that breaks one is never better than one that breaks none",
          "[goals]") {
  // x must be at least 0.5, and the loss is x: everything below looks better and is not.
  auto name = GENERATE(from_range(all_searching(cube(2))));
  const auto* row = find_algorithm(name, {AlgorithmKind::tuner});
  if (row == nullptr || name == "PBTTuner" || name == "Random" || name == "QMC" ||
      name == "GridSearch")
    return;  // advisors and PBT need more trials, the others look at no results
  CAPTURE(name);
  MultiProblem problem{.name = "half", .space = cube(2), .goals = 1, .constraints = 1};
  problem.evaluate = [](const Value& v) {
    double x = v.find("x0")->to_double().value();
    double y = v.find("x1")->to_double().value();
    return Outcome{{x + y * y}, {std::max(0.0, 0.5 - x)}};
  };
  auto trials = run_on(*make_for(name, problem, 3), problem, 3, 100, 2);
  double best = INFINITY;
  int met = 0;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (breaks_constraint(trials[i]))
      continue;
    best = std::min(best, *trials[i].final_value);
    met += i >= 50 ? 1 : 0;
  }
  CHECK(best < 0.6);  // the optimum is 0.5; unconstrained search would end at 0
  if (row->constraints)
    CHECK(met > 25);  // of the last 50: draws meet it half of the time
}

TEST_CASE("constraints may be few: missing violations count as met, NaN as infinite", "[goals]") {
  Trial trial = ended(0, Value(), 1);
  trial.violations = {std::nan(""), -3};
  auto seen = as_loss(trial, Direction::maximize);
  CHECK(seen.final_value == -1);
  CHECK(std::isinf(seen.violations[0]));
  CHECK(seen.violations[1] == 0);
  trial.violations.clear();
  CHECK_FALSE(breaks_constraint(as_loss(trial, Direction::minimize)));
}

TEST_CASE("with two goals and with three the front is found far sooner than by draws", "[goals]") {
  // Origin of the bounds: multi_quality over 20 other seeds left TPE 0.18 to 0.60 of what draws leave, NSGA-II 0.35 to
  // 0.75 (docs/algorithms.md).
  std::string name = GENERATE("TPE", "NSGA-II");
  std::string which = GENERATE("zdt1", "zdt3", "dtlz2", "c2dtlz2", "bnh");
  CAPTURE(name, which);
  const auto& problem = multi_problem(which);
  double left = 1 - mean_score(name, problem, 10, 200, 1);
  double by_draws = 1 - mean_score("Random", problem, 10, 200, 1);
  CHECK(left < (name == "TPE" ? 0.8 : 0.9) * by_draws);
}

TEST_CASE("eight workers find the front far sooner than draws", "[goals]") {
  std::string name = GENERATE("TPE", "NSGA-II");
  CAPTURE(name);
  for (const char* which : {"zdt1", "net"}) {
    const auto& problem = multi_problem(which);
    CAPTURE(which);
    CHECK(1 - mean_score(name, problem, 5, 200, 8) <
          0.7 * (1 - mean_score("Random", problem, 5, 200, 8)));
  }
}

TEST_CASE("Auto with several goals or constraints is TPE, in long runs by turns with NSGA-II",
          "[goals]") {
  std::string which = GENERATE("net", "vessel");
  CAPTURE(which);
  const auto& problem = multi_problem(which);
  auto tuner = make_for("Auto", problem, 5);
  auto tpe = make_for("TPE", problem, 5);
  auto evolution = make_for("NSGA-II", problem, 5);
  auto trials = run_on(*make_for("Random", problem, 5), problem, 5, 251, 1);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    for (auto* one : {tuner.get(), tpe.get(), evolution.get()})
      one->tell(trials[i]);
    if (i != 60 && i != 250)
      continue;
    CHECK(tuner->ask(1000, {}) == tpe->ask(1000, {}));
    CHECK(tuner->ask(1001, {}) == (i == 60 ? tpe : evolution)->ask(1001, {}));
  }
}

TEST_CASE("constraints with one goal: the best that meets them is found sooner than by draws",
          "[goals]") {
  std::string name = GENERATE("TPE", "NSGA-II");
  CAPTURE(name);
  for (const char* which : {"vessel", "shell"}) {
    const auto& problem = multi_problem(which);
    CAPTURE(which);
    CHECK(mean_score(name, problem, 10, 200, 1) > mean_score("Random", problem, 10, 200, 1) + 0.2);
  }
}
