#include "tuner/seen_points.hpp"

#include <catch2/catch.hpp>

#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

Trial trial_of(Sequence sequence, int a, const char* b = "x") {
  Trial trial;
  trial.sequence = sequence;
  trial.parameters = Object{{"a", Value::integer(a)}, {"b", std::string(b)}};
  return trial;
}

}  // namespace

TEST_CASE("points that were tried or are running are seen, and no others", "[seen_points]") {
  Space space(SearchSpace{
      {choice("a", {Value::integer(1), Value::integer(2)}), choice("b", {std::string("x"), "y"})}});
  SeenPoints seen(space);
  auto point = [&](int a, const char* b) { return *space.point_of(trial_of(0, a, b).parameters); };
  CHECK_FALSE(seen.with({}).contains(point(1, "x")));
  seen.add(trial_of(0, 1, "x"));
  std::vector<Trial> running{trial_of(1, 2, "x"), trial_of(2, 2, "y")};
  auto taken = seen.with(running);
  CHECK(taken.contains(point(1, "x")));
  CHECK(taken.contains(point(2, "x")));
  CHECK(taken.contains(point(2, "y")));
  CHECK_FALSE(taken.contains(point(1, "y")));
  CHECK_FALSE(taken.everything());
  // The same question again, and one without a trial that was lost.
  CHECK(seen.with(running).contains(point(2, "x")));
  running.erase(running.begin());
  CHECK_FALSE(seen.with(running).contains(point(2, "x")));
  // A number that is given anew is another trial.
  running.push_back(trial_of(1, 1, "y"));
  CHECK(seen.with(running).contains(point(1, "y")));
  CHECK_FALSE(seen.with(running).contains(point(2, "x")));
  // Parameters of another space take no place, and two trials may have the same.
  running = {trial_of(3, 7), trial_of(4, 2, "y"), trial_of(5, 2, "y")};
  CHECK(seen.with(running).contains(point(2, "y")));
  CHECK_FALSE(seen.with(running).everything());
  seen.add(trial_of(1, 1, "y"));
  seen.add(trial_of(2, 2, "x"));
  CHECK(seen.with(running).everything());
}

TEST_CASE("points with a real parameter are never taken", "[seen_points]") {
  Space space(SearchSpace{{bounded("r", ParameterType::uniform, 0, 1)}});
  SeenPoints seen(space);
  Trial trial;
  trial.parameters = Object{{"r", Value::real(0.5)}};
  seen.add(trial);
  trial.sequence = 1;
  CHECK_FALSE(seen.with(std::span(&trial, 1)).contains(*space.point_of(trial.parameters)));
}
