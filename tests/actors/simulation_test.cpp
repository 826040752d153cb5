// Random experiments with random faults through the whole actor system, on one thread and a virtual clock.
#include <cstdlib>
#include <iostream>

#include <spdlog/spdlog.h>
#include <catch2/catch.hpp>

#include "simulation.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

std::int64_t number_of(const char* variable, std::int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoll(text);
}

void quiet() {
  spdlog::set_level(std::getenv("AUTOTUNE_SIM_LOG") ? spdlog::level::debug : spdlog::level::off);
}

}  // namespace

TEST_CASE("random experiments with random faults keep every promise", "[simulation]") {
  quiet();
  auto only = number_of("AUTOTUNE_SIM_SEED", -1);
  auto first = only >= 0 ? only : number_of("AUTOTUNE_SIM_FIRST", 1);
  auto count = only >= 0 ? 1 : number_of("AUTOTUNE_SIM_COUNT", 4000);
  std::int64_t steps = 0;
  std::int64_t trials = 0;
  int failed = 0;
  for (auto seed = first; seed < first + count; ++seed) {
    Simulation simulation(random_options(static_cast<std::uint64_t>(seed)));
    simulation.traced = std::getenv("AUTOTUNE_SIM_LOG") != nullptr;
    simulation.run();
    steps += simulation.steps;
    trials += simulation.trials;
    if (simulation.problems.empty())
      continue;
    std::cerr << "AUTOTUNE_SIM_SEED=" << seed << "\n" << lines(simulation.problems);
    if (++failed == 5)
      break;
  }
  CHECK(failed == 0);
  std::cout << count << " experiments, " << trials << " trials, " << steps << " steps of actors\n";
}

namespace {

/// One worker; what it does is the test's.
pb::ExperimentSpec plain_spec(std::int64_t trials, int concurrency) {
  pb::ExperimentSpec spec;
  spec.set_name("plain");
  spec.set_max_trial_num(trials);
  spec.set_trial_concurrency(concurrency);
  spec.set_seed(11);
  spec.set_search_space_json(
      R"({"a":{"_type":"uniform","_value":[0,1]},"b":{"_type":"choice","_value":[16,"relu",0.1]}})");
  spec.mutable_tuner()->set_name("Random");
  spec.mutable_tuner()->set_class_args_json("{}");
  auto* task = spec.mutable_training_config()->add_tasks();
  task->set_role("worker");
  task->set_replicas(1);
  auto* goal = spec.mutable_objective()->add_goals();
  goal->set_metric("default");
  goal->set_goal(pb::GOAL_MAXIMIZE);
  return spec;
}

SimulatedBehaviour lasting(std::chrono::milliseconds duration, int exit_code = 0) {
  return [=](const pb::AttemptPlan& plan, const pb::ReplicaKey&) -> Result<SimulatedRun> {
    SimulatedRun run;
    run.duration = duration;
    run.exit_code = exit_code;
    run.reports.push_back(
        {duration, pb::REPORT_KIND_FINAL, 0, {{"default", 0.25 * plan.sequence()}}});
    return run;
  };
}

SimulationOptions plain(pb::ExperimentSpec spec, SimulatedBehaviour behaviour) {
  SimulationOptions options;
  options.seed = 1;
  options.specs.push_back(std::move(spec));
  options.behaviour = std::move(behaviour);
  return options;
}

std::vector<std::string> parameters_of(Simulation& simulation) {
  simulation.run();
  CHECK(simulation.problems == std::vector<std::string>{});  // NOLINT: shows them
  return simulation.audit(simulation.only().id).parameters;
}

/// When the first event comes for which `wanted` holds.
std::chrono::milliseconds time_of(const Simulation& simulation,
                                  std::function<bool(const pb::Event&)> wanted) {
  const auto& events = simulation.only().events;
  for (const auto& stored : events)
    if (wanted(stored.event))
      return std::chrono::milliseconds(stored.event.at_ms() - events.front().event.at_ms());
  return std::chrono::hours(1000);
}

std::chrono::milliseconds first_end(const Simulation& simulation) {
  return time_of(simulation, [](const pb::Event& event) { return event.has_attempt_ended(); });
}

}  // namespace

TEST_CASE("the same seed at concurrency 1 gives byte-identical parameters and events",
          "[simulation]") {
  quiet();
  auto tuner = GENERATE("Random", "TPE");
  auto spec = plain_spec(40, 1);
  spec.mutable_tuner()->set_name(tuner);
  Simulation first(plain(spec, lasting(70ms)));
  Simulation second(plain(spec, lasting(70ms)));
  auto parameters = parameters_of(first);
  CHECK(parameters.size() == 40);
  CHECK(parameters == parameters_of(second));
  REQUIRE(first.only().events.size() == second.only().events.size());
  for (std::size_t i = 0; i < first.only().events.size(); ++i)
    CHECK(first.only().events[i].event.SerializeAsString() ==
          second.only().events[i].event.SerializeAsString());
  spec.set_seed(12);
  Simulation other(plain(spec, lasting(70ms)));
  CHECK(parameters != parameters_of(other));
}

TEST_CASE("crashes and a shuffled order of actors change no parameters at concurrency 1",
          "[simulation]") {
  quiet();
  auto tuner = GENERATE("Random", "TPE");
  auto spec = plain_spec(15, 1);
  spec.mutable_tuner()->set_name(tuner);
  Simulation undisturbed(plain(spec, lasting(70ms)));
  auto parameters = parameters_of(undisturbed);
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    auto options = plain(spec, lasting(70ms));
    options.seed = seed;
    options.faults.crashes = 4;
    options.faults.shuffled = true;
    Simulation disturbed(options);
    CHECK(parameters == parameters_of(disturbed));
  }
}

TEST_CASE("maxTrialSeconds and activeDeadlineSeconds act within 200 ms", "[simulation]") {
  quiet();
  bool trial = GENERATE(true, false);
  auto spec = plain_spec(1, 1);
  if (trial)
    spec.mutable_trial_policy()->set_max_trial_seconds(3.3);
  else
    spec.mutable_training_config()->mutable_run_policy()->set_active_deadline_seconds(3.3);
  Simulation simulation(plain(spec, lasting(10min)));
  simulation.run();
  CHECK(simulation.problems == std::vector<std::string>{});  // NOLINT: shows them
  CHECK(first_end(simulation) >= 3300ms);
  CHECK(first_end(simulation) <= 3500ms);
  CHECK(simulation.audit(simulation.only().id).trials.at(0).last_end.outcome() ==
        "DeadlineExceeded");
}

TEST_CASE("maxExecSeconds acts within 200 ms, a pause and a crash do not count", "[simulation]") {
  quiet();
  auto spec = plain_spec(100, 2);
  spec.set_max_exec_seconds(20);
  std::chrono::milliseconds away(0);
  Simulation simulation(plain(spec, lasting(1h)));
  simulation.start_head();
  simulation.submit(spec);
  auto begin = simulation.now();
  simulation.run_until(begin + 3s);
  SECTION("undisturbed") {}
  SECTION("paused for a minute") {
    simulation.ask(command("plain", "pause"), nullptr);
    simulation.run_until(begin + 63s);
    simulation.ask(command("plain", "resume"), nullptr);
    away = 60s;
  }
  SECTION("killed") {
    simulation.kill_head();
    simulation.start_head();
    simulation.ask(command("plain", "resume"), nullptr);
  }
  simulation.run_until(begin + 10min);
  CHECK(simulation.problems == std::vector<std::string>{});  // NOLINT: shows them
  auto end = time_of(simulation, [](const pb::Event& event) {
    return event.has_phase_changed() && event.phase_changed().phase() == pb::PHASE_TIMEOUT;
  });
  CHECK(end >= 20s + away);
  CHECK(end <= 20s + away + 200ms);
  CHECK(simulation.launcher().running() == 0);
}

TEST_CASE("backoffLimit ends a replica that fails again and again after 1 + 2 seconds",
          "[simulation]") {
  quiet();
  auto spec = plain_spec(1, 1);
  spec.mutable_training_config()->mutable_tasks(0)->set_restart_policy(
      pb::RESTART_POLICY_ON_FAILURE);
  spec.mutable_training_config()->mutable_run_policy()->set_backoff_limit(2);
  Simulation simulation(plain(spec, lasting(100ms, 1)));
  simulation.run();
  CHECK(simulation.launcher().starts() == 3);
  CHECK(first_end(simulation) >= 3300ms);
  CHECK(first_end(simulation) <= 3500ms);
}

TEST_CASE("a stop ends what runs, and is answered when the experiment stands", "[simulation]") {
  quiet();
  auto spec = plain_spec(10, 3);
  Simulation simulation(plain(spec, lasting(1h)));
  simulation.start_head();
  simulation.submit(spec);
  auto begin = simulation.now();
  simulation.run_until(begin + 3s);
  CHECK(simulation.launcher().running() == 3);
  bool answered = false;
  simulation.ask(command("plain", "stop"), [&](const pb::ControlResponse& response) {
    answered = true;
    CHECK(response.error().empty());
    CHECK(simulation.audit(simulation.only().id).phase == pb::PHASE_STOPPED);
    CHECK(simulation.launcher().running() == 0);
  });
  simulation.run_until(begin + 4s);
  CHECK(answered);
}

TEST_CASE("what rests is put away, and comes back when it is spoken to", "[simulation]") {
  quiet();
  auto spec = plain_spec(4, 2);
  Simulation simulation(plain(spec, lasting(1s)));
  simulation.start_head();
  auto alone = simulation.actors_alive();
  auto begin = simulation.now();
  for (int i = 0; i < 3; ++i)
    simulation.submit(spec);
  simulation.run_until(begin + 30s);
  CHECK(simulation.actors_alive() >= alone + 3 * 2);  // an experiment and its tuner each
  simulation.run_until(begin + 4min);
  CHECK(simulation.actors_alive() == alone);
  for (int i = 0; i < 3; ++i) {
    const auto& id = simulation.database().experiments.at(static_cast<std::size_t>(i)).id;
    CHECK(simulation.audit(id).phase == pb::PHASE_DONE);
    pb::ControlRequest more;
    more.mutable_edit()->set_experiment_id(id);
    more.mutable_edit()->set_path("spec.maxTrialNum");
    more.mutable_edit()->set_value("6");
    std::string error = "not answered";
    auto keep = [&](const pb::ControlResponse& response) { error = response.error(); };
    simulation.ask(more, keep);
    simulation.run_until(simulation.now() + 1s);
    CHECK(error.empty());
    simulation.ask(command(id, "resume"), nullptr);
    simulation.run_until(simulation.now() + 10s);
    CHECK(simulation.audit(id).phase == pb::PHASE_DONE);
  }
  CHECK(simulation.launcher().starts() == 18);
  simulation.run_until(simulation.now() + 4min);
  CHECK(simulation.actors_alive() == alone);
  CHECK(simulation.problems == std::vector<std::string>{});  // NOLINT: shows them
}

TEST_CASE("one that is paused is not put away", "[simulation]") {
  quiet();
  auto spec = plain_spec(4, 2);
  Simulation simulation(plain(spec, lasting(1s)));
  simulation.start_head();
  auto alone = simulation.actors_alive();
  simulation.submit(spec);
  simulation.run_until(simulation.now() + 500ms);
  simulation.ask(command("plain", "pause"), nullptr);
  simulation.run_until(simulation.now() + 10min);
  CHECK(simulation.actors_alive() > alone);
  CHECK(simulation.audit(simulation.only().id).phase == pb::PHASE_PAUSED);
}

TEST_CASE("one that owes an answer is not put away", "[simulation]") {
  quiet();
  auto spec = plain_spec(2, 2);
  Simulation simulation(plain(spec, lasting(1s)));
  simulation.start_head();
  auto alone = simulation.actors_alive();
  simulation.submit(spec);
  simulation.run_until(simulation.now() + 10s);
  CHECK(simulation.audit(simulation.only().id).phase == pb::PHASE_DONE);
  simulation.fill_disk(6min);  // the edit cannot be written down before there is room
  pb::ControlRequest more;
  more.mutable_edit()->set_experiment_id("plain");
  more.mutable_edit()->set_path("spec.maxTrialNum");
  more.mutable_edit()->set_value("3");
  std::string error = "not answered";
  simulation.ask(more, [&](const pb::ControlResponse& response) { error = response.error(); });
  simulation.run_until(simulation.now() + 5min);
  CHECK(error == "not answered");
  simulation.run_until(simulation.now() + 4min);
  CHECK(error.empty());
  simulation.run_until(simulation.now() + 4min);
  CHECK(simulation.actors_alive() == alone);
}

TEST_CASE("a full disk does not hold up a stop", "[simulation]") {
  quiet();
  auto spec = plain_spec(10, 3);
  Simulation simulation(plain(spec, lasting(1h)));
  simulation.start_head();
  simulation.submit(spec);
  auto begin = simulation.now();
  simulation.run_until(begin + 3s);
  simulation.fill_disk(1h);
  simulation.run_until(begin + 10s);
  CHECK(simulation.audit(simulation.only().id).phase == pb::PHASE_PAUSED);
  CHECK(simulation.launcher().running() == 3);  // running ones go on
  bool answered = false;
  simulation.ask(command("plain", "stop"), [&](const pb::ControlResponse&) { answered = true; });
  simulation.run_until(begin + 15s);
  CHECK(answered);
  CHECK(simulation.launcher().running() == 0);
  CHECK(simulation.audit(simulation.only().id).phase == pb::PHASE_STOPPED);
}

TEST_CASE("an experiment that is deleted after a crash leaves no process", "[simulation]") {
  quiet();
  auto spec = plain_spec(10, 3);
  Simulation simulation(plain(spec, lasting(1h)));
  simulation.start_head();
  simulation.submit(spec);
  auto begin = simulation.now();
  simulation.run_until(begin + 3s);
  simulation.kill_head();
  simulation.start_head();
  simulation.ask(command("plain", "delete"), nullptr);
  simulation.run_until(begin + 15s);
  CHECK(simulation.launcher().running() == 0);
  CHECK(simulation.database().experiments.empty());
}

TEST_CASE("commands after a crash find what still runs", "[simulation]") {
  quiet();
  auto spec = plain_spec(10, 3);
  Simulation simulation(plain(spec, lasting(1h)));
  simulation.start_head();
  simulation.submit(spec);
  auto begin = simulation.now();
  simulation.run_until(begin + 3s);
  simulation.kill_head();
  CHECK(simulation.launcher().running() == 3);
  simulation.start_head();
  SECTION("stop") {
    simulation.ask(command("plain", "stop"), nullptr);
    simulation.run_until(begin + 15s);
    CHECK(simulation.launcher().running() == 0);
    CHECK(simulation.audit(simulation.only().id).phase == pb::PHASE_STOPPED);
  }
  SECTION("stop of one trial") {
    auto stop = command("plain", "stop");
    stop.mutable_command()->set_sequence(1);
    simulation.ask(stop, nullptr);
    simulation.run_until(begin + 15s);
    CHECK(simulation.audit(simulation.only().id).trials.at(1).state == pb::TRIAL_STATE_KILLED);
    CHECK(simulation.launcher().running() == 3);  // another took its slot
  }
  SECTION("pause") {
    simulation.ask(command("plain", "pause"), nullptr);
    simulation.run_until(begin + 4s);
    CHECK(simulation.audit(simulation.only().id).phase == pb::PHASE_PAUSED);
    CHECK(simulation.launcher().running() == 3);
    CHECK(simulation.launcher().starts() == 3);
  }
}

TEST_CASE("a submission that cannot be carried out leaves nothing behind", "[simulation]") {
  quiet();
  auto spec = plain_spec(10, 3);
  spec.mutable_tuner()->set_name("Nonsense");
  Simulation simulation(plain(spec, lasting(1h)));
  simulation.start_head();
  pb::ControlRequest request;
  *request.mutable_submit()->mutable_spec() = spec;
  std::string error;
  simulation.ask(request, [&](const pb::ControlResponse& response) { error = response.error(); });
  simulation.run_until(simulation.now() + 1s);
  CHECK(error.find("Nonsense") != std::string::npos);
  CHECK(simulation.database().experiments.empty());
}

}  // namespace autotune::test
