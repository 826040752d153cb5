// Experiments whose trials an advisor gives budgets, through the whole actor system on a virtual clock.
#include <map>

#include <spdlog/spdlog.h>
#include <catch2/catch.hpp>

#include "simulation.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

pb::ExperimentSpec advised_spec(const std::string& advisor, const std::string& args,
                                std::int64_t trials, int concurrency, bool finite = false) {
  pb::ExperimentSpec spec;
  spec.set_name("advised");
  spec.set_max_trial_num(trials);
  spec.set_trial_concurrency(concurrency);
  spec.set_seed(11);
  spec.set_search_space_json(finite ? R"({"a":{"_type":"choice","_value":[1,2,3,4,5]}})"
                                    : R"({"a":{"_type":"uniform","_value":[0,1]}})");
  spec.mutable_advisor()->set_name(advisor);
  spec.mutable_advisor()->set_class_args_json(args);
  auto* task = spec.mutable_training_config()->add_tasks();
  task->set_role("worker");
  task->set_replicas(1);
  auto* goal = spec.mutable_objective()->add_goals();
  goal->set_metric("default");
  goal->set_goal(pb::GOAL_MINIMIZE);
  return spec;
}

/// A trial lasts as long as its budget says; every `fails`-th one fails (0: none).
SimulationOptions advised(pb::ExperimentSpec spec, std::int64_t fails = 0) {
  SimulationOptions options;
  options.seed = 1;
  options.specs.push_back(std::move(spec));
  options.behaviour = [=](const pb::AttemptPlan& plan,
                          const pb::ReplicaKey&) -> Result<SimulatedRun> {
    auto parameters = parse_json(plan.parameters_json());
    auto budget = budget_of(*parameters);
    if (!budget)
      return fail(ErrorCode::internal, "no TRIAL_BUDGET in " + plan.parameters_json());
    SimulatedRun run;
    run.duration = *budget * 10ms;
    run.exit_code = fails > 0 && plan.sequence() % fails == 0 ? 1 : 0;
    run.reports.push_back({run.duration,
                           pb::REPORT_KIND_FINAL,
                           0,
                           {{"default", parameters->find("a")->to_double().value()}}});
    return run;
  };
  return options;
}

/// How many trials there were with each budget.
std::map<std::int64_t, int> budgets_of(Simulation& simulation) {
  spdlog::set_level(spdlog::level::off);
  simulation.run();
  CHECK(simulation.problems == std::vector<std::string>{});
  std::map<std::int64_t, int> budgets;
  for (const auto& text : simulation.audit(simulation.only().id).parameters)
    ++budgets[budget_of(parse_json(text).value()).value_or(0)];
  return budgets;
}

pb::Phase phase_of(Simulation& simulation) { return simulation.audit(simulation.only().id).phase; }

}  // namespace

TEST_CASE("an advisor's experiment runs to its end, each trial with its budget", "[simulation]") {
  // Origin: the first bracket of R = 9 by 3 is 9@1, 3@3, 1@9 (nni-compat.md 4.1's formula).
  Simulation serial(
      advised(advised_spec("Hyperband", R"({"R": 9, "exec_mode": "serial"})", 13, 4)));
  CHECK(budgets_of(serial) == std::map<std::int64_t, int>{{1, 9}, {3, 3}, {9, 1}});
  CHECK(phase_of(serial) == pb::PHASE_DONE);
  for (const char* name : {"Hyperband", "BOHB", "ASHA"}) {
    CAPTURE(name);
    Simulation simulation(advised(advised_spec(name, "{}", 60, 8)));
    auto budgets = budgets_of(simulation);
    CHECK(phase_of(simulation) == pb::PHASE_DONE);
    CHECK(budgets.size() > 1);
    CHECK_FALSE(budgets.contains(0));
  }
}

TEST_CASE("failed trials do not hold an advisor's experiment up", "[simulation]") {
  for (const char* name : {"Hyperband", "BOHB", "ASHA"})
    for (std::int64_t fails : {1, 3}) {
      CAPTURE(name, fails);
      auto args = std::string(name) == "Hyperband" ? R"({"R": 9, "exec_mode": "serial"})"
                                                   : R"({"max_budget": 9})";
      Simulation simulation(advised(advised_spec(name, args, 60, 4), fails));
      budgets_of(simulation);
      CHECK(phase_of(simulation) == pb::PHASE_DONE);
      CHECK(simulation.trials == 60);
    }
}

TEST_CASE("a finite space ends an advisor's experiment without a trial limit", "[simulation]") {
  for (const char* name : {"Hyperband", "BOHB", "ASHA"}) {
    CAPTURE(name);
    auto args = std::string(name) == "Hyperband" ? R"({"R": 9})" : R"({"max_budget": 9})";
    Simulation simulation(advised(advised_spec(name, args, 0, 3, true)));
    auto budgets = budgets_of(simulation);
    CHECK(phase_of(simulation) == pb::PHASE_DONE);
    CHECK(budgets[1] == 5);
    CHECK(budgets[9] >= 1);
  }
}

TEST_CASE("a crash changes nothing of what an advisor asks for", "[simulation]") {
  for (const char* name : {"Hyperband", "BOHB", "ASHA"}) {
    auto args = std::string(name) == "Hyperband" ? R"({"R": 9, "exec_mode": "serial"})"
                                                 : R"({"max_budget": 9})";
    auto spec = advised_spec(name, args, 30, 1);
    Simulation undisturbed(advised(spec));
    undisturbed.run();
    auto expected = undisturbed.audit(undisturbed.only().id).parameters;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(name, seed);
      auto options = advised(spec);
      options.seed = seed;
      options.faults.crashes = 4;
      Simulation disturbed(options);
      disturbed.run();
      CHECK(disturbed.problems == std::vector<std::string>{});
      CHECK(disturbed.audit(disturbed.only().id).parameters == expected);
    }
  }
}

}  // namespace autotune::test
