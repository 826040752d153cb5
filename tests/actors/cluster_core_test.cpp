// Sessions, leases and losses between a head and its agents.
#include <cstdlib>

#include <catch2/catch.hpp>

#include "cluster_world.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

std::string lines(const std::vector<std::string>& problems) {
  std::string all;
  for (const auto& one : problems)
    all += "  " + one + "\n";
  return all;
}

void run_for(ClusterWorld& world, std::chrono::milliseconds span) {
  for (auto until = world.now() + span; world.now() < until;)
    world.step();
}

int processes(const ClusterWorld& world, int nodes) {
  int all = 0;
  for (int i = 0; i < nodes; ++i)
    all += world.processes_on(std::string(1, static_cast<char>('a' + i)));
  return all;
}

}  // namespace

TEST_CASE("random clusters over a bad network lose nothing and run nothing twice", "[cluster]") {
  const char* one = std::getenv("AUTOTUNE_CLUSTER_SEED");
  std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const char* fewer = std::getenv("AUTOTUNE_SIM_COUNT");  // for sanitizers
  std::uint64_t count = one != nullptr     ? 1
                        : fewer != nullptr ? std::strtoull(fewer, nullptr, 10)
                                           : 2000;
  for (auto seed = first; seed < first + count; ++seed) {
    ClusterWorld world(random_cluster(seed));
    world.run();
    INFO("AUTOTUNE_CLUSTER_SEED=" << seed << "\n" << lines(world.problems));
    REQUIRE(world.problems.empty());
  }
}

TEST_CASE("without faults every trial takes one attempt", "[cluster]") {
  ClusterWorld world({});
  world.run();
  CHECK(lines(world.problems).empty());
  CHECK(world.attempts() == 12);
}

TEST_CASE("a node that is cut off ends its trials before they are retried elsewhere", "[cluster]") {
  ClusterOptions options;
  options.nodes = 2;
  ClusterWorld world(options);
  while (world.processes_on("b") == 0)
    world.step();
  world.cut("b");
  run_for(world, 9s);
  CHECK(world.attempts() < 12);
  run_for(world, 51s);
  CHECK(world.processes_on("b") == 0);
  world.heal("b");
  run_for(world, 2s);
  for (const auto& summary : world.head().summaries(world.now()))
    CHECK(summary.state() == "Ready");
  world.run();
  CHECK(lines(world.problems).empty());
  CHECK(world.attempts() > 12);
}

TEST_CASE("a short cut costs no attempt", "[cluster]") {
  ClusterOptions options;
  options.trials = 6;
  ClusterWorld world(options);
  run_for(world, 2s);
  int before = processes(world, 3);
  CHECK(before > 0);
  for (const auto* node : {"a", "b", "c"})
    world.cut(node);
  run_for(world, 7s);
  for (const auto* node : {"a", "b", "c"})
    world.heal(node);
  world.run();
  CHECK(lines(world.problems).empty());
  CHECK(world.attempts() == 6);
}

TEST_CASE("agents and heads that restart find their trials running", "[cluster]") {
  ClusterOptions options;
  options.trials = 6;
  ClusterWorld world(options);
  run_for(world, 2s);
  CHECK(processes(world, 3) > 0);
  SECTION("an agent") { world.restart_agent("a"); }
  SECTION("all agents") {
    for (const auto* node : {"a", "b", "c"})
      world.restart_agent(node);
  }
  SECTION("the head") { world.restart_head(); }
  SECTION("everything") {
    world.restart_head();
    for (const auto* node : {"a", "b", "c"})
      world.restart_agent(node);
  }
  world.run();
  CHECK(lines(world.problems).empty());
  CHECK(world.attempts() == 6);
}

}  // namespace autotune::test
