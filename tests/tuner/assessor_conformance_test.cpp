// What every assessor must do, whatever its rule. Runs over all that `algorithms()` lists.
#include <cmath>

#include <catch2/catch.hpp>

#include "driver.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

std::vector<std::string> all_assessors() {
  std::vector<std::string> names;
  for (const auto& row : algorithms())
    if (row.make_assessor)
      names.push_back(row.name);
  return names;
}

/// Arguments with which each rule has something to say about the curves below.
std::string args_for(const std::string& name, bool down) {
  if (name == "Curvefitting")
    return R"({"epoch_num": 20, "start_step": 4})";
  if (name == "Threshold")
    return down ? R"({"bound": 1.1, "divergence": 0.5})" : R"({"bound": -1.1, "divergence": 0.5})";
  return "{}";
}

std::unique_ptr<Assessor> assessor(const std::string& name, bool down = true) {
  pb::ExperimentSpec spec = spec_of("Random");
  spec.mutable_assessor()->set_name(name);
  spec.mutable_assessor()->set_class_args_json(args_for(name, down));
  spec.mutable_objective()->add_goals()->set_goal(down ? GOAL_MINIMIZE : GOAL_MAXIMIZE);
  auto made = make_assessor(spec);
  if (!made)
    throw std::runtime_error(made.error().message);
  return std::move(*made);
}

/// Falls towards its own end; every eleventh is the best so far.
double curve(Sequence trial, std::int64_t step, double lift) {
  double end = 0.2 * static_cast<double>((trial * 7) % 11) - 0.001 * static_cast<double>(trial);
  return (end + std::exp(-0.3 * static_cast<double>(step + 1))) + lift;
}

constexpr std::int64_t steps = 20;

using Odd = std::function<void(Trial&, std::int64_t step)>;

/// Trials one after the other, each assessed after every result; which were stopped, and when.
/// `odd` may change or add results, and is told when a trial has ended (step == steps).
std::vector<std::int64_t> stops(Assessor& rule, int trials, double sign = 1, const Odd& odd = {},
                                double lift = 0, std::vector<Trial>* ended = nullptr) {
  std::vector<std::int64_t> at;
  for (Sequence i = 0; i < trials; ++i) {
    Trial trial;
    trial.sequence = i;
    trial.outcome = TrialOutcome::succeeded;
    std::int64_t stopped = -1;
    for (std::int64_t step = 0; step < steps && stopped < 0; ++step) {
      trial.intermediates.push_back({step, sign * curve(i, step, lift)});
      if (odd)
        odd(trial, step);
      if (rule.assess(trial))
        stopped = step;
    }
    if (stopped < 0)
      trial.final_value = trial.intermediates.back().value;
    else
      trial.outcome = TrialOutcome::early_stopped;
    if (odd)
      odd(trial, steps);
    rule.tell(trial);
    if (ended != nullptr)
      ended->push_back(trial);
    at.push_back(stopped);
  }
  return at;
}

bool any(const std::vector<std::int64_t>& at) {
  return std::any_of(at.begin(), at.end(), [](auto step) { return step >= 0; });
}

}  // namespace

TEST_CASE("every assessor stops some of the bad ones and none of the best", "[conformance]") {
  auto name = GENERATE(from_range(all_assessors()));
  CAPTURE(name);
  auto at = stops(*assessor(name), 33);
  CHECK(any(at));
  for (std::size_t i = 0; i < at.size(); i += 11)
    CHECK(at[i] == -1);
}

TEST_CASE("for assessors maximize is the mirror of minimize", "[conformance]") {
  auto name = GENERATE(from_range(all_assessors()));
  CAPTURE(name);
  CHECK(stops(*assessor(name), 40) == stops(*assessor(name, false), 40, -1));
}

TEST_CASE("an assessor rebuilt from its trials decides what it would have decided",
          "[conformance]") {
  auto name = GENERATE(from_range(all_assessors()));
  CAPTURE(name);
  auto live = assessor(name);
  std::vector<Trial> ended;
  stops(*live, 20, 1, {}, 0, &ended);
  auto rebuilt = assessor(name);
  for (const auto& trial : ended)
    rebuilt->tell(trial);
  CHECK(stops(*rebuilt, 20) == stops(*live, 20));
}

TEST_CASE("results of NaN and infinity stop nothing and are no one's yardstick", "[conformance]") {
  auto name = GENERATE(from_range(all_assessors()));
  double odd = GENERATE(std::nan(""), INFINITY, -INFINITY);
  CAPTURE(name, odd);
  CHECK_FALSE(any(stops(*assessor(name), 10, 1, [&](Trial& t, std::int64_t step) {
    if (step < steps)
      t.intermediates.back().value = odd;
  })));
}

TEST_CASE("trials that fail, all fail, or report once and die are no yardstick", "[conformance]") {
  auto name = GENERATE(from_range(all_assessors()));
  CAPTURE(name);
  auto fresh = assessor(name);
  auto count = GENERATE(1, steps);  // of results before their end
  for (Sequence i = 100; i < 200; ++i) {
    Trial trial;
    trial.sequence = i;
    for (std::int64_t step = 0; step < count; ++step) {
      trial.intermediates.push_back({step, 1.0 - static_cast<double>(i)});
      fresh->assess(trial);
    }
    trial.outcome = TrialOutcome::failed;
    fresh->tell(trial);
  }
  // As if there had been none.
  CHECK(stops(*fresh, 33) == stops(*assessor(name), 33));
}

TEST_CASE("a result of exactly zero counts as any other", "[conformance]") {
  auto name = GENERATE(from_range(all_assessors()));
  CAPTURE(name);
  auto run = [&](double nothing) {
    return stops(*assessor(name), 33, 1, [&](Trial& t, std::int64_t step) {
      if (step < steps && t.sequence % 5 == 2)
        t.intermediates.back().value = nothing;
    });
  };
  CHECK(run(0) == run(1e-300));
}

TEST_CASE("a trial without results is not stopped", "[conformance]") {
  auto name = GENERATE(from_range(all_assessors()));
  CAPTURE(name);
  auto rule = assessor(name);
  stops(*rule, 12);
  Trial trial;
  trial.sequence = 50;
  CHECK_FALSE(rule->assess(trial));
}
