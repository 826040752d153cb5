// Random experiments with random faults through the whole actor system, on one thread and a virtual clock.
#include <cstdlib>
#include <iostream>

#include <catch2/catch.hpp>
#include <spdlog/spdlog.h>

#include "simulation.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

std::int64_t number_of(const char* variable, std::int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoll(text);
}

void quiet() { spdlog::set_level(std::getenv("AUTOTUNE_SIM_LOG") ? spdlog::level::debug : spdlog::level::off); }

}  // namespace

TEST_CASE("random experiments with random faults keep every promise", "[simulation]") {
  quiet();
  auto only = number_of("AUTOTUNE_SIM_SEED", -1);
  auto first = only >= 0 ? only : number_of("AUTOTUNE_SIM_FIRST", 1);
  auto count = only >= 0 ? 1 : number_of("AUTOTUNE_SIM_COUNT", 3000);
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

}  // namespace autotune::test
