#include "tuner/asha_stop.hpp"

#include <catch2/catch.hpp>

#include "tuner/directed.hpp"

using namespace autotune;

namespace {

Trial with(Sequence sequence, std::vector<double> values,
           TrialOutcome outcome = TrialOutcome::running) {
  Trial trial;
  trial.sequence = sequence;
  trial.outcome = outcome;
  for (std::size_t i = 0; i < values.size(); ++i)
    trial.intermediates.push_back({static_cast<std::int64_t>(i), values[i]});
  return trial;
}

}  // namespace

// Origin of all decisions: by hand, one of eta of those that came to a rung, at least the best.
TEST_CASE("at a rung the best of eta goes on, the others are stopped") {
  AshaStop rule(1, 3);
  CHECK_FALSE(rule.assess(with(0, {0.5})));  // the best of one
  CHECK(rule.assess(with(1, {0.6})));
  CHECK_FALSE(rule.assess(with(2, {0.4})));  // the best of three
  CHECK(rule.assess(with(3, {0.45})));
  CHECK(rule.assess(with(4, {0.9})));
  CHECK_FALSE(rule.assess(with(5, {0.42})));  // the second of six
}

TEST_CASE("between rungs nothing is stopped") {
  AshaStop rule(2, 2);
  rule.assess(with(0, {0.1, 0.1}));
  CHECK_FALSE(rule.assess(with(1, {0.9})));
  CHECK(rule.assess(with(1, {0.9, 0.9})));
  CHECK_FALSE(rule.assess(with(2, {0.9, 0.05})));
  CHECK_FALSE(rule.assess(with(2, {0.9, 0.05, 0.9})));
  CHECK_FALSE(rule.assess(with(2, {0.9, 0.05, 0.9, 0.9})));  // its best so far counts
  CHECK(rule.assess(with(0, {0.1, 0.1, 0.1, 0.1})));         // the second of two at the next rung
}

TEST_CASE("what ended counts where it came to, told once or twice, and a rebuilt rule agrees") {
  AshaStop live(1, 2);
  AshaStop rebuilt(1, 2);
  for (Sequence i = 0; i < 9; ++i) {
    std::vector<double> values(static_cast<std::size_t>(1 + i % 4), 0.1 * static_cast<double>(i));
    for (std::size_t n = 1; n <= values.size(); ++n)
      live.assess(with(i, {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n)}));
    auto trial = with(i, values, i % 2 == 0 ? TrialOutcome::succeeded : TrialOutcome::failed);
    live.tell(trial);
    rebuilt.tell(trial);
  }
  for (double value : {0.05, 0.15, 0.35, 0.41, 0.5, 0.9}) {
    auto trial = with(99, {value, value});
    CHECK(AshaStop(live).assess(trial) == AshaStop(rebuilt).assess(trial));
  }
}

TEST_CASE("a second attempt's results replace the first one's") {
  AshaStop rule(1, 2);
  rule.assess(with(0, {0.1}));
  rule.assess(with(0, {0.8}));
  CHECK_FALSE(rule.assess(with(1, {0.5})));
}

TEST_CASE("a trial without results is no one's yardstick, and maximize is the mirror") {
  AshaStop rule(1, 2);
  rule.tell(with(0, {}, TrialOutcome::failed));
  CHECK_FALSE(rule.assess(with(1, {})));
  DirectedAssessor up(std::make_unique<AshaStop>(1, 2), Direction::maximize);
  CHECK_FALSE(up.assess(with(0, {0.5})));
  CHECK(up.assess(with(1, {0.4})));
  CHECK_FALSE(up.assess(with(2, {0.6})));
  CHECK_FALSE(up.assess(with(3, {std::nan("")})));
}
