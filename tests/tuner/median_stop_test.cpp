#include "tuner/median_stop.hpp"

#include <catch2/catch.hpp>

#include "tuner/directed.hpp"

using namespace autotune;

namespace {

Trial with(std::vector<double> values, TrialOutcome outcome = TrialOutcome::running) {
  Trial trial;
  trial.outcome = outcome;
  for (std::size_t i = 0; i < values.size(); ++i)
    trial.intermediates.push_back({static_cast<std::int64_t>(i), values[i]});
  return trial;
}

DirectedAssessor rule(Direction direction, std::int64_t start_step = 0) {
  return DirectedAssessor(std::make_unique<MedianStop>(start_step), direction);
}

constexpr auto done = TrialOutcome::succeeded;

}  // namespace

// Origin of all numbers: nni-compat.md 5; averages and medians by hand.
TEST_CASE("with an odd number of finished trials the middle average decides") {
  auto up = rule(Direction::maximize);
  for (double v : {1.0, 2.0, 3.0})
    up.tell(with({v, v}, done));
  CHECK_FALSE(up.assess(with({2.0})));
  CHECK(up.assess(with({1.99})));
  CHECK_FALSE(up.assess(with({0.5, 2.0})));  // its best so far counts
  auto down = rule(Direction::minimize);
  for (double v : {1.0, 2.0, 3.0})
    down.tell(with({v, v}, done));
  CHECK_FALSE(down.assess(with({2.0})));
  CHECK(down.assess(with({2.01})));
}

TEST_CASE("with an even number the more lenient of the two middle ones decides") {
  auto up = rule(Direction::maximize);
  auto down = rule(Direction::minimize);
  for (double v : {1.0, 2.0, 3.0, 4.0}) {
    up.tell(with({v}, done));
    down.tell(with({v}, done));
  }
  CHECK_FALSE(up.assess(with({2.0})));  // index (4 - 1) / 2 = 1 of the ascending ones
  CHECK(up.assess(with({1.9})));
  CHECK_FALSE(down.assess(with({3.0})));  // index 4 / 2 = 2
  CHECK(down.assess(with({3.1})));
}

TEST_CASE("finished trials are measured by their running average up to the same step") {
  auto up = rule(Direction::maximize);
  up.tell(with({0.0, 4.0, 100.0}, done));  // average of the first two: 2
  CHECK(up.assess(with({1.0, 1.9})));
  CHECK_FALSE(up.assess(with({1.0, 2.0})));
}

TEST_CASE("nothing is stopped early, without a yardstick, or by failed and stopped trials") {
  auto up = rule(Direction::maximize, 2);
  CHECK_FALSE(up.assess(with({})));
  up.tell(with({9.0, 9.0}, TrialOutcome::failed));
  up.tell(with({9.0, 9.0}, TrialOutcome::early_stopped));
  up.tell(with({9.0, 9.0}, TrialOutcome::killed));
  CHECK_FALSE(up.assess(with({1.0, 1.0})));
  up.tell(with({9.0, 9.0}, done));
  CHECK_FALSE(up.assess(with({1.0})));  // before start_step
  CHECK(up.assess(with({1.0, 1.0})));
  CHECK_FALSE(up.assess(with({1.0, 1.0, 1.0})));  // no finished trial has three
}

TEST_CASE("a result of zero counts, a NaN does not") {
  auto down = rule(Direction::minimize);
  down.tell(with({0.0}, done));
  CHECK(down.assess(with({0.1})));
  CHECK_FALSE(down.assess(with({0.0})));
  CHECK_FALSE(down.assess(with({std::nan("")})));
}
