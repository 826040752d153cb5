#include "tuner/pareto.hpp"

#include <cmath>

#include <catch2/catch.hpp>

#include "tuner/rng.hpp"

using namespace autotune;

namespace {

using Row = std::vector<double>;

Losses table(const std::vector<Row>& rows) {
  Losses losses(rows.front().size());
  for (const auto& row : rows)
    losses.add(row);
  return losses;
}

/// Small whole numbers, so that equal losses and equal trials occur.
Losses random_table(std::size_t goals, int count, Rng& rng) {
  Losses losses(goals);
  Row row(goals);
  for (int i = 0; i < count; ++i) {
    for (auto& x : row)
      x = static_cast<double>(rng.below(8));
    losses.add(row);
  }
  return losses;
}

/// By the definition: peel off what nothing left dominates.
std::vector<Front> peeled(const Losses& losses) {
  std::vector<Front> fronts;
  Front left(losses.size());
  for (std::uint32_t i = 0; i < left.size(); ++i)
    left[i] = i;
  while (!left.empty()) {
    Front front;
    Front rest;
    for (auto i : left) {
      bool beaten = false;
      for (auto k : left)
        beaten = beaten || dominates(losses[k], losses[i]);
      (beaten ? rest : front).push_back(i);
    }
    fronts.push_back(front);
    left = rest;
  }
  return fronts;
}

/// By the definition, on the grid of whole numbers.
double counted_volume(const Losses& points, int reference) {
  auto goals = points.goals();
  double volume = 0;
  auto cells = static_cast<int>(std::pow(reference, goals));
  for (int cell = 0; cell < cells; ++cell) {
    Row corner(goals);
    int rest = cell;
    for (auto& x : corner) {
      x = rest % reference;
      rest /= reference;
    }
    bool covered = false;
    for (std::size_t i = 0; i < points.size() && !covered; ++i) {
      covered = true;
      for (std::size_t g = 0; g < goals; ++g)
        covered = covered && points[i][g] <= corner[g];
    }
    volume += covered ? 1 : 0;
  }
  return volume;
}

}  // namespace

TEST_CASE("a trial dominates another that is nowhere better and somewhere worse", "[pareto]") {
  CHECK(dominates(Row{1, 2}, Row{1, 3}));
  CHECK(dominates(Row{1, 2}, Row{2, 3}));
  CHECK_FALSE(dominates(Row{1, 2}, Row{1, 2}));
  CHECK_FALSE(dominates(Row{1, 2}, Row{0, 3}));
  CHECK_FALSE(dominates(Row{1, 3}, Row{1, 2}));
}

TEST_CASE("fronts of a drawing made by hand", "[pareto]") {
  auto losses = table({{1, 5}, {2, 2}, {5, 1}, {2, 5}, {3, 3}, {5, 5}, {2, 2}, {6, 6}});
  CHECK(sort_fronts(losses) == std::vector<Front>{{0, 1, 2, 6}, {3, 4}, {5}, {7}});
  CHECK(sort_fronts(Losses(3)).empty());
}

TEST_CASE("fronts are those of the definition, for one goal and for five", "[pareto]") {
  auto goals = GENERATE(1, 2, 3, 5);
  CAPTURE(goals);
  Rng rng(static_cast<std::uint64_t>(goals));
  for (int repeat = 0; repeat < 20; ++repeat) {
    auto losses = random_table(static_cast<std::size_t>(goals), 60, rng);
    CHECK(sort_fronts(losses) == peeled(losses));
  }
}

TEST_CASE("crowding distances of a front made by hand", "[pareto]") {
  // Origin: Deb et al. 2002, III-B: of 1, (3 - 0) / 4 and (4 - 1) / 4; of 2, (4 - 1) / 4 and (3 - 0) / 4.
  auto losses = table({{0, 4}, {1, 3}, {3, 1}, {4, 0}});
  auto distances = crowding_distances(losses, {0, 1, 2, 3});
  CHECK(std::isinf(distances[0]));
  CHECK(distances[1] == Approx(1.5));
  CHECK(distances[2] == Approx(1.5));
  CHECK(std::isinf(distances[3]));
  CHECK(by_crowding(losses, {1, 2, 3}) == Front{1, 3, 2});
  CHECK(crowding_distances(losses, {}).empty());
  // A goal that never changes says nothing: not even of the ends.
  auto flat = crowding_distances(table({{0, 7}, {1, 7}, {4, 7}}), {0, 1, 2});
  CHECK(flat[1] == Approx(1));
  CHECK(crowding_distances(table({{7, 7}, {7, 7}}), {0, 1}) == Row{0, 0});
}

TEST_CASE("the volume is what can be counted", "[pareto]") {
  auto goals = GENERATE(1, 2, 3, 4);
  CAPTURE(goals);
  Rng rng(17);
  for (int repeat = 0; repeat < 10; ++repeat) {
    auto points = random_table(static_cast<std::size_t>(goals), 12, rng);
    Row reference(static_cast<std::size_t>(goals), 6);  // some lie beyond it
    CHECK(hypervolume(points, reference) == Approx(counted_volume(points, 6)));
  }
  CHECK(hypervolume(Losses(3), Row{1, 1, 1}) == 0);
}

TEST_CASE("a subset by hypervolume takes the middle first, then the ends", "[pareto]") {
  auto losses = table({{0, 10}, {1, 6}, {1.1, 5.9}, {4, 4}, {6, 1}, {10, 0}});
  // Scaled to 1 with the reference at 1.1, the boxes are 0.11, 0.5, 0.5082, 0.49, 0.5, 0.11.
  CHECK(select_by_hypervolume(losses, {0, 1, 2, 3, 4, 5}, 2) == Front{2, 4});
  auto all = select_by_hypervolume(losses, {0, 1, 2, 3, 4, 5}, 9);
  CHECK(all.size() == 6);
  CHECK(all.back() == 1);  // beside 2 it adds least
}

TEST_CASE("the lazy choice is the greedy one", "[pareto]") {
  auto goals = GENERATE(2, 3, 4);
  CAPTURE(goals);
  Rng rng(5);
  auto dimensions = static_cast<std::size_t>(goals);
  Losses losses(dimensions);
  Row row(dimensions);
  for (int i = 0; i < 30; ++i) {  // on a sphere none dominates another
    double length = 0;
    for (auto& x : row) {
      x = std::abs(rng.normal());
      length += x * x;
    }
    for (auto& x : row)
      x = 1 - x / std::sqrt(length);
    losses.add(row);
  }
  Front front = sort_fronts(losses).front();
  REQUIRE(front.size() == 30);
  auto chosen = select_by_hypervolume(losses, front, 8);
  // Each step's choice has the most volume together with those before it.
  Row low(dimensions, 1e9);
  Row high(dimensions, -1e9);
  for (auto i : front)
    for (std::size_t g = 0; g < dimensions; ++g) {
      low[g] = std::min(low[g], losses[i][g]);
      high[g] = std::max(high[g], losses[i][g]);
    }
  Row reference;
  for (std::size_t g = 0; g < dimensions; ++g)
    reference.push_back(high[g] + 0.1 * (high[g] - low[g]));
  auto volume_with = [&](std::size_t count, std::uint32_t extra) {
    Losses set(dimensions);
    for (std::size_t k = 0; k < count; ++k)
      set.add(losses[chosen[k]]);
    set.add(losses[extra]);
    return hypervolume(set, reference);
  };
  for (std::size_t k = 0; k < chosen.size(); ++k)
    for (auto i : front)
      CHECK(volume_with(k, chosen[k]) >= volume_with(k, i) - 1e-9);
}

TEST_CASE("with many goals those that stand alone are chosen", "[pareto]") {
  Losses losses(5);
  for (double x : {0.0, 0.5, 0.52, 1.0})
    losses.add(Row{x, 1 - x, x, 1 - x, x});
  auto chosen = select_by_hypervolume(losses, {0, 1, 2, 3}, 3);
  CHECK(chosen == Front{0, 3, 1});
}
