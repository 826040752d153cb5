// The node agent alone: in which order it does what several experiments ask of it.
#include <catch2/catch.hpp>

#include "actors/head.hpp"
#include "actors/node_agent.hpp"
#include "launchers/simulated.hpp"
#include "one_thread.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

/// Tells in which order it was called.
class RecordingLauncher final : public SimulatedLauncher {
 public:
  explicit RecordingLauncher(SimulatedOptions options) : SimulatedLauncher(std::move(options)) {}

  Result<void> prepare(const pb::AttemptPlan& plan) override {
    calls.push_back("prepare " + std::to_string(plan.sequence()));
    return SimulatedLauncher::prepare(plan);
  }
  void start(const pb::ReplicaKey& key,
             std::optional<std::chrono::milliseconds> deadline) override {
    calls.push_back("start " + std::to_string(key.sequence()));
    SimulatedLauncher::start(key, deadline);
  }
  void release(const AttemptKey& attempt) override {
    calls.push_back("release " + std::to_string(attempt.sequence));
    SimulatedLauncher::release(attempt);
  }
  std::ptrdiff_t place(const std::string& call) const {
    return std::find(calls.begin(), calls.end(), call) - calls.begin();
  }

  std::vector<std::string> calls;
};

struct Node {
  Node() {
    configure(config);
    actors = std::make_unique<OneThread>(config, now);
    SimulatedOptions options;
    options.clock = [this] { return now; };
    options.behaviour = [](const pb::AttemptPlan&, const pb::ReplicaKey&) {
      SimulatedRun run;
      run.duration = 1s;
      return run;
    };
    launcher = std::make_shared<RecordingLauncher>(options);
    agent = compat::spawn_state<NodeAgentActor, NodeAgentState>(actors->system(), false, launcher,
                                                                ReportsActor(), NodeAgentLimits());
    experiment = std::make_unique<caf::scoped_actor>(actors->system());
  }
  ~Node() {
    experiment->ptr()->send_exit(agent, caf::exit_reason::kill);
    actors->run();
    agent = nullptr;
    experiment.reset();
  }

  /// Until nothing is left to do; whoever got work last is first, as with threads enough for all.
  void run() {
    while (actors->jobs() > 0)
      actors->run_once(actors->jobs() - 1);
  }
  void launch(std::int64_t sequence) {
    pb::AttemptPlan plan;
    plan.set_experiment_id("e-12345");
    plan.set_sequence(sequence);
    plan.set_attempt(1);
    plan.set_parameters_json("{}");
    auto* task = plan.mutable_training_config()->add_tasks();
    task->set_role("worker");
    task->set_replicas(1);
    compat::send(
        experiment->ptr(), agent,
        LaunchAttempt{plan, false, "", caf::actor_cast<caf::strong_actor_ptr>(experiment->ptr())});
  }

  Time now = Time{} + 1h;
  caf::actor_system_config config;
  std::unique_ptr<OneThread> actors;
  std::shared_ptr<RecordingLauncher> launcher;
  NodeAgentActor agent;
  std::unique_ptr<caf::scoped_actor> experiment;
};

}  // namespace

TEST_CASE("a trial starts while others wait to be laid out", "[node-agent]") {
  Node node;
  for (int i = 0; i < 8; ++i)
    node.launch(i);
  node.run();
  const auto& launcher = *node.launcher;
  REQUIRE(launcher.calls.size() == 16);
  CHECK(launcher.place("start 0") < launcher.place("prepare 2"));
  CHECK(launcher.place("start 5") < launcher.place("prepare 7"));
  for (int i = 0; i < 7; ++i)
    CHECK(launcher.place("prepare " + std::to_string(i)) <
          launcher.place("prepare " + std::to_string(i + 1)));
}

TEST_CASE("what is said of a trial that waits for its launch finds it launched", "[node-agent]") {
  Node node;
  for (int i = 0; i < 4; ++i)
    node.launch(i);
  AttemptKey last{"e-12345", 3, 1};
  compat::send(node.experiment->ptr(), node.agent, StopAttemptRequest{last, "USER_STOPPED", false});
  compat::send(node.experiment->ptr(), node.agent, ReleaseAttempt{last});
  node.run();
  const auto& launcher = *node.launcher;
  CHECK(std::count(launcher.calls.begin(), launcher.calls.end(), "prepare 3") == 1);
  CHECK(launcher.place("prepare 3") < launcher.place("release 3"));
  CHECK(launcher.place("release 3") < std::ssize(launcher.calls));
  CHECK(launcher.place("start 2") < std::ssize(launcher.calls));
}

}  // namespace autotune::test
