#include "tuner/trial_order.hpp"

#include <cmath>
#include <numeric>

#include <catch2/catch.hpp>

#include "tuner/rng.hpp"

using namespace autotune;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Trial with(std::vector<double> losses, std::vector<double> violations = {}) {
  Trial trial;
  trial.outcome = TrialOutcome::succeeded;
  trial.final_value = losses.front();
  if (losses.size() > 1)
    trial.goal_values = std::move(losses);
  trial.violations = std::move(violations);
  return trial;
}

TrialOrder order_of(std::size_t goals, const std::vector<Trial>& trials) {
  TrialOrder order(goals);
  for (std::uint32_t i = 0; i < trials.size(); ++i)
    order.insert(trials[i], i);
  return order;
}

std::vector<std::uint32_t> numbers(const TrialOrder& order, std::size_t cut) {
  std::vector<std::size_t> ranks(order.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  std::vector<std::uint32_t> numbers;
  order.view(cut).visit(ranks, [&](auto number) { numbers.push_back(number); });
  return numbers;
}

}  // namespace

TEST_CASE("with one goal trials stand by their losses, those that break a constraint last",
          "[order]") {
  auto order = order_of(1, {with({3}, {0}), with({-9}, {2}), with({1}, {0}), with({-8}, {0.5}),
                            with({2}), with({-99}, {infinity}), with({1}, {0})});
  CHECK(numbers(order, 2) == std::vector<std::uint32_t>{2, 6, 4, 0, 3, 1, 5});
  CHECK(order.size() == 7);
  CHECK(order.meeting() == 4);
  CHECK(order.usable() == 6);
  CHECK(order.count_of_best() == 2);
  CHECK(order.count_to_mean() == 2);  // of 3, 1, 2 and 1: 1.75
}

TEST_CASE("with several goals trials stand by fronts, and the cut falls where volume is",
          "[order]") {
  std::vector<Trial> trials{with({9, 9}), with({0, 10}), with({1, 6}), with({1.1, 5.9}),
                            with({6, 1}), with({10, 0}), with({2, 7}), with({0, 0}, {1})};
  auto order = order_of(2, trials);
  // 1 to 5 are the first front, 6 the second, 0 the third; 7 breaks a constraint.
  CHECK(numbers(order, 5) == std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6, 0, 7});
  CHECK(numbers(order, 2) == std::vector<std::uint32_t>{3, 4, 1, 2, 5, 6, 0, 7});
  CHECK(order.count_of_best() == 5);
  CHECK(order.count_to_mean() == 4);
}

TEST_CASE("violations are summed in units of their medians", "[order]") {
  // One constraint in milliseconds, one in bytes: 100 bytes too many are little, 3 ms are much.
  auto order = order_of(1, {with({0}, {1, 0}), with({0}, {0, 1e6}), with({0}, {3, 100}),
                            with({0}, {0, 3e6}), with({0}, {1, 1e6}), with({0}, {0.5, 0})});
  // Origin by hand: medians of {0.5, 1, 1, 3} and {100, 1e6, 1e6, 3e6} (upper middle): 1 and 1e6.
  CHECK(numbers(order, 1) == std::vector<std::uint32_t>{5, 0, 1, 4, 3, 2});
  CHECK(order.meeting() == 0);
  CHECK(order.count_of_best() == 1);
}

TEST_CASE("thousands of trials of several goals keep the best at the front", "[order]") {
  auto goals = GENERATE(2, 3);
  CAPTURE(goals);
  Rng rng(3);
  std::vector<Trial> trials;
  Losses losses(static_cast<std::size_t>(goals));
  for (int i = 0; i < 3000; ++i) {
    std::vector<double> row;
    for (int g = 0; g < goals; ++g)
      row.push_back(rng.uniform());
    losses.add(row);
    trials.push_back(with(row));
  }
  auto order = order_of(static_cast<std::size_t>(goals), trials);
  auto all = numbers(order, 20);
  auto best = sort_fronts(losses).front();
  // Every trial stands once, and the first front first (it is smaller than the pool).
  auto sorted = all;
  std::sort(sorted.begin(), sorted.end());
  for (std::uint32_t i = 0; i < 3000; ++i)
    REQUIRE(sorted[i] == i);
  std::vector<std::uint32_t> first(all.begin(), all.begin() + static_cast<int>(best.size()));
  std::sort(first.begin(), first.end());
  CHECK(first == best);
}
