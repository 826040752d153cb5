// The nodes actor alone: a head whose lease is over neither speaks to agents nor starts anything.
#include <catch2/catch.hpp>

#include "actors/head.hpp"
#include "actors/nodes.hpp"
#include "one_thread.hpp"

namespace autotune::test {

namespace {

/// Takes any message; caf::drop would answer with an error, by which its sender ends.
caf::skippable_result take_in(caf::scheduled_actor*, caf::message&) { return caf::message{}; }

struct Machine {
  Machine() {
    configure(config);
    actors = std::make_unique<OneThread>(config, now);
    uplink = actors->system().spawn([this](caf::event_based_actor* self) {
      self->set_default_handler(take_in);
      return caf::behavior{[this](const pb::NodeFrame& frame) { said.push_back(frame); }};
    });
    others = actors->system().spawn([this](caf::event_based_actor* self) {
      self->set_default_handler(take_in);
      return caf::behavior{[this](const LaunchAttempt&) { ++launched; }};
    });
    NodesContext context;
    context.sink = caf::actor_cast<MetricsSinkActor>(others);
    context.placement = caf::actor_cast<PlacementActor>(others);
    context.local = caf::actor_cast<NodeAgentActor>(others);
    context.local_name = "here";
    context.epoch = 7;
    context.commands = [this] { return is_head; };
    nodes = compat::spawn_state<NodesActor, NodesState>(actors->system(), false, context);
  }
  ~Machine() {
    for (const auto& one : {caf::actor_cast<caf::actor>(nodes), uplink, others})
      caf::anon_send_exit(one, caf::exit_reason::kill);
    actors->run();
    nodes = nullptr;
    uplink = others = nullptr;
  }

  void beat() {
    NodeSaid heard;
    heard.frame.set_node("a");
    heard.frame.set_incarnation(1);
    heard.frame.mutable_heartbeat()->set_number(++beats);
    heard.frame.mutable_heartbeat()->mutable_node()->set_protocol(cluster_protocol);
    heard.uplink = caf::actor_cast<caf::strong_actor_ptr>(uplink);
    compat::anon_send(nodes, std::move(heard));
    actors->run();
  }
  void launch() {
    LaunchAttempt wish;
    wish.node = "here";
    wish.plan.set_experiment_id("e-11111");
    wish.plan.set_attempt(1);
    compat::anon_send(nodes, std::move(wish));
    actors->run();
  }

  Time now = Time{} + std::chrono::hours(1);
  caf::actor_system_config config;
  std::unique_ptr<OneThread> actors;
  caf::actor uplink;
  caf::actor others;
  NodesActor nodes;
  bool is_head = true;
  std::uint64_t beats = 0;
  std::vector<pb::NodeFrame> said;
  int launched = 0;
};

}  // namespace

TEST_CASE("all that a head says to agents has its epoch", "[nodes]") {
  Machine machine;
  machine.beat();
  REQUIRE(machine.said.size() >= 2);  // the answer, and that all has been named
  for (const auto& frame : machine.said)
    CHECK(frame.epoch() == 7);
}

TEST_CASE("a head whose lease is over says nothing, and starts nothing on its own machine",
          "[nodes]") {
  Machine machine;
  machine.is_head = false;
  machine.beat();
  machine.launch();
  CHECK(machine.said.empty());
  CHECK(machine.launched == 0);
  // It was not taken over after all: what had been kept back comes later.
  machine.is_head = true;
  machine.beat();
  machine.launch();
  CHECK_FALSE(machine.said.empty());
  CHECK(machine.launched == 1);
}

}  // namespace autotune::test
