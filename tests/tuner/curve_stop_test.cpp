#include "tuner/curve_stop.hpp"

#include <cmath>

#include <catch2/catch.hpp>

#include "tuner/curve_fit.hpp"
#include "tuner/directed.hpp"
#include "tuner/rng.hpp"

using namespace autotune;

namespace {

template <class F>
std::vector<double> curve(int n, F f) {
  std::vector<double> values;
  for (int x = 1; x <= n; ++x)
    values.push_back(f(static_cast<double>(x)));
  return values;
}

Trial with(const std::vector<double>& values, TrialOutcome outcome = TrialOutcome::running) {
  Trial trial;
  trial.outcome = outcome;
  for (std::size_t i = 0; i < values.size(); ++i)
    trial.intermediates.push_back({static_cast<std::int64_t>(i), values[i]});
  return trial;
}

Trial succeeded(double value) {
  Trial trial;
  trial.outcome = TrialOutcome::succeeded;
  trial.final_value = value;
  return trial;
}

DirectedAssessor rule(Direction direction, CurveStopOptions options = {.epoch_num = 50}) {
  return DirectedAssessor(std::make_unique<CurveStop>(options), direction);
}

}  // namespace

TEST_CASE("each family is recovered from its own curve") {
  // Origin: a least-squares fit of an exact curve finds it, so the values at 100 are the formulas'.
  struct Case {
    const char* family;
    double (*f)(double);
  };
  for (const auto& c : std::initializer_list<Case>{
           {"pow3", [](double x) { return 0.9 - 0.6 * std::pow(x, -0.8); }},
           {"linear", [](double x) { return 0.2 + 0.003 * x; }},
           {"logx_linear", [](double x) { return 0.3 + 0.1 * std::log(x); }},
           {"ilog2", [](double x) { return 0.95 - 0.3 / std::log(x + 1); }},
           {"mmf", [](double x) { return 0.8 - 0.7 / (1 + std::pow(0.2 * x, 1.2)); }},
           {"weibull", [](double x) { return 0.8 - 0.6 * std::exp(-std::pow(0.1 * x, 1.1)); }},
           {"janoschek", [](double x) { return 0.8 - 0.6 * std::exp(-0.1 * std::pow(x, 0.9)); }}}) {
    CAPTURE(c.family);
    bool found = false;
    for (const auto& fit : fit_curves(curve(30, c.f), 100))
      if (fit.family == c.family) {
        found = true;
        CHECK(fit.error < 1e-4);
        CHECK(fit.predicted == Approx(c.f(100)).epsilon(0.05));
      }
    CHECK(found);
  }
  CHECK(curve_families().size() == 12);
}

TEST_CASE("a saturating curve is extrapolated, with noise and in any unit") {
  auto accuracy = [](double x) { return 0.85 - 0.7 * std::exp(-0.08 * x); };
  auto expected = extrapolate(curve(20, accuracy), 100);
  REQUIRE(expected);
  CHECK(*expected == Approx(0.85).margin(0.03));
  Rng rng(3);
  auto noisy = curve(20, [&](double x) { return accuracy(x) + 0.005 * rng.normal(); });
  REQUIRE(extrapolate(noisy, 100));
  CHECK(*extrapolate(noisy, 100) == Approx(0.85).margin(0.1));
  auto scaled = curve(20, [&](double x) { return -5000 + 1e4 * accuracy(x); });
  CHECK(*extrapolate(scaled, 100) == Approx(-5000 + 1e4 * *expected).epsilon(1e-3));
}

TEST_CASE("too few points, equal ones and wild ones are no trouble") {
  CHECK_FALSE(extrapolate({}, 10));
  CHECK_FALSE(extrapolate(std::vector<double>{1, 2}, 10));
  CHECK(extrapolate(std::vector<double>{2, 2, 2}, 10) == 2);
  for (auto values :
       {curve(30, [](double x) { return x > 15 ? 1e300 : 0.0; }),
        curve(30, [](double x) { return std::fmod(x * 7919, 13.0); }),
        curve(30, [](double x) { return -x; }), curve(9000, [](double x) { return 1 - 1 / x; })})
    if (auto expected = extrapolate(values, 10000))
      CHECK(std::isfinite(*expected));
}

TEST_CASE("a trial on its way to less than threshold of the best is stopped, in both directions") {
  auto slow = [](double x) { return 0.5 - 0.4 * std::exp(-0.1 * x); };
  auto fast = [](double x) { return 0.9 - 0.8 * std::exp(-0.1 * x); };
  auto up = rule(Direction::maximize);
  CHECK_FALSE(up.assess(with(curve(20, slow))));  // no succeeded trial yet
  up.tell(succeeded(0.88));
  CHECK(up.assess(with(curve(20, slow))));
  CHECK_FALSE(up.assess(with(curve(20, fast))));
  auto down = rule(Direction::minimize);
  down.tell(succeeded(-0.88));  // values below zero are no trouble
  CHECK(down.assess(with(curve(20, [&](double x) { return -slow(x); }))));
  CHECK_FALSE(down.assess(with(curve(20, [&](double x) { return -fast(x); }))));
  auto loss = rule(Direction::minimize);
  loss.tell(succeeded(0.2));
  CHECK(loss.assess(with(curve(20, [](double x) { return 0.5 + std::exp(-0.2 * x); }))));
  CHECK_FALSE(loss.assess(with(curve(20, [](double x) { return 0.1 + std::exp(-0.2 * x); }))));
}

TEST_CASE("nothing is stopped before start_step, between gaps, or at its end") {
  auto slow = [](double x) { return 0.5 - 0.4 * std::exp(-0.1 * x); };
  auto up = rule(Direction::maximize, {.epoch_num = 30, .start_step = 10, .gap = 5});
  up.tell(succeeded(0.9));
  for (int n : {0, 1, 9, 11, 14, 16, 30, 35})
    CHECK_FALSE(up.assess(with(curve(n, slow))));
  for (int n : {10, 15, 25})
    CHECK(up.assess(with(curve(n, slow))));
}

TEST_CASE("the best is that of a succeeded trial, whichever was assessed last") {
  // Origin: nni-compat.md 5, quirks of Curvefitting.
  auto slow = curve(20, [](double x) { return 0.5 - 0.4 * std::exp(-0.1 * x); });
  auto up = rule(Direction::maximize);
  auto killed = succeeded(0.99);
  for (auto outcome : {TrialOutcome::failed, TrialOutcome::killed, TrialOutcome::early_stopped}) {
    killed.outcome = outcome;
    up.tell(killed);
  }
  CHECK_FALSE(up.assess(with(slow)));
  up.tell(succeeded(0.4));
  up.assess(with(curve(20, [](double x) { return 0.99 - 0.4 / x; })));
  CHECK_FALSE(up.assess(with(slow)));
  up.tell(with({0.5, 0.9}, TrialOutcome::succeeded));  // no final value: its last one
  CHECK(up.assess(with(slow)));
}

TEST_CASE("a best of zero, and results that are no numbers, end nothing by themselves") {
  auto up = rule(Direction::maximize);
  up.tell(succeeded(0));
  CHECK_FALSE(up.assess(with(curve(20, [](double x) { return 0.1 + 0.01 * x; }))));
  CHECK_FALSE(up.assess(with(std::vector<double>(20, std::nan("")))));
  CHECK_FALSE(up.assess(with(std::vector<double>(8, 0.0))));  // as good as the best
}
