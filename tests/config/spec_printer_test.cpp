#include <catch2/catch.hpp>

#include <google/protobuf/util/message_differencer.h>

#include "config/yaml_reader.hpp"
#include "config/yaml_writer.hpp"
#include "tests/config/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

void check_round_trip(const std::string& text) {
  LoadOptions options;
  auto first = load_text(text, "f", {}, options);
  for (const auto& line : printed(first))
    UNSCOPED_INFO(line);
  REQUIRE(first.ok());
  REQUIRE_FALSE(first.experiments.empty());
  const auto& spec = first.experiments[0].spec;
  auto yaml = print_spec(spec);
  CAPTURE(yaml);
  auto second = load_text(yaml, "printed", {}, options);
  for (const auto& line : printed(second))
    UNSCOPED_INFO(line);
  REQUIRE(second.ok());
  std::string difference;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  bool is_same = differencer.Compare(spec, second.experiments.at(0).spec);
  CHECK(difference.empty());
  CHECK(is_same);
  CHECK(print_spec(second.experiments.at(0).spec) == yaml);
}

}  // namespace

TEST_CASE("a printed spec loads to the same spec", "[config]") {
  check_round_trip(fixture("experiment.yaml"));
  check_round_trip(fixture("keras.yaml"));
  check_round_trip(experiment_with(""));
  check_round_trip(
      experiment_with("  advisor: {name: Hyperband, classArgs: {optimize_mode: minimize, R: 27}}\n"
                      "  aimd: {secret: s, folder: f, url: 'https://em.example'}\n"
                      "  objective: {goals: [{metric: a, goal: maximize}, {metric: b, goal: "
                      "minimize}], constraints: ['b <= 2']}\n"
                      "  launcher: {kind: slurm, partition: 'yes', nodes: 2}\n"
                      "  metricsCollector: {kind: tensorboard, path: logs, tag: epoch_accuracy}\n"
                      "  trialPolicy: {retryOn: [], backoffSeconds: 0.5, maxTrialSeconds: 1.25}\n"
                      "  seed: -3\n"));
  check_round_trip(experiment_with(
      "  tuner: {command: [sh, -c, \"a 'b' \\\"c\\\"\\n\"], classArgs: {a: {b: [1, {}]}}}\n"));
}

TEST_CASE("a printed spec is what a person would have written", "[config]") {
  auto yaml = print_spec(spec_of(experiment_with("  seed: 7\n")));
  CHECK_THAT(yaml,
             Catch::Contains("  maxTrialNum: 3\n  trialConcurrency: 1\n"
                             "  searchSpace: |-\n    {\n"
                             "      \"x\": {\"_type\":\"uniform\",\"_value\":[0,1]}\n    }\n"));
  CHECK_THAT(yaml, Catch::Contains(
                       "  tuner:\n    builtinTunerName: Auto\n    classArgs: '{}'\n  seed: 7\n"));
}

TEST_CASE("every value is read back from its YAML", "[config]") {
  auto json =
      GENERATE(as<std::string>{},
               R"({"a":[[1,[2]],[],{},{"b":[]},null,true,"true","1","1e5","","~",": "," x","#"]})",
               R"({"":1,"yes":2,"a b":3,"ä":"é\n\u0000\u001f\u007f","-":"-x","x: y":"'\""})",
               R"({"n":[1.50,1e-4,-0,123456789012345678901234567890]})",
               R"({"deep":{"a":{"b":{"c":[{"d":{"e":1}}]}}}})");
  auto value = parse_json(json);
  REQUIRE(value);
  std::string yaml = "k:";
  config::write_yaml(*value, 0, yaml);
  CAPTURE(yaml);
  auto read = config::read_yaml(config::Source(yaml));
  REQUIRE(read.mistakes.empty());
  CHECK(to_json(to_value(*read.documents.at(0).find("k"))) == to_json(*value));
}
