// Several goals and constraints: what a tuner is told of a final result, in life, after a crash and of a warm start.
#include <limits>

#include <catch2/catch.hpp>

#include "actors/head.hpp"
#include "experiment_driver.hpp"

namespace autotune::test {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// accuracy up, size down, ms at most 20.
pb::ExperimentSpec tradeoff(std::int64_t trials) {
  auto spec = small_spec(trials, 1);
  auto& objective = *spec.mutable_objective();
  objective.mutable_goals(0)->set_metric("accuracy");
  objective.add_goals()->set_metric("size");
  objective.mutable_goals(1)->set_goal(pb::GOAL_MINIMIZE);
  objective.add_constraints("ms <= 20");
  return spec;
}

pb::ExperimentSpec constrained(std::int64_t trials) {
  auto spec = small_spec(trials, 1);
  spec.mutable_objective()->mutable_goals(0)->set_metric("accuracy");
  spec.mutable_objective()->add_constraints("ms <= 20");
  return spec;
}

std::string second(const Words& words) { return words.at(1); }

}  // namespace

TEST_CASE("a tuner is told all goals and by how much each constraint is broken",
          "[experiment][goals]") {
  ExperimentDriver one(tradeoff(9));
  one.start();
  one.run_trial(0);
  CHECK(second(one.ended(0, 1, "Succeeded", {{"size", 3}, {"ms", 23}, {"accuracy", 0.9}})) ==
        "tell succeeded 0 = 0.9, 3, violations 3");
  one.run_trial(1);
  CHECK(second(one.ended(1, 1, "Succeeded", {{"accuracy", 0.8}, {"size", 2}, {"ms", 20}})) ==
        "tell succeeded 1 = 0.8, 2, violations 0");
  one.run_trial(2);
  CHECK(second(one.ended(2, 1, "Failed", {{"accuracy", 0.8}, {"size", 2}, {"ms", 20}})) ==
        "tell failed 2 = 0.8, 2, violations 0");
}

TEST_CASE("with one goal there are no goal values, but violations", "[experiment][goals]") {
  ExperimentDriver one(constrained(9));
  one.start();
  one.run_trial(0);
  pb::AttemptResult result;
  result.set_attempt(1);
  result.set_outcome("Succeeded");
  for (auto [name, value] : Finals{{"accuracy", 0.9}, {"ms", 25}}) {
    result.add_final_metrics()->set_name(name);
    result.mutable_final_metrics(result.final_metrics_size() - 1)->set_value(value);
  }
  auto effects = one.core.on_result(one.moment(), result);
  const auto& trial = std::get<TellEnded>(effects.at(1)).trial;
  CHECK(trial.final_value == 0.9);
  CHECK(trial.goal_values.empty());
  CHECK(trial.violations == std::vector<double>{5});
}

TEST_CASE("a final result that lacks a metric is none, and says which", "[experiment][goals]") {
  ExperimentDriver one(constrained(1));
  one.start();
  one.run_trial(0);
  CHECK(one.ended(0, 1, "Succeeded", {{"accuracy", 0.9}}) ==
        Words{"unplace 0", "tell succeeded 0",
              "append[ended 0/1 Succeeded, trial 0 SUCCEEDED: final result has no 'ms', which a "
              "constraint needs; it has: accuracy, phase DONE]",
              "release 0/1"});
  // What it did report is kept.
  CHECK(one.events.at(one.events.size() - 2).trial_ended().final_metrics_size() == 1);
}

TEST_CASE("a bare number is no result of several goals", "[experiment][goals]") {
  ExperimentDriver one(tradeoff(1));
  one.start();
  one.run_trial(0);
  one.result(0, 1, "Succeeded", 0.9);
  CHECK_THAT(
      one.events.at(one.events.size() - 2).trial_ended().reason(),
      Catch::Contains("it is a bare number: report an object that holds accuracy, size, ms"));
}

TEST_CASE("a missing metric is tried again where a missing result is", "[experiment][goals]") {
  auto spec = tradeoff(1);
  spec.mutable_trial_policy()->set_max_retries(1);
  spec.mutable_trial_policy()->add_retry_on("NoFinalResult");
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  one.ended(0, 1, "Succeeded", {{"accuracy", 0.9}, {"ms", 3}});
  CHECK(word_of(one.events.back()) == "requeued 0 retry in 1000 ms");
  CHECK_THAT(one.events.back().trial_requeued().reason(),
             Catch::Contains("no 'size', which a goal needs"));
  one.next();
  one.place(0);
  CHECK(second(one.ended(0, 2, "Succeeded", {{"accuracy", 0.9}, {"ms", 3}, {"size", 4}})) ==
        "tell succeeded 0 = 0.9, 4, violations 0");
}

TEST_CASE("a goal that is NaN is told as no value, a constraint's as broken without end",
          "[experiment][goals]") {
  ExperimentDriver one(tradeoff(9));
  one.start();
  one.run_trial(0);
  CHECK(second(
            one.ended(0, 1, "Succeeded", {{"accuracy", 0.9}, {"size", not_a_number}, {"ms", 3}})) ==
        "tell succeeded 0");
  one.run_trial(1);
  CHECK(second(
            one.ended(1, 1, "Succeeded", {{"accuracy", 0.9}, {"size", 3}, {"ms", not_a_number}})) ==
        "tell succeeded 1 = 0.9, 3, violations inf");
}

TEST_CASE("a restart and a warm start tell the same values", "[experiment][goals]") {
  pb::WarmStarted warm;
  warm.set_source("other-abcde");
  auto* known = warm.add_trials();
  known->set_parameters_json(R"({"x":0.5})");
  for (auto [name, value] : Finals{{"accuracy", 0.7}, {"size", 1}, {"ms", 21}}) {
    known->add_final_metrics()->set_name(name);
    known->mutable_final_metrics(known->final_metrics_size() - 1)->set_value(value);
  }
  auto spec = tradeoff(9);
  spec.add_initial_trials_json(R"({"x":0.25})");
  ExperimentDriver one(spec);
  CHECK(one.did(one.core.on_submitted(one.moment(), spec, {}, 7, warm)) ==
        Words{"append[submitted, warm start 1]", "tell succeeded -1 = 0.7, 1, violations 1"});
  one.did(one.core.on_started(one.moment(), false));
  one.run_trial(0);
  one.ended(0, 1, "Succeeded", {{"accuracy", 0.9}, {"size", 3}, {"ms", 23}});
  one.did(one.core.on_enqueue(one.moment(), 1, R"({"x":0.75})"));
  one.run_trial(1);
  one.ended(1, 1, "Succeeded", {{"accuracy", 0.8}, {"size", 3}, {"ms", 3}});
  one.next();  // what was held back for the next trial is durable now
  auto told = one.restart(false);
  told.resize(3);
  CHECK(told == Words{"tell succeeded -1 = 0.7, 1, violations 1",
                      "tell succeeded 0 = 0.9, 3, violations 3",
                      "tell succeeded 1 = 0.8, 3, violations 0"});
}

TEST_CASE("an intermediate result is the first goal's", "[experiment][goals]") {
  auto spec = tradeoff(1);
  spec.mutable_assessor()->set_name("Medianstop");
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  pb::ReportsMessage stored;
  stored.set_sequence(0);
  stored.set_attempt(1);
  auto report = [&](const Finals& metrics) {
    auto& one_report = *stored.add_reports();
    one_report.set_replica("worker-0");
    one_report.set_line(stored.reports_size());
    one_report.set_step(stored.reports_size());
    one_report.set_kind(pb::REPORT_KIND_INTERMEDIATE);
    for (const auto& [name, value] : metrics) {
      auto* metric = one_report.add_metrics();
      metric->set_name(name);
      metric->set_value(value);
    }
  };
  report({{"size", 9}, {"accuracy", 0.5}});
  report({{"default", 0.6}});
  report({{"size", 9}});
  report({{"accuracy", not_a_number}});
  CHECK(one.did(one.core.on_reports(one.moment(), stored)) ==
        Words{"measure 0/1 step 1", "measure 0/1 step 2"});
}

TEST_CASE("a constraint that is none is not admitted", "[experiment][goals]") {
  auto spec = small_spec(1, 1);
  spec.mutable_tuner()->set_name("Random");
  spec.mutable_objective()->add_constraints("ms under 20");
  auto admitted = admit(spec, AlgorithmTable());
  REQUIRE_FALSE(admitted);
  CHECK_THAT(admitted.error().message,
             Catch::Contains("spec.objective.constraints: 'ms under 20' is no constraint"));
}

}  // namespace autotune::test
