#include <catch2/catch.hpp>

#include "tests/config/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

SearchSpace space_of(const std::string& json) {
  auto space = read_search_space(json);
  INFO((space ? "" : space.error().message));
  REQUIRE(space);
  return std::move(*space);
}

std::string error_of(const std::string& json) {
  auto space = read_search_space(json);
  return space ? "" : space.error().message;
}

}  // namespace

TEST_CASE("all types of parameters are read", "[config]") {
  auto space = space_of(R"({
    "a": {"_type": "choice", "_value": [16, "relu", 0.10, true, null, [1], {"k": 1}]},
    "b": {"_type": "randint", "_value": [-1, 5]},
    "c": {"_type": "uniform", "_value": [0, 1]},
    "d": {"_type": "quniform", "_value": [2, 10, 5]},
    "e": {"_type": "loguniform", "_value": [1e-4, 0.1]},
    "f": {"_type": "qloguniform", "_value": [1, 100, 2]},
    "g": {"_type": "normal", "_value": [-1, 2]},
    "h": {"_type": "qnormal", "_value": [0, 2, 0.5]},
    "i": {"_type": "lognormal", "_value": [0, 1]},
    "j": {"_type": "qlognormal", "_value": [0, 1, 0.25]},
    "k": {"_type": "layer_choice", "_value": ["conv", "pool"]},
    "l": {"_type": "input_choice", "_value": {"candidates": ["x", "y"], "n_chosen": [0, 1]}}
  })");
  REQUIRE(space.parameters.size() == 12);
  const auto& p = space.parameters;
  for (std::size_t i = 0; i < p.size(); ++i)
    CHECK(p[i].name == std::string(1, static_cast<char>('a' + i)));
  REQUIRE(p[0].choices.size() == 7);
  CHECK(to_json(p[0].choices) == R"([16,"relu",0.10,true,null,[1],{"k":1}])");
  CHECK((p[1].type == ParameterType::randint && p[1].low == -1 && p[1].high == 5));
  CHECK((p[3].type == ParameterType::quniform && p[3].high == 10 && p[3].q == 5));
  CHECK((p[4].type == ParameterType::loguniform && p[4].low == 1e-4 && p[4].q == 0));
  CHECK((p[6].type == ParameterType::normal && p[6].mu == -1 && p[6].sigma == 2));
  CHECK((p[9].type == ParameterType::qlognormal && p[9].sigma == 1 && p[9].q == 0.25));
  CHECK((p[10].type == ParameterType::layer_choice && p[10].choices.size() == 2));
  CHECK((p[11].type == ParameterType::input_choice && p[11].n_chosen == std::vector<int>{0, 1}));
}

TEST_CASE("a choice of mappings with _name opens nested spaces", "[config]") {
  auto space = space_of(R"({"net": {"_type": "choice", "_value": [
    {"_name": "empty"},
    {"_name": "conv", "kernel": {"_type": "randint", "_value": [1, 4]},
     "act": {"_type": "choice", "_value": [{"_name": "relu"}, {"_name": "elu",
       "alpha": {"_type": "uniform", "_value": [0, 1]}}]}}]}})");
  REQUIRE(space.parameters.size() == 1);
  const auto& branches = space.parameters[0].branches;
  REQUIRE(branches.size() == 2);
  CHECK(space.parameters[0].choices.empty());
  CHECK(branches[0].name == "empty");
  CHECK(branches[0].parameters.empty());
  REQUIRE(branches[1].parameters.size() == 2);
  CHECK(branches[1].parameters[1].branches[1].parameters[0].name == "alpha");
}

TEST_CASE("a choice of mappings without _name is a plain one", "[config]") {
  auto space = space_of(R"({"p": {"_type": "choice", "_value": [{"a": 1}, {"a": 2}]}})");
  CHECK(space.parameters[0].branches.empty());
  CHECK(to_json(space.parameters[0].choices) == R"([{"a":1},{"a":2}])");
}

TEST_CASE("a search space may be a mapping of YAML", "[config]") {
  auto text =
      "apiVersion: tensorstack.dev/v1beta1\nkind: AutoTuneExperiment\n"
      "metadata: {name: a}\nspec:\n  maxTrialNum: 1\n  launcher: simulated\n"
      "  searchSpace:\n    lr:\n      _type: loguniform\n      _value: [1e-4, .1]\n";
  auto file = load_text(text, "f");
  CHECK(printed(file).empty());
  CHECK(file.experiments.at(0).spec.search_space_json() ==
        R"({"lr":{"_type":"loguniform","_value":[1e-4,0.1]}})");
  CHECK(file.experiments.at(0).search_space.parameters.at(0).high == 0.1);
}

TEST_CASE("the misspelling of the manual is taken with a warning", "[config]") {
  auto file = load_text(
      experiment_with("", R"({"x": {"_type": "qlognoraml", "_value": [0, 1, 0.5]}})"), "f");
  CHECK(printed(file) == std::vector<std::string>{
                             "f:6:33: warning: spec.searchSpace.x._type: 'qlognoraml' is taken as "
                             "'qlognormal', of which it is a misspelling"});
  CHECK(file.experiments.at(0).search_space.parameters.at(0).type == ParameterType::qlognormal);
}

TEST_CASE("all mistakes of stored JSON text come in one error", "[config]") {
  CHECK(error_of(R"({"a": {"_type": "uniform", "_value": [1, 0]}, "b": 3})") ==
        "1:39: searchSpace.a._value[0]: the lower bound must be below the upper one, but 1 >= 0\n"
        "1:52: searchSpace.b: must be {\"_type\": ..., \"_value\": ...}, not 3");
  CHECK(error_of("{") == "1:2: the JSON text ends before '}'");
  CHECK(error_of("[]") == "1:1: searchSpace: must be a mapping of parameters, not a list");
  CHECK_THAT(error_of("{}"), Catch::StartsWith("1:1: searchSpace: has no parameter"));
}

TEST_CASE("values that no algorithm could draw from are refused", "[config]") {
  auto parameter = GENERATE(
      as<std::string>{}, R"({"_type": "randint", "_value": [1, 9007199254740993]})",
      R"({"_type": "uniform", "_value": [-1e308, 1e308]})",
      R"({"_type": "uniform", "_value": [0, "1"]})", R"({"_type": "uniform", "_value": [0, null]})",
      R"({"_type": "uniform", "_value": [0, 1, 0.1]})",
      R"({"_type": "qloguniform", "_value": [-1, 1, 0.1]})",
      R"({"_type": "quniform", "_value": [0, 1, -0.1]})",
      R"({"_type": "qnormal", "_value": [0, 0, 1]})", R"({"_type": "choice", "_value": {"a": 1}})",
      R"({"_type": "layer_choice", "_value": []})", R"({"_type": "input_choice", "_value": ["a"]})",
      R"({"_type": "input_choice", "_value": {"candidates": ["a"]}})",
      R"({"_type": "input_choice", "_value": {"candidates": [], "n_chosen": 1}})",
      R"({"_type": "choice", "_value": [{"_name": 3}]})",
      R"({"_type": "choice", "_value": [{"_name": "a", "b": 3}]})",
      R"({"_type": "choice", "_value": [1], "q": 1})", R"({"_type": 5})", R"("uniform")");
  CAPTURE(parameter);
  CHECK_FALSE(read_search_space("{\"x\": " + parameter + "}"));
}

TEST_CASE("an initial trial must lie in the search space", "[config]") {
  const std::string space =
      R"({"c": {"_type": "choice", "_value": [16, 0.5, "relu"]},)"
      R"( "r": {"_type": "randint", "_value": [1, 5]},)"
      R"( "u": {"_type": "quniform", "_value": [0, 1, 0.25]},)"
      R"( "n": {"_type": "normal", "_value": [0, 1]},)"
      R"( "l": {"_type": "lognormal", "_value": [0, 1]},)"
      R"( "d": {"_type": "choice", "_value": [{"_name": "a", "k": {"_type": "uniform", "_value": [0, 1]}}, {"_name": "b"}]}})";
  auto [set, mistake] = GENERATE(table<std::string, std::string>({
      {"{c: 16, r: 4, u: 0.3, n: -9, l: 7, d: {_name: a, k: 1}}", ""},
      {"{c: 16.0}", ""},
      {"'{\"c\": \"relu\"}'", ""},
      {"{c: '16'}", "'16' is none of the choices 16, 0.5, \"relu\""},
      {"{r: 5}", "must be from 1 to 4, not 5"},
      {"{r: 1.5}", "must be a whole number, not 1.5"},
      {"{u: 1.01}", "must be from 0 to 1, not 1.01"},
      {"{n: x}", "must be a number, not text 'x'"},
      {"{l: -1}", "must not be negative, as -1 is"},
      {"{d: a}", "must be a mapping with \"_name\", as in the search space"},
      {"{d: {_name: b, k: 1}}", "the search space has no such parameter"},
      {"{d: {_name: a, kk: 1}}", "the search space has no such parameter; did you mean 'k'?"},
      {"7", "must be JSON text or a mapping, not 7"},
  }));
  CAPTURE(set);
  auto file = load_text(experiment_with("  initialTrials: [" + set + "]\n", space), "f");
  auto first = file.diagnostics.empty() ? "" : file.diagnostics[0].message;
  CHECK(first == mistake);
}

TEST_CASE("initial trials keep the text of their numbers", "[config]") {
  auto spec = spec_of(experiment_with("  initialTrials: [{x: 1e-1}, '{\"x\": 0.50}']\n"));
  REQUIRE(spec.initial_trials_json_size() == 2);
  CHECK(spec.initial_trials_json(0) == R"({"x":1e-1})");
  CHECK(spec.initial_trials_json(1) == R"({"x":0.50})");
}
