#include "messages/objective.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <tuple>

#include <catch2/catch.hpp>

using namespace autotune;

namespace {

using Op = Constraint::Op;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Metrics metrics(const std::vector<std::pair<std::string, double>>& named) {
  Metrics out;
  for (const auto& [name, value] : named) {
    auto* metric = out.Add();
    metric->set_name(name);
    metric->set_value(value);
  }
  return out;
}

Objective objective(const std::vector<std::pair<std::string, pb::Goal>>& goals,
                    const std::vector<std::string>& constraints = {}) {
  pb::Objective out;
  for (const auto& [metric, goal] : goals) {
    out.add_goals()->set_metric(metric);
    out.mutable_goals(out.goals_size() - 1)->set_goal(goal);
  }
  for (const auto& text : constraints)
    out.add_constraints(text);
  return Objective(out);
}

Objective accuracy_and_size() {
  return objective({{"accuracy", pb::GOAL_MAXIMIZE}, {"size", pb::GOAL_MINIMIZE}});
}

/// Not dominated, found by comparing each with each.
std::vector<std::size_t> slow_front(const std::vector<Standing>& results) {
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < results.size(); ++i) {
    bool is_best = true;
    for (const auto& other : results)
      is_best = is_best && !dominates(other, results[i]);
    if (is_best)
      front.push_back(i);
  }
  return front;
}

}  // namespace

TEST_CASE("a constraint is a metric, a sign and a number", "[objective]") {
  CHECK(parse_constraint("latency_ms <= 20") == Constraint{"latency_ms", Op::at_most, 20});
  CHECK(parse_constraint("acc>0.5") == Constraint{"acc", Op::above, 0.5});
  CHECK(parse_constraint("  top 5 acc\t>= -1e-3 ") == Constraint{"top 5 acc", Op::at_least, -1e-3});
  CHECK(parse_constraint("a < +.5") == Constraint{"a", Op::below, 0.5});
  CHECK(to_text({"latency_ms", Op::at_most, 20}) == "latency_ms <= 20");
  CHECK(to_text({"a", Op::above, 0.1}) == "a > 0.1");
}

TEST_CASE("what is no constraint is told so, with what would be right", "[objective]") {
  auto [text, why] = GENERATE(table<std::string, std::string>({
      {"latency below 20", "it has none of <= >= < >"},
      {"<= 20", "no metric stands before '<'"},
      {"a <=", "no number follows"},
      {"a <= fast", "'fast' is no number"},
      {"a => 20", "'=>' is no sign, '>=' is"},
      {"a =< 20", "'=<' is no sign, '<=' is"},
      {"a <== 20", "'= 20' is no number"},
      {"a < b < 3", "'b < 3' is no number"},
      {"a <= nan", "'nan' is no number"},
      {"a <= inf", "'inf' is no number"},
      {"a <= 20ms", "'20ms' is no number"},
      {"", "it has none of <= >= < >"},
  }));
  auto constraint = parse_constraint(text);
  REQUIRE_FALSE(constraint);
  CHECK(constraint.error().code == ErrorCode::invalid_argument);
  CHECK(constraint.error().message == "'" + text + "' is no constraint: " + why +
                                          "; write METRIC <= NUMBER, say 'latency_ms <= 20'");
}

TEST_CASE("two constraints of one metric may leave no number between them", "[objective]") {
  CHECK(can_both_hold({"a", Op::at_most, 5}, {"a", Op::at_least, 5}));
  CHECK_FALSE(can_both_hold({"a", Op::at_most, 5}, {"a", Op::above, 5}));
  CHECK_FALSE(can_both_hold({"a", Op::at_least, 6}, {"a", Op::below, 5}));
  CHECK(can_both_hold({"a", Op::at_least, 6}, {"b", Op::below, 5}));
  CHECK(can_both_hold({"a", Op::at_most, 6}, {"a", Op::below, 5}));
}

TEST_CASE("a violation is what lies beyond the bound", "[objective]") {
  CHECK(violation_of({"a", Op::at_most, 20}, 23.5) == 3.5);
  CHECK(violation_of({"a", Op::at_most, 20}, 20) == 0);
  CHECK(violation_of({"a", Op::at_least, 20}, 17) == 3);
  CHECK(violation_of({"a", Op::at_least, 20}, 21) == 0);
  CHECK(violation_of({"a", Op::below, 20}, 19) == 0);
  CHECK(violation_of({"a", Op::above, 0}, 1e-300) == 0);
}

TEST_CASE("a value on the bound of < or > breaks it by the least there is", "[objective]") {
  auto least = violation_of({"a", Op::below, 20}, 20);
  CHECK(least > 0);
  CHECK(least < 1e-300);
  CHECK(violation_of({"a", Op::above, 20}, 20) == least);
}

TEST_CASE("NaN breaks every constraint, an infinity those that it is beyond", "[objective]") {
  CHECK(violation_of({"a", Op::at_most, 20}, not_a_number) == infinity);
  CHECK(violation_of({"a", Op::at_least, 20}, not_a_number) == infinity);
  CHECK(violation_of({"a", Op::at_most, 20}, infinity) == infinity);
  CHECK(violation_of({"a", Op::at_most, 20}, -infinity) == 0);
  CHECK(violation_of({"a", Op::above, 20}, infinity) == 0);
}

TEST_CASE("a final result gives each goal's value and each constraint's violation", "[objective]") {
  auto what = objective({{"accuracy", pb::GOAL_MAXIMIZE}, {"size", pb::GOAL_MINIMIZE}},
                        {"ms <= 20", "accuracy > 0.5"});
  auto scores = what.scores_of(metrics({{"ms", 23}, {"size", 7}, {"accuracy", 0.9}, {"x", 1}}));
  CHECK(scores.values == std::vector<double>{0.9, 7});
  CHECK(scores.violations == std::vector<double>{3, 0});
  CHECK(scores.missing.empty());
  CHECK(scores.finite());
  CHECK_FALSE(scores.feasible());
}

TEST_CASE("a final result that lacks a metric says which, who needs it, and what is there",
          "[objective]") {
  auto one = objective({{"accuracy", pb::GOAL_MAXIMIZE}}, {"latency_ms <= 20"});
  CHECK(one.scores_of(metrics({{"accuracy", 0.9}})).missing ==
        "final result has no 'latency_ms', which a constraint needs; it has: accuracy");
  CHECK(one.scores_of(metrics({{"acc", 0.9}, {"latency_ms", 3}})).missing ==
        "final result has no 'accuracy', which the goal needs; it has: acc, latency_ms");
  auto two = accuracy_and_size();
  auto scores = two.scores_of(metrics({{"loss", 0.9}, {"ms", 3}}));
  CHECK(scores.missing ==
        "final result has no 'accuracy', which a goal needs, no 'size', which a goal needs; it "
        "has: loss, ms");
  CHECK(scores.values.empty());
  CHECK_FALSE(scores.finite());
}

TEST_CASE("a bare number is the only goal's, never one of several", "[objective]") {
  auto bare = metrics({{"default", 0.9}});
  auto one = objective({{"accuracy", pb::GOAL_MAXIMIZE}}, {"accuracy >= 0.95"});
  CHECK(one.scores_of(bare).values == std::vector<double>{0.9});
  CHECK(one.scores_of(bare).violations.at(0) == Approx(0.05));
  CHECK(accuracy_and_size().scores_of(bare).missing ==
        "final result has no 'accuracy', which a goal needs, no 'size', which a goal needs; it is "
        "a bare number: report an object that holds accuracy, size");
  // In an intermediate result it is the first goal's.
  REQUIRE(accuracy_and_size().find_intermediate(bare) != nullptr);
  CHECK(accuracy_and_size().find_intermediate(bare)->value() == 0.9);
}

TEST_CASE("a goal that is NaN is there, but no result to compare", "[objective]") {
  auto scores =
      accuracy_and_size().scores_of(metrics({{"accuracy", not_a_number}, {"size", infinity}}));
  CHECK(scores.missing.empty());
  CHECK(scores.values.size() == 2);
  CHECK_FALSE(scores.finite());
  CHECK_FALSE(accuracy_and_size().scores_of({}).finite());
  CHECK(accuracy_and_size().scores_of({}).missing.empty());
}

TEST_CASE("a spec without goals maximizes the bare number", "[objective]") {
  Objective what;
  REQUIRE(what.goals().size() == 1);
  CHECK(what.goals()[0].metric == "default");
  CHECK_FALSE(what.goals()[0].minimize);
  CHECK(what.standing_of(what.scores_of(metrics({{"default", 2}}))) == Standing{{-2}, 0});
}

TEST_CASE("what is feasible is better than what is not", "[objective]") {
  auto what = objective({{"accuracy", pb::GOAL_MAXIMIZE}, {"size", pb::GOAL_MINIMIZE}},
                        {"ms <= 20", "size < 100"});
  auto standing = [&](double accuracy, double size, double ms) {
    return what.standing_of(
        what.scores_of(metrics({{"accuracy", accuracy}, {"size", size}, {"ms", ms}})));
  };
  CHECK(dominates(standing(0.9, 5, 20), standing(0.8, 5, 20)));
  CHECK_FALSE(dominates(standing(0.9, 5, 20), standing(0.8, 4, 20)));
  CHECK_FALSE(dominates(standing(0.9, 5, 20), standing(0.9, 5, 20)));
  CHECK(dominates(standing(0.1, 99, 20), standing(0.9, 5, 21)));
  // 2 of 20 ms is more than 5 of 100 in size.
  CHECK(standing(0.9, 5, 22).breach == Approx(0.1));
  CHECK(dominates(standing(0.1, 105, 0), standing(0.9, 5, 22)));
  // On the bound of a strict constraint it is infeasible, however large the bound.
  CHECK(standing(0.9, 100, 0).breach > 0);
  CHECK(dominates(standing(0.1, 99, 0), standing(0.9, 100, 0)));
  CHECK(dominates(standing(0.9, 5, 22), standing(0.9, 5, not_a_number)));
}

TEST_CASE("the front is what nothing dominates, equal results side by side", "[objective]") {
  std::vector<Standing> results{{{1, 4}, 0}, {{2, 2}, 0}, {{2, 3}, 0}, {{4, 1}, 0},
                                {{2, 2}, 0}, {{0, 0}, 1}, {{1, 5}, 0}};
  CHECK(pareto_front(results) == std::vector<std::size_t>{0, 1, 3, 4});
  CHECK(pareto_front(std::span(results).subspan(5, 1)) == std::vector<std::size_t>{0});
  CHECK(pareto_front({}).empty());
}

TEST_CASE("the front is the one that comparing each with each finds", "[objective]") {
  auto goals = GENERATE(1, 2, 3, 5);
  auto seed = GENERATE(range(0u, 20u));
  CAPTURE(goals, seed);
  std::mt19937 random(seed);
  std::vector<Standing> results;
  ParetoFront one_by_one;
  std::set<std::int64_t> followed;  // by what each offer said that it changed
  for (int i = 0; i < 120; ++i) {
    Standing one;
    for (int g = 0; g < goals; ++g)
      one.losses.push_back(static_cast<double>(random() % 8));  // few values: many ties
    one.breach = random() % 4 == 0 ? 0 : static_cast<double>(random() % 3);
    auto change = one_by_one.offer(i, one);
    if (change.joined)
      followed.insert(i);
    for (auto left : change.left)
      REQUIRE(followed.erase(left) == 1);
    results.push_back(std::move(one));
  }
  auto front = pareto_front(results);
  CHECK(front == slow_front(results));
  std::vector<std::size_t> kept;
  for (auto sequence : one_by_one.sequences())
    kept.push_back(static_cast<std::size_t>(sequence));
  CHECK(std::is_sorted(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(results[a].losses, a) < std::tie(results[b].losses, b);
  }));
  std::sort(kept.begin(), kept.end());
  CHECK(kept == front);
  CHECK(std::set<std::int64_t>(front.begin(), front.end()) == followed);
}

TEST_CASE("the front of 100,000 results with two goals is quick to find", "[objective]") {
  // All are on the front: comparing each with each would take 10^10 comparisons, and the test's time out.
  std::vector<Standing> results;
  ParetoFront one_by_one;
  for (int i = 0; i < 100000; ++i) {
    results.push_back({{static_cast<double>(i), static_cast<double>(-i)}, 0});
    one_by_one.offer(i, results.back());
  }
  CHECK(pareto_front(results).size() == results.size());
  CHECK(one_by_one.sequences().size() == results.size());
}
