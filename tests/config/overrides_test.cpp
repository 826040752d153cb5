#include <catch2/catch.hpp>

#include "tests/config/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

pb::ExperimentSpec overridden(const std::vector<std::string>& overrides) {
  auto file = load_text(fixture("experiment.yaml"), "exp.yaml", overrides);
  for (const auto& line : printed(file))
    UNSCOPED_INFO(line);
  CHECK(file.ok());
  return file.experiments.at(0).spec;
}

}  // namespace

TEST_CASE("an override sets what it names", "[config]") {
  CHECK(overridden({"spec.maxTrialNum=2"}).max_trial_num() == 2);
  CHECK(overridden({"spec.trainingConfig.tasks[0].replicas=1"})
            .training_config()
            .tasks(0)
            .replicas() == 1);
  CHECK(overridden({"spec.trainingConfig.tasks[0].template.spec.containers[0].command[0]=python"})
            .training_config()
            .tasks(0)
            .container()
            .command(0) == "python");
  CHECK(overridden({"metadata.name=other"}).name() == "other");
  CHECK(overridden({"metadata.labels[\"a.b/c=d\"]=x=y"}).labels().at("a.b/c=d") == "x=y");
  CHECK(overridden({"spec.seed=1", "spec.seed=2"}).seed() == 2);
}

TEST_CASE("an override makes what is missing on its way", "[config]") {
  CHECK(overridden({"spec.launcher.kind=simulated", "spec.launcher.formula='x^2'"})
            .launcher()
            .options_json() == R"({"formula":"x^2"})");
  auto spec = overridden({"spec.trainingConfig.tasks[0].template.spec.containers[0].args[0]=-v"});
  CHECK(spec.training_config().tasks(0).container().args(0) == "-v");
}

TEST_CASE("an override reaches into JSON text", "[config]") {
  auto spec = overridden({"spec.searchSpace.layers._value[1]=9", "spec.tuner.classArgs.gamma=25"});
  CHECK_THAT(spec.search_space_json(),
             Catch::Contains(R"("layers":{"_type":"randint","_value":[1,9]})"));
  CHECK_THAT(spec.tuner().class_args_json(), Catch::Contains(R"("gamma":25)"));
}

TEST_CASE("an override takes a whole search space as YAML or as JSON text", "[config]") {
  auto value = GENERATE(as<std::string>{}, R"({"x": {"_type": "uniform", "_value": [0, 1]}})",
                        R"('{"x": {"_type": "uniform", "_value": [0, 1]}}')");
  auto file = load_text(experiment_with(""), "f", {"spec.searchSpace=" + value});
  CHECK(file.ok());
  CHECK(file.experiments.at(0).search_space.parameters.at(0).name == "x");
}

TEST_CASE("an empty value removes the field", "[config]") {
  CHECK_FALSE(overridden({"spec.seed="}).has_seed());
  CHECK_FALSE(overridden({"spec.assessor=null"}).has_assessor());
}

TEST_CASE("mistakes in an overriding JSON text name the override", "[config]") {
  auto file = load_text(experiment_with(""), "f", {"spec.searchSpace='{\"x\": '"});
  REQUIRE_FALSE(file.diagnostics.empty());
  CHECK(format(file.diagnostics[0]) ==
        "--set spec.searchSpace='{\"x\": ': error: spec.searchSpace: the "
        "JSON text ends where a value is missing");
}

TEST_CASE("what an override does wrong to several experiments is told once", "[config]") {
  auto file = load_text(experiment_with("") + "---\n" + experiment_with(""), "f", {"spec.sead=1"});
  CHECK(printed(file) ==
        std::vector<std::string>{
            "--set spec.sead=1: error: spec.sead: unknown field; did you mean 'seed'?"});
}
