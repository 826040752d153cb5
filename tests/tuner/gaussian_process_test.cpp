#include "tuner/gaussian_process.hpp"

#include <cmath>

#include <catch2/catch.hpp>

#include "tuner/rng.hpp"

using namespace autotune;

namespace {

/// Random points of some dimensions, kept where the process can point at them.
struct Cloud {
  std::vector<std::vector<double>> rows;
  std::vector<const double*> pointers;

  Cloud(std::size_t n, std::size_t dimensions) : rows(n, std::vector<double>(dimensions)) {
    Rng rng(3);
    for (auto& row : rows) {
      for (auto& x : row)
        x = rng.uniform();
      pointers.push_back(row.data());
    }
  }
};

}  // namespace

TEST_CASE("a Gaussian process knows what it was told and doubts what lies between") {
  KernelShape shape{Smoothness::five_halves, {false}, 1e-8};
  KernelScales scales{{std::log(0.3)}, std::log(1e-8)};
  std::vector<double> points{0.0, 0.5, 1.0};
  GaussianProcess process(shape, scales, {&points[0], &points[1], &points[2]}, 5);
  process.observe({1, -1, 0.5});
  double between = 0.25;
  CHECK(process.at(&points[1]).mean == Approx(-1).margin(1e-4));
  CHECK(process.at(&points[1]).deviation < 1e-3);
  CHECK(process.at(&between).deviation > 0.05);
}

TEST_CASE("a row without a value lowers the deviation and leaves the mean") {
  KernelShape shape{Smoothness::three_halves, {false, true}, 1e-6};
  Cloud cloud(12, 2);
  GaussianProcess process(shape, usual_scales(shape), cloud.pointers, 14);
  process.observe(std::vector<double>(12, 0.3));
  std::vector<double> near{0.41, 0.7};
  auto before = process.at(near.data());
  process.add(near.data());
  auto after = process.at(near.data());
  CHECK(after.mean == Approx(before.mean));
  CHECK(after.deviation < before.deviation / 10);
  process.shrink(12);
  CHECK(process.at(near.data()).deviation == before.deviation);
}

TEST_CASE("rows added one by one are as good as rows given at once") {
  KernelShape shape{Smoothness::half, {false, false, false}, 1e-6};
  Cloud cloud(30, 3);
  std::vector<double> values;
  for (const auto& row : cloud.rows)
    values.push_back(row[0] - row[2]);
  auto first = cloud.pointers;
  first.resize(10);
  GaussianProcess grown(shape, usual_scales(shape), first, 40);
  for (std::size_t i = 10; i < 30; ++i)
    grown.add(cloud.pointers[i]);
  GaussianProcess whole(shape, usual_scales(shape), cloud.pointers, 40);
  grown.observe(values);
  whole.observe(values);
  std::vector<double> probe{0.2, 0.6, 0.9};
  CHECK(grown.at(probe.data()).mean == Approx(whole.at(probe.data()).mean));
  CHECK(grown.at(probe.data()).deviation == Approx(whole.at(probe.data()).deviation));
  auto all = whole.at_all({probe, cloud.rows[0]});
  CHECK(all[0].mean == Approx(whole.at(probe.data()).mean));
  CHECK(all[0].deviation == Approx(whole.at(probe.data()).deviation));
  CHECK(whole.covariance(probe.data(), probe.data()) ==
        Approx(std::pow(whole.at(probe.data()).deviation, 2)));
}

TEST_CASE("the gradients of a belief are its slopes, for each smoothness") {
  auto smoothness = GENERATE(Smoothness::half, Smoothness::three_halves, Smoothness::five_halves);
  KernelShape shape{smoothness, {false, false}, 1e-6};
  Cloud cloud(15, 2);
  std::vector<double> values;
  for (const auto& row : cloud.rows)
    values.push_back(std::sin(5 * row[0]) + row[1]);
  GaussianProcess process(shape, usual_scales(shape), cloud.pointers, 20);
  process.observe(values);
  std::vector<double> x{0.37, 0.58};
  double by_mean[2];
  double by_deviation[2];
  process.at(x.data(), by_mean, by_deviation);
  for (std::size_t d = 0; d < 2; ++d) {
    auto up = x;
    auto down = x;
    up[d] += 1e-5;
    down[d] -= 1e-5;
    auto above = process.at(up.data());
    auto below = process.at(down.data());
    CHECK(by_mean[d] == Approx((above.mean - below.mean) / 2e-5).epsilon(1e-3).margin(1e-4));
    CHECK(by_deviation[d] ==
          Approx((above.deviation - below.deviation) / 2e-5).epsilon(1e-3).margin(1e-4));
  }
}

TEST_CASE("fitting finds which dimension matters") {
  KernelShape shape{Smoothness::five_halves, {false, false}, 1e-6};
  Cloud cloud(40, 2);
  std::vector<double> values;
  for (const auto& row : cloud.rows)
    values.push_back(1.4 * std::sin(9 * row[0]));
  auto scales = fitted_scales(shape, cloud.pointers, values, usual_scales(shape), 40);
  CHECK(scales.log_lengths[0] + 1 < scales.log_lengths[1]);
  CHECK(scales.log_noise < -6);
}

TEST_CASE("a surprise is the distance from what the other points make one believe") {
  // A process without the point, asked at it; only the signal's variance comes from all points.
  KernelShape shape{Smoothness::three_halves, {false, false}, 1e-8};
  KernelScales scales{{std::log(0.4), std::log(0.7)}, std::log(1e-3)};
  Cloud cloud(12, 2);
  std::vector<double> values;
  for (const auto& row : cloud.rows)
    values.push_back(std::sin(5 * row[0]) + row[1]);
  values[4] += 2;
  GaussianProcess all(shape, scales, cloud.pointers, 12);
  all.observe(values);
  auto surprises = all.surprises();
  auto without = [&](std::size_t i) {
    auto pointers = cloud.pointers;
    auto rest = values;
    pointers.erase(pointers.begin() + static_cast<std::ptrdiff_t>(i));
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    GaussianProcess process(shape, scales, pointers, 12);
    process.observe(rest);
    return values[i] - process.at(cloud.pointers[i]).mean;
  };
  double ratio = surprises[4] / without(4);
  REQUIRE(ratio > 0);
  for (std::size_t i = 0; i < 12; ++i)
    CHECK((surprises[i] > 0) == (without(i) > 0));
  for (std::size_t i = 0; i < 12; ++i)
    CHECK(std::abs(surprises[i]) <= surprises[4]);
}
