// Trials of another experiment that a tuner knows from the start.
#include <spdlog/spdlog.h>
#include <catch2/catch.hpp>

#include "experiment_driver.hpp"
#include "simulation.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

pb::WarmStarted warm_start(int trials) {
  pb::WarmStarted warm;
  warm.set_source("other-abcde");
  for (int i = 0; i < trials; ++i) {
    auto* trial = warm.add_trials();
    auto a = (i % 10) / 10.0;
    trial->set_parameters_json("{\"a\":" + to_json(Value::real(a)) + "}");
    auto* metric = trial->add_final_metrics();
    metric->set_name("default");
    metric->set_value((a - 0.3) * (a - 0.3));
  }
  return warm;
}

pb::ExperimentSpec spec_of(const std::string& algorithm, std::int64_t trials) {
  auto spec = small_spec(trials, 2);
  spec.set_seed(3);
  spec.set_search_space_json(R"({"a":{"_type":"uniform","_value":[0,1]}})");
  spec.mutable_objective()->mutable_goals(0)->set_goal(pb::GOAL_MINIMIZE);
  bool advises = algorithm == "BOHB" || algorithm == "Hyperband" || algorithm == "ASHA";
  auto* named = advises ? spec.mutable_advisor() : spec.mutable_tuner();
  named->set_name(algorithm);
  named->set_class_args_json("{}");
  return spec;
}

SimulationOptions simulated(const pb::ExperimentSpec& spec, int warm) {
  SimulationOptions options;
  options.seed = 1;
  options.specs.push_back(spec);
  options.warm_start = warm_start(warm);
  options.behaviour = [](const pb::AttemptPlan& plan,
                         const pb::ReplicaKey&) -> Result<SimulatedRun> {
    auto a = parse_json(plan.parameters_json())->find("a")->to_double().value();
    SimulatedRun run;
    run.duration = 10ms;
    run.reports.push_back(
        {run.duration, pb::REPORT_KIND_FINAL, 0, {{"default", (a - 0.3) * (a - 0.3)}}});
    return run;
  };
  return options;
}

std::vector<std::string> parameters_of(SimulationOptions options) {
  spdlog::set_level(spdlog::level::off);
  Simulation simulation(std::move(options));
  simulation.run();
  CHECK(simulation.problems == std::vector<std::string>{});
  return simulation.audit(simulation.only().id).parameters;
}

}  // namespace

TEST_CASE("a warm start is stored with the submission and told before the first question",
          "[experiment][warm]") {
  ExperimentDriver one(small_spec(1, 1));
  CHECK(one.did(one.core.on_submitted(one.moment(), small_spec(1, 1), {}, 7, warm_start(2))) ==
        Words{"append[submitted, warm start 2]", "tell succeeded -1 = 0.09",
              "tell succeeded -2 = 0.04"});
  one.did(one.core.on_started(one.moment(), false));
  CHECK(one.core.counts().succeeded() == 0);  // they are no trials of this experiment
  one.run_trial(0);
  one.result(0, 1, "Succeeded", 0.5);
  CHECK(one.core.phase() == pb::PHASE_DONE);
  std::vector<Trial> history;
  one.replayed(&history);
  Words told;
  for (const auto& trial : history)
    told.push_back(word_of(TellEnded{trial}));
  CHECK(told ==
        Words{"tell succeeded -1 = 0.09", "tell succeeded -2 = 0.04", "tell succeeded 0 = 0.5"});
}

TEST_CASE("a crash changes nothing of what follows from a warm start", "[simulation][warm]") {
  const std::string name = GENERATE("TPE", "Auto", "BOHB", "CMA-ES");
  CAPTURE(name);
  auto spec = spec_of(name, 12);
  spec.set_trial_concurrency(1);
  auto expected = parameters_of(simulated(spec, 30));
  CHECK(expected.size() == 12);
  CHECK(expected != parameters_of(simulated(spec, 0)));
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    auto options = simulated(spec, 30);
    options.seed = seed;
    options.faults.crashes = 4;
    CHECK(parameters_of(options) == expected);
  }
}

TEST_CASE("a warm start that is not of the space is refused", "[simulation][warm]") {
  auto spec = spec_of("Random", 2);
  spec.set_search_space_json(R"({"b":{"_type":"uniform","_value":[0,1]}})");
  auto refused = check_warm_start(spec, warm_start(1));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message,
             Catch::Contains("parameter 'b' is missing; it is a number in [0.0, 1.0]"));
  CHECK(check_warm_start(spec_of("Random", 2), warm_start(30)));
  auto with_budget = warm_start(1);
  with_budget.mutable_trials(0)->set_parameters_json(R"({"a":0.5,"TRIAL_BUDGET":3})");
  CHECK(check_warm_start(spec_of("BOHB", 2), with_budget));
}

TEST_CASE("initial trials and a warm start go together with every advisor, at the full budget",
          "[simulation][warm]") {
  for (const char* name : {"Hyperband", "BOHB", "ASHA"}) {
    CAPTURE(name);
    auto spec = spec_of(name, 20);
    spec.add_initial_trials_json(R"({"a":0.25})");
    spec.add_initial_trials_json("{}");
    auto parameters = parameters_of(simulated(spec, 10));
    REQUIRE(parameters.size() == 20);
    auto greatest = std::string(name) == "BOHB" ? 3 : std::string(name) == "ASHA" ? 81 : 60;
    for (int i = 0; i < 2; ++i)
      CHECK(budget_of(parse_json(parameters[static_cast<std::size_t>(i)]).value()) == greatest);
    CHECK(budget_of(parse_json(parameters[2]).value()).value_or(99) < greatest);
  }
}

}  // namespace autotune::test
