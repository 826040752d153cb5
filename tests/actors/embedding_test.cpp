// Algorithms of an embedder's own, from a file that names them to the end of their experiment.
#include <spdlog/spdlog.h>
#include <catch2/catch.hpp>

#include "actors/admission.hpp"
#include "simulation.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

/// Goes up in steps of `step`.
class Stairs : public Tuner {
 public:
  explicit Stairs(double step) : step_(step) {}
  Ask ask(Sequence trial, std::span<const Trial>) const override {
    return Suggestion{Object{{"a", Value::real(step_ * static_cast<double>(trial))}}, ""};
  }
  void tell(const Trial&) override {}

 private:
  double step_;
};

/// Ends a trial at its first result.
class Impatient : public Assessor {
 public:
  std::optional<std::string> assess(const Trial&) override { return "it had its chance"; }
  void tell(const Trial&) override {}
};

std::shared_ptr<AlgorithmTable> embedders_table() {
  auto table = std::make_shared<AlgorithmTable>();
  AlgorithmInfo tuner;
  tuner.name = "Stairs";
  tuner.types = {ParameterType::uniform};
  tuner.default_direction = Direction::minimize;
  tuner.arguments = {{.name = "step", .fallback = Value::real(0.1), .least = 0, .most = 1}};
  tuner.make_tuner = [](const TunerSetting& setting) {
    return std::make_unique<Stairs>(setting.arguments.real("step"));
  };
  REQUIRE(table->add(std::move(tuner)));
  AlgorithmInfo assessor;
  assessor.name = "Impatient";
  assessor.kind = AlgorithmKind::assessor;
  assessor.make_assessor = [](const AssessorSetting&) { return std::make_unique<Impatient>(); };
  REQUIRE(table->add(std::move(assessor)));
  return table;
}

std::string file_with(const std::string& lines) {
  return "apiVersion: tensorstack.dev/v1beta1\nkind: AutoTuneExperiment\nmetadata: {name: own}\n"
         "spec:\n  maxTrialNum: 4\n  trialConcurrency: 1\n"
         "  searchSpace: {a: {_type: uniform, _value: [0, 1]}}\n" +
         lines +
         "  trainingConfig:\n    type: generic\n    tasks:\n    - type: worker\n      replicas: 1\n"
         "      template: {spec: {containers: [{name: main, command: [\"true\"]}]}}\n";
}

std::vector<std::string> printed(const LoadedFile& file) {
  std::vector<std::string> lines;
  for (const auto& one : file.diagnostics)
    lines.push_back(format(one));
  return lines;
}

}  // namespace

TEST_CASE("a file may name the embedder's own algorithms", "[embedding]") {
  auto table = embedders_table();
  auto file = load_and_check(file_with("  tuner: {name: Stairs, classArgs: {step: 0.25}}\n"), "f",
                             {}, {}, *table);
  CHECK(printed(file) == std::vector<std::string>{});
  const auto& spec = file.experiments.at(0).spec;
  CHECK(spec.objective().goals(0).goal() == pb::GOAL_MINIMIZE);  // as its row says

  spdlog::set_level(spdlog::level::off);
  SimulationOptions options;
  options.seed = 1;
  options.specs.push_back(spec);
  options.algorithms = table;
  options.behaviour = [](const pb::AttemptPlan&, const pb::ReplicaKey&) -> Result<SimulatedRun> {
    SimulatedRun run;
    run.duration = 10ms;
    run.reports.push_back({run.duration, pb::REPORT_KIND_FINAL, 0, {{"default", 1.0}}});
    return run;
  };
  Simulation simulation(std::move(options));
  simulation.run();
  CHECK(simulation.problems == std::vector<std::string>{});
  CHECK(simulation.audit(simulation.only().id).parameters ==
        std::vector<std::string>{R"({"a":0.0})", R"({"a":0.25})", R"({"a":0.5})", R"({"a":0.75})"});
}

TEST_CASE("what a file gets wrong of the embedder's own algorithms has its place", "[embedding]") {
  auto table = embedders_table();
  auto own = file_with(
      "  tuner: {name: Stairs, classArgs: {step: 2}}\n"
      "  assessor: {name: Impatient, classArgs: {}}\n");
  CHECK(printed(load_and_check(own, "f", {}, {}, *table)) ==
        std::vector<std::string>{
            "f:8:43: error: spec.tuner.classArgs.step: is 2, must be a number in [0.0, 1.0]"});
  auto ours = printed(load_and_check(own, "f", {}));
  REQUIRE(ours.size() == 2);
  CHECK_THAT(ours[0], Catch::StartsWith("f:8:10: error: spec.tuner.builtinTunerName: tuner "
                                        "'Stairs' is unknown"));
  CHECK_THAT(ours[1], Catch::Contains("assessor 'Impatient' is unknown"));
}

}  // namespace autotune::test
