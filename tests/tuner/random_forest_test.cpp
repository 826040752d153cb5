#include "tuner/random_forest.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

struct Data {
  std::vector<double> points;
  std::vector<double> losses;
};

template <class Loss>
Data sampled(const Space& space, std::size_t n, Loss loss) {
  Data data;
  Rng rng(5);
  for (std::size_t k = 0; k < n; ++k) {
    auto point = space.sample_point(rng);
    data.losses.push_back(loss(point));
    data.points.insert(data.points.end(), point.begin(), point.end());
  }
  return data;
}

}  // namespace

TEST_CASE("a forest follows steps of an ordered dimension", "[forest]") {
  Space space({{bounded("x", T::uniform, 0, 1), bounded("y", T::uniform, 0, 1)}});
  auto data = sampled(space, 300, [](const Point& p) { return p[0] < 0.4 ? 1.0 : 5.0; });
  RandomForest forest(space, data.points, data.losses, {}, Rng(1));
  CHECK(forest.predict({0.2, 0.5}).mean == Approx(1).margin(0.1));
  CHECK(forest.predict({0.8, 0.1}).mean == Approx(5).margin(0.1));
  // Trees disagree only where the step is.
  CHECK(forest.predict({0.2, 0.5}).variance < 0.1);
}

TEST_CASE("a forest tells levels apart whatever their order", "[forest]") {
  Space space(
      {{choice("c", {std::string("a"), std::string("b"), std::string("c"), std::string("d")})}});
  auto good = [&](double u) {
    auto level = space[0].level_at(u);
    return level == 1 || level == 3;
  };
  auto data = sampled(space, 100, [&](const Point& p) { return good(p[0]) ? 0.0 : 1.0; });
  RandomForest forest(space, data.points, data.losses, {}, Rng(1));
  for (double level = 0; level < 4; ++level) {
    auto u = space[0].unit_of_level(level);
    CHECK(forest.predict({u}).mean == Approx(good(u) ? 0.0 : 1.0).margin(1e-9));
  }
}

TEST_CASE("what is inactive has a place of its own", "[forest]") {
  Space space({{nested("n", {Branch{"A", {bounded("x", T::uniform, 0, 1)}}, Branch{"B", {}}})}});
  std::size_t conditional = 0;
  while (space[conditional].parent < 0)
    ++conditional;
  auto data = sampled(space, 300, [&](const Point& p) {
    return std::isnan(p[conditional]) ? 3.0 : p[conditional];
  });
  RandomForest forest(space, data.points, data.losses, {}, Rng(1));
  Rng rng(9);
  int seen = 0;
  for (int k = 0; k < 100; ++k) {
    auto point = space.sample_point(rng);
    if (!std::isnan(point[conditional]))
      continue;
    ++seen;
    CHECK(forest.predict(point).mean == Approx(3).margin(0.2));
  }
  CHECK(seen > 10);
}

TEST_CASE("the same data and seed give the same forest; one trial is enough", "[forest]") {
  Space space({{bounded("x", T::uniform, 0, 1)}});
  auto data = sampled(space, 50, [](const Point& p) { return p[0] * p[0]; });
  RandomForest a(space, data.points, data.losses, {}, Rng(1));
  RandomForest b(space, data.points, data.losses, {}, Rng(1));
  for (double u : {0.0, 0.3, 0.9}) {
    CHECK(a.predict({u}).mean == b.predict({u}).mean);
    CHECK(a.predict({u}).variance == b.predict({u}).variance);
  }
  RandomForest one(space, std::vector<double>{0.5}, std::vector<double>{7}, {}, Rng(1));
  CHECK(one.predict({0.1}).mean == 7);
  CHECK(one.predict({0.1}).variance == 0);
}
