#include "tuner/importance.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

const SearchSpace square{{bounded("a", T::uniform, 0, 1), bounded("b", T::uniform, 0, 1),
                          bounded("idle", T::uniform, 0, 1)}};

template <class Loss>
std::vector<Trial> trials_of(const Space& space, int n, Loss loss) {
  std::vector<Trial> trials;
  Rng rng(3);
  for (int i = 0; i < n; ++i) {
    auto point = space.sample_point(rng);
    trials.push_back(ended(i, space.value_of(point), loss(point)));
  }
  return trials;
}

double share(const Importance& importance, std::size_t dimension) {
  for (const auto& one : importance.parameters)
    if (one.dimension == dimension)
      return one.share;
  return -1;
}

double pair_share(const Importance& importance, std::size_t a, std::size_t b) {
  for (const auto& one : importance.pairs)
    if (std::min(one.first, one.second) == a && std::max(one.first, one.second) == b)
      return one.share;
  return -1;
}

}  // namespace

TEST_CASE("a sum's parts have the shares of their variances", "[importance]") {
  Space space(square);
  // Origin: Var(3a) : Var(b) = 9 : 1 for independent uniform a and b.
  auto found =
      importance_of(space, trials_of(space, 800, [](const Point& p) { return 3 * p[0] + p[1]; }));
  REQUIRE(found);
  CHECK(found->trials == 800);
  CHECK(found->parameters.front().dimension == 0);
  CHECK(share(*found, 0) == Approx(0.9).margin(0.05));
  CHECK(share(*found, 1) == Approx(0.1).margin(0.05));
  CHECK(share(*found, 2) < 0.02);
  CHECK(pair_share(*found, 0, 1) < 0.05);
}

TEST_CASE("what two parameters do together belongs to the pair", "[importance]") {
  Space space(square);
  // Origin: (a - 1/2)(b - 1/2) has zero marginals, so all of its variance is the pair's.
  auto found = importance_of(
      space, trials_of(space, 1000, [](const Point& p) { return (p[0] - 0.5) * (p[1] - 0.5); }));
  REQUIRE(found);
  CHECK(found->pairs.front().share == pair_share(*found, 0, 1));
  CHECK(pair_share(*found, 0, 1) > 0.6);
  CHECK(share(*found, 0) < 0.2);
}

TEST_CASE("categories and branches are told apart", "[importance]") {
  SearchSpace description{
      {choice("kind", {std::string("a"), std::string("b"), std::string("c")}),
       nested("algo", {Branch{"svm", {bounded("c", T::loguniform, 0.01, 100)}},
                       Branch{"tree", {bounded("depth", T::randint, 1, 20)}}})}};
  Space space(description);
  auto found = importance_of(space, trials_of(space, 600, [&](const Point& p) {
                               return space[0].level_at(p[0]) == 1 ? 2.0 : 0.0;
                             }));
  REQUIRE(found);
  CHECK(found->parameters.front().dimension == 0);
  CHECK(found->parameters.front().share > 0.95);
}

TEST_CASE("one diverged trial does not decide what is important", "[importance]") {
  Space space(square);
  auto trials = trials_of(space, 300, [](const Point& p) { return p[1]; });
  trials[17].final_value = 1e30;
  auto found = importance_of(space, trials);
  REQUIRE(found);
  CHECK(share(*found, 1) > 0.85);
}

TEST_CASE("too few trials, or equal results, have no importance", "[importance]") {
  Space space(square);
  auto few = importance_of(space, trials_of(space, 9, [](const Point& p) { return p[0]; }));
  REQUIRE_FALSE(few);
  CHECK(few.error().code == ErrorCode::failed_precondition);
  CHECK(few.error().message ==
        "importance needs at least 10 trials with a final result; there are 9");
  auto equal = importance_of(space, trials_of(space, 50, [](const Point&) { return 1.0; }));
  REQUIRE_FALSE(equal);
  auto odd = ended(0, Value(Object{{"what", Value::integer(1)}}), 1);
  CHECK_FALSE(importance_of(space, std::vector<Trial>(50, odd)));
}
