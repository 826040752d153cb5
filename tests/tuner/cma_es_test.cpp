#include "tuner/cma_es.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"
#include "tuner/cma_distribution.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

TEST_CASE("CMA-ES finds a sphere's optimum, with one worker and with eight") {
  auto workers = GENERATE(std::size_t{1}, std::size_t{8});
  CHECK(best_on_sphere(5, 300, "CMA-ES", "{}", workers) < 1e-3);
  CHECK(best_on_sphere(5, 300, "Random", "{}", workers) > 1e-3);
}

TEST_CASE("CMA-ES learns a narrow slanted valley as the covariance of its steps") {
  // Origin: the point of the method; a distribution without covariance needs far more trials.
  CmaDistribution normal({0.5, 0.5}, 0.2, 12);
  Rng rng(5);
  std::vector<double> even(2, 1.0);
  auto loss = [](const std::vector<double>& x) {
    return std::pow(x[0] - x[1], 2) * 1e4 + std::pow(x[0] + x[1] - 0.9, 2);
  };
  for (int g = 0; g < 40; ++g) {
    std::vector<std::vector<double>> points;
    for (int i = 0; i < 12; ++i)
      points.push_back(normal.point({rng.normal(), rng.normal()}, even));
    std::sort(points.begin(), points.end(),
              [&](const auto& a, const auto& b) { return loss(a) < loss(b); });
    normal.update(points, even);
  }
  CHECK(loss(normal.mean()) < 1e-4);
}

TEST_CASE("CMA-ES with many parameters keeps a diagonal covariance and still descends") {
  CmaDistribution normal(std::vector<double>(CmaDistribution::full_max + 20, 0.5), 0.1, 20);
  std::vector<double> even(normal.size(), 1.0);
  Rng rng(5);
  auto loss = [](const std::vector<double>& x) {
    double sum = 0;
    for (double v : x)
      sum += std::pow(v - 0.4, 2);
    return sum;
  };
  double before = loss(normal.mean());
  for (int g = 0; g < 60; ++g) {
    std::vector<std::vector<double>> points;
    for (int i = 0; i < 20; ++i) {
      std::vector<double> z(normal.size());
      for (auto& v : z)
        v = rng.normal();
      points.push_back(normal.point(z, even));
    }
    std::sort(points.begin(), points.end(),
              [&](const auto& a, const auto& b) { return loss(a) < loss(b); });
    normal.update(points, even);
  }
  CHECK(loss(normal.mean()) < before / 5);
}

TEST_CASE("CMA-ES leaves no value of a discrete parameter behind for good") {
  // A step size far below a cell's width: only the margin reaches the next cell.
  SearchSpace space{{bounded("n", T::randint, 0, 4), bounded("x", T::uniform, 0, 1)}};
  auto tuner = make("CMA-ES", space, 1, R"({"sigma": 0.001})", GOAL_MINIMIZE);
  std::set<std::string> met;
  for (const auto& t : drive(*tuner, 200, 1, 1, [](Trial& t) {
         t.final_value = std::abs(t.parameters.find("x")->to_double().value() - 0.5);
       }))
    met.insert(to_json(*t.parameters.find("n")));
  CHECK(met.size() >= 2);
}

TEST_CASE("CMA-ES learns which value of an unordered parameter is good") {
  SearchSpace space{{choice("c", {std::string("a"), std::string("b"), std::string("c")}),
                     bounded("x", T::uniform, 0, 1)}};
  auto tuner = make("CMA-ES", space, 1, "{}", GOAL_MINIMIZE);
  auto loss = [](const Value& p) {
    return (*p.find("c")->as_string() == "b" ? 0 : 1) + p.find("x")->to_double().value();
  };
  int good = 0;
  for (const auto& t :
       drive(*tuner, 100, 1, 1, [&](Trial& t) { t.final_value = loss(t.parameters); }))
    good += t.sequence >= 50 && *t.parameters.find("c")->as_string() == "b" ? 1 : 0;
  CHECK(good > 30);
}

TEST_CASE("CMA-ES starts where another's best trial lies") {
  auto tuner = make("CMA-ES", cube(2), 1, R"({"sigma": 0.01})", GOAL_MINIMIZE);
  auto guest = [&](double x, double loss) {
    auto trial = ended(0, Value(Object{{"x0", Value::real(x)}, {"x1", Value::real(x)}}), loss);
    trial.own = false;
    tuner->tell(trial);
  };
  guest(0.8, 1);
  guest(0.2, 2);
  auto first = std::get<Suggestion>(tuner->ask(0, {})).parameters;
  CHECK(first.find("x0")->to_double().value() == Approx(0.8).margin(0.06));
}

TEST_CASE("CMA-ES begins anew where nothing gets better") {
  auto tuner = make("CMA-ES", cube(2), 1, R"({"sigma": 0.001})", GOAL_MINIMIZE);
  double far = 0;
  for (const auto& t : drive(*tuner, 400, 1, 1, [](Trial& t) { t.final_value = 1; }))
    far = std::max(far, std::abs(t.parameters.find("x0")->to_double().value() - 0.5));
  CHECK(far > 0.1);
}

TEST_CASE("CMA-ES finds the better branch of a nested choice, and the optimum in it") {
  SearchSpace space{
      {nested("n",
              {Branch{"flat", {bounded("x", T::uniform, 0, 1)}},
               Branch{"deep", {bounded("y", T::uniform, 0, 1), bounded("z", T::uniform, 0, 1)}}}),
       bounded("w", T::uniform, 0, 1)}};
  auto loss = [](const Value& p) {
    const auto& n = *p.find("n");
    auto of = [](const Value& in, const char* name) { return in.find(name)->to_double().value(); };
    double own = *n.find("_name")->as_string() == "flat"
                     ? 0.8 + std::abs(of(n, "x") - 0.8)
                     : std::abs(of(n, "y") - 0.9) + std::abs(of(n, "z") - 0.1);
    return own + std::abs(of(p, "w") - 0.3);
  };
  auto tuner = make("CMA-ES", space, 1, "{}", GOAL_MINIMIZE);
  double best = 1e9;
  for (const auto& t :
       drive(*tuner, 400, 4, 1, [&](Trial& t) { t.final_value = loss(t.parameters); }))
    best = std::min(best, *t.final_value);
  CHECK(best < 0.05);
}

TEST_CASE("CMA-ES refuses a step of nothing") {
  CHECK_THROWS_WITH(make("CMA-ES", cube(1), 1, R"({"sigma": 0})"), Catch::Contains("sigma"));
}
