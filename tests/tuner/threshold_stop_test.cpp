#include "tuner/threshold_stop.hpp"

#include <catch2/catch.hpp>

#include "driver.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

std::unique_ptr<Assessor> threshold(const std::string& args) {
  auto spec = spec_of("Random");
  spec.mutable_assessor()->set_name("Threshold");
  spec.mutable_assessor()->set_class_args_json(args);
  auto assessor = make_assessor(spec);
  if (!assessor)
    throw std::runtime_error(assessor.error().message);
  return std::move(*assessor);
}

Trial with(std::vector<double> values) {
  Trial trial;
  for (double v : values)
    trial.intermediates.push_back({0, v});
  return trial;
}

}  // namespace

TEST_CASE("the bound is a value of the metric, in either direction") {
  auto down = threshold(R"({"optimize_mode": "minimize", "bound": 0.5, "start_step": 2})");
  CHECK_FALSE(down->assess(with({9.0})));  // before start_step
  CHECK(down->assess(with({9.0, 0.51})));
  CHECK_FALSE(down->assess(with({9.0, 0.5})));
  CHECK_FALSE(down->assess(with({0.4, 9.0})));  // its best so far counts
  auto up = threshold(R"({"optimize_mode": "maximize", "bound": 0.5})");
  CHECK(up->assess(with({0.49})));
  CHECK_FALSE(up->assess(with({0.5})));
}

TEST_CASE("a trial that runs away from its own best is stopped") {
  auto down = threshold(R"({"optimize_mode": "minimize", "divergence": 1})");
  CHECK_FALSE(down->assess(with({100.0})));
  CHECK_FALSE(down->assess(with({0.5, 1.5})));
  CHECK(down->assess(with({0.5, 1.6})));
  CHECK_FALSE(down->assess(with({0.5, 1.6, 1.4})));
  auto up = threshold(R"({"optimize_mode": "maximize", "divergence": 1})");
  CHECK(up->assess(with({0.5, -0.6})));
  CHECK_FALSE(up->assess(with({0.5, -0.5})));
}

TEST_CASE("without a rule, or without a finite result, nothing is stopped") {
  auto none = threshold("{}");
  CHECK_FALSE(none->assess(with({1e300, -1e300, 5.0})));
  auto bound = threshold(R"({"optimize_mode": "minimize", "bound": 0.5, "divergence": null})");
  CHECK_FALSE(bound->assess(with({})));
  CHECK_FALSE(bound->assess(with({std::nan(""), INFINITY})));
  CHECK(bound->assess(with({std::nan(""), 0.6})));
}
