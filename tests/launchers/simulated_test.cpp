// The simulated launcher on a clock of the test's own.
#include <catch2/catch.hpp>

#include <cmath>

#include "launchers/expression.hpp"
#include "launchers/simulated.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct World {
  Time now{};
  SimulatedLauncher launcher;

  explicit World(SimulatedOptions options = {})
      : launcher([&] {
          options.clock = [this] { return now; };
          return options;
        }()) {}

  std::vector<LauncherEvent> pass(std::chrono::nanoseconds time) {
    now += time;
    return launcher.poll(now);
  }
};

pb::AttemptPlan formula_plan(const std::string& options, std::int64_t sequence = 0) {
  auto plan = shell_plan("true", sequence);
  plan.mutable_launcher()->set_options_json(options);
  return plan;
}

const ReplicaExit* exit_in(const std::vector<LauncherEvent>& events) {
  for (const auto& event : events)
    if (const auto* exit = std::get_if<ReplicaExit>(&event))
      return exit;
  return nullptr;
}

std::size_t exits_in(const std::vector<LauncherEvent>& events) {
  std::size_t count = 0;
  for (const auto& event : events)
    count += std::holds_alternative<ReplicaExit>(event) ? 1 : 0;
  return count;
}

SimulatedOptions lasting(std::chrono::nanoseconds duration) {
  SimulatedOptions options;
  options.behaviour = [=](const pb::AttemptPlan&, const pb::ReplicaKey&) -> Result<SimulatedRun> {
    SimulatedRun run;
    run.duration = duration;
    return run;
  };
  return options;
}

}  // namespace

TEST_CASE("a formula's trial lasts, reports and ends as it says", "[simulated]") {
  World world;
  auto plan = formula_plan(R"({"durationSeconds":"x / 4","objective":"x * 2 + rate","reports":3,
                               "intermediate":"progress * 8","metrics":{"loss":"1 - progress"}})");
  REQUIRE(world.launcher.prepare(plan));
  world.launcher.start(key_of(plan), std::nullopt);
  REQUIRE(world.pass(seconds(0)).size() == 1);
  CHECK(world.pass(milliseconds(2500)).empty());
  auto batch = world.launcher.read_reports(key_of(plan), 0, 100, false);
  REQUIRE(batch->reports.size() == 2);
  CHECK(batch->reports[1].metrics(0).value() == Approx(8.0 * 2 / 3));
  CHECK(batch->reports[1].metrics(1).name() == "loss");
  auto events = world.pass(milliseconds(1500));
  REQUIRE(exit_in(events) != nullptr);
  CHECK(exit_in(events)->exit_code() == 0);
  batch = world.launcher.read_reports(key_of(plan), batch->last_line, 100, true);
  REQUIRE(batch->reports.size() == 2);
  CHECK(batch->reports[1].kind() == pb::REPORT_KIND_FINAL);
  CHECK(batch->reports[1].metrics(0).value() == Approx(32.1));
  CHECK_FALSE(world.launcher.next_wakeup());
}

TEST_CASE("a formula with a mistake is a start that failed, naming the place", "[simulated]") {
  World world;
  auto plan = formula_plan(R"({"objective":"x + nothing"})");
  REQUIRE(world.launcher.prepare(plan));
  world.launcher.start(key_of(plan), std::nullopt);
  auto events = world.pass(seconds(0));
  REQUIRE(exit_in(events) != nullptr);
  CHECK(exit_in(events)->cause() == pb::EXIT_CAUSE_SPAWN_FAILED);
  CHECK_THAT(exit_in(events)->detail(), Catch::Contains("'nothing' is unknown"));
}

TEST_CASE("stop, deadline and lease end a simulated trial", "[simulated]") {
  World world(lasting(seconds(100)));
  auto plan = shell_plan("");
  REQUIRE(world.launcher.prepare(plan));
  SECTION("stop") {
    world.launcher.start(key_of(plan), std::nullopt);
    world.pass(seconds(1));
    world.launcher.stop(key_of(plan), seconds(5));
    CHECK(exit_in(world.pass(seconds(0)))->cause() == pb::EXIT_CAUSE_STOPPED);
    CHECK(exits_in(world.pass(seconds(1000))) == 0);
  }
  SECTION("deadline") {
    world.launcher.start(key_of(plan), seconds(3));
    CHECK(exits_in(world.pass(milliseconds(2999))) == 0);
    CHECK(exit_in(world.pass(milliseconds(1)))->cause() == pb::EXIT_CAUSE_DEADLINE);
  }
  SECTION("lease") {
    world.launcher.renew_lease(seconds(10));
    world.launcher.start(key_of(plan), std::nullopt);
    world.pass(seconds(9));
    world.launcher.renew_lease(seconds(10));
    CHECK(exits_in(world.pass(milliseconds(9999))) == 0);
    CHECK(exit_in(world.pass(milliseconds(1)))->cause() == pb::EXIT_CAUSE_LEASE);
  }
  CHECK(world.launcher.running() == 0);
}

TEST_CASE("a trial that does not hear TERM lasts until KILL", "[simulated]") {
  auto options = lasting(seconds(100));
  options.faults.ignores_term = 1;
  World world(options);
  auto plan = shell_plan("");
  REQUIRE(world.launcher.prepare(plan));
  world.launcher.start(key_of(plan), std::nullopt);
  world.pass(seconds(1));
  world.launcher.stop(key_of(plan), seconds(5));
  CHECK(exits_in(world.pass(milliseconds(4999))) == 0);
  CHECK(exit_in(world.pass(milliseconds(1)))->signal() == 9);
}

TEST_CASE("an agent that comes back finds simulated trials again", "[simulated]") {
  World world(lasting(seconds(10)));
  auto plan = shell_plan("");
  REQUIRE(world.launcher.prepare(plan));
  CHECK(world.launcher.adopt(plan)->empty());
  world.launcher.start(key_of(plan), std::nullopt);
  world.pass(seconds(1));
  auto found = world.launcher.adopt(plan);
  REQUIRE(found->size() == 1);
  CHECK_FALSE(found->front().exit);
  world.now += seconds(20);  // nobody polled meanwhile
  found = world.launcher.adopt(plan);
  REQUIRE(found->front().exit);
  CHECK(exits_in(world.pass(seconds(0))) == 0);
  world.launcher.release({plan.experiment_id(), plan.sequence(), plan.attempt()});
  CHECK(world.launcher.adopt(plan)->empty());
}

TEST_CASE("the same seed brings the same faults", "[simulated]") {
  SimulatedOptions options = lasting(seconds(1));
  options.faults = {0.2, 0.2, 0.5, 0.5, 0.2, seconds(2)};
  options.seed = GENERATE(1U, 2U, 3U);
  auto run = [&] {
    World world(options);
    std::string told;
    for (int i = 0; i < 50; ++i) {
      auto plan = shell_plan("", i);
      REQUIRE(world.launcher.prepare(plan));
      world.launcher.start(key_of(plan), std::nullopt);
    }
    while (auto next = world.launcher.next_wakeup()) {
      world.now = std::max(world.now, *next);
      for (const auto& event : world.launcher.poll(world.now))
        if (const auto* exit = std::get_if<ReplicaExit>(&event))
          told +=
              std::to_string(exit->key().sequence()) + ":" + std::to_string(exit->cause()) + " ";
    }
    CHECK(world.launcher.running() == 0);
    return told;
  };
  auto first = run();
  CHECK(first == run());
  CHECK_THAT(first,
             Catch::Contains(":6 ") && Catch::Contains(":7 "));  // failed spawns and lost ones
}

TEST_CASE("formulas come to what arithmetic says", "[expression]") {
  auto parameters = *parse_json(R"({"x":3,"on":true,"kind":"relu","conv":{"k":5},"a.b":7})");
  auto value = [&](const char* formula) {
    return evaluate(formula, [&](std::string_view name) { return term_of(parameters, name); });
  };
  CHECK(*value("1 + 2 * x") == 7);
  CHECK(*value("-2^2") == -4);
  CHECK(*value("2^3^2") == 512);
  CHECK(*value("(1 + 2) * conv.k - a.b % 4") == 12);
  CHECK(*value("if(kind == 'relu' && on, max(x, 4), 0)") == 4);
  CHECK(*value("abs(sin(pi)) < 1e-9 || 1/0") == 1);
  CHECK(std::isinf(*value("1/0")));
  for (const char* wrong : {"", "1 +", "(1", "y", "kind + 1", "nope(1)", "1 2", "'open", "min(1)"})
    CHECK_FALSE(value(wrong));
  CHECK_FALSE(value(std::string(100000, '(').c_str()));
}
