#include <utility>

#include "tuner/algorithm_rows.hpp"
#include "tuner/asha_stop.hpp"
#include "tuner/curve_stop.hpp"
#include "tuner/median_stop.hpp"
#include "tuner/threshold_stop.hpp"

namespace autotune {

namespace {

AlgorithmInfo assessor_row(std::string name) {
  AlgorithmInfo row;
  row.aliases = {name + "Assessor"};
  row.name = std::move(name);
  row.kind = AlgorithmKind::assessor;
  return row;
}

ArgumentInfo start_step_argument(std::int64_t fallback) {
  return whole_argument("start_step", fallback,
                        "A trial with fewer intermediate results is never stopped.", 0, 9999);
}

}  // namespace

AlgorithmInfo asha_stop_row() {
  auto row = assessor_row("ASHA");
  row.summary =
      "Stops a trial that, at a rung, is not among the best 1/eta of those that came that far.";
  row.source =
      "Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar 2020, A System for "
      "Massively Parallel Hyperparameter Tuning, section 3.3";
  row.arguments = {
      optimize_mode(),
      whole_argument("min_steps", 1,
                     "The first rung is at so many intermediate results, each further one at eta "
                     "times as many.",
                     1, 1e6),
      whole_argument("eta", 3, "One in eta goes on from a rung.", 2, 9999)};
  row.make_assessor = [](const AssessorSetting& s) {
    return std::make_unique<AshaStop>(s.arguments.integer("min_steps"), s.arguments.integer("eta"));
  };
  return row;
}

AlgorithmInfo curve_stop_row() {
  auto row = assessor_row("Curvefitting");
  row.summary =
      "Stops a trial whose learning curve, extrapolated, does not come near the best result.";
  row.source =
      "Domhan, Springenberg, Hutter 2015, Speeding Up Automatic Hyperparameter Optimization of "
      "Deep "
      "Neural Networks by Extrapolation of Learning Curves";
  row.arguments = {
      optimize_mode(),
      whole_argument("epoch_num", 20,
                     "So many intermediate results a whole trial has; the curve is extrapolated to "
                     "there. Set it to what your trials report.",
                     1, 9999),
      start_step_argument(6),
      {.name = "threshold",
       .kind = ArgumentKind::real,
       .fallback = Value::real(0.95),
       .meaning = "A trial is stopped where it is expected to miss the best result by 1 - "
                  "threshold of its "
                  "size or more.",
       .least = 0,
       .most = 1},
      whole_argument("gap", 1, "Looks at every gap-th intermediate result.", 1, 9999)};
  row.make_assessor = [](const AssessorSetting& s) {
    CurveStopOptions options;
    options.epoch_num = s.arguments.integer("epoch_num");
    options.start_step = s.arguments.integer("start_step");
    options.threshold = s.arguments.real("threshold");
    options.gap = s.arguments.integer("gap");
    return std::make_unique<CurveStop>(options);
  };
  return row;
}

AlgorithmInfo threshold_row() {
  auto row = assessor_row("Threshold");
  row.summary = "Stops a trial that is worse than a bound, or has run away from its own best.";
  row.source = "AutoTune";
  row.arguments = {
      optimize_mode(),
      start_step_argument(1),
      {.name = "bound",
       .kind = ArgumentKind::real,
       .meaning = "A trial whose best so far is worse than this value of the metric is stopped; "
                  "without it "
                  "none is.",
       .nullable = true},
      {.name = "divergence",
       .kind = ArgumentKind::real,
       .meaning =
           "A trial whose newest result is worse than its own best by more than this is stopped; "
           "without it none is.",
       .least = 0,
       .nullable = true}};
  row.make_assessor = [](const AssessorSetting& s) {
    ThresholdOptions options;
    options.start_step = s.arguments.integer("start_step");
    if (s.arguments.given("bound"))
      options.bound = s.arguments.real("bound") * (s.direction == Direction::maximize ? -1 : 1);
    if (s.arguments.given("divergence"))
      options.divergence = s.arguments.real("divergence");
    return std::make_unique<ThresholdStop>(options);
  };
  return row;
}

AlgorithmInfo median_stop_row() {
  auto row = assessor_row("Medianstop");
  row.summary =
      "Stops a trial whose best so far is worse than the median of what succeeded trials averaged "
      "by then.";
  row.source = "Golovin et al. 2017, Google Vizier, section 3.2.2";
  row.arguments = {optimize_mode(), start_step_argument(0)};
  row.make_assessor = [](const AssessorSetting& s) {
    return std::make_unique<MedianStop>(s.arguments.integer("start_step"));
  };
  return row;
}

}  // namespace autotune
