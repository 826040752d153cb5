// CSV files as trials: what `export` writes, and what people write.
#include "cli/warm_table.hpp"

#include <sstream>

#include <catch2/catch.hpp>

#include "cli/csv.hpp"
#include "config/search_space_reader.hpp"
#include "tuner/space.hpp"

namespace autotune::cli {

namespace {

constexpr auto space_json = R"({
  "lr": {"_type": "loguniform", "_value": [0.001, 1]},
  "units": {"_type": "choice", "_value": [16, 32]},
  "opt": {"_type": "choice", "_value": ["sgd", "16", true, {"name": "adam", "beta": 0.9}]},
  "net": {"_type": "choice", "_value": [
    {"_name": "conv", "k": {"_type": "randint", "_value": [1, 6]}},
    {"_name": "dense", "k": {"_type": "uniform", "_value": [0, 9]},
     "act": {"_type": "choice", "_value": ["relu", "tanh"]}}]}})";

SearchSpace space() { return read_search_space(space_json).value(); }

pb::ExperimentSpec spec(const std::string& metric = "default") {
  pb::ExperimentSpec spec;
  spec.mutable_objective()->add_goals()->set_metric(metric);
  return spec;
}

Result<WarmRows> rows(const std::string& text, const pb::ExperimentSpec& of = spec()) {
  auto table = read_csv(text, "runs.csv");
  if (!table)
    return tl::unexpected(table.error());
  return warm_rows_of(*table, "runs.csv", space(), of);
}

std::string error(const std::string& text, const pb::ExperimentSpec& of = spec()) {
  auto found = rows(text, of);
  return found ? "no error" : found.error().message;
}

}  // namespace

TEST_CASE("CSV is read as RFC 4180 has it, and as spreadsheets write it", "[warm][csv]") {
  auto table = read_csv(
      "\xef\xbb\xbf"
      "a, b ,c\r\n1,\"x,\"\"y\"\"\nz\",\n\n 2 ,,3\r\n",
      "t.csv");
  REQUIRE(table);
  CHECK(table->heading.cells == std::vector<std::string>{"a", "b", "c"});
  REQUIRE(table->rows.size() == 2);
  CHECK(table->rows[0].cells == std::vector<std::string>{"1", "x,\"y\"\nz", ""});
  CHECK(table->rows[1].cells == std::vector<std::string>{"2", "", "3"});
  CHECK(table->rows[1].line == 5);
  CHECK(read_csv("a,b\n1\n", "t.csv").error().message ==
        "t.csv:2: has 1 cells, the heading 2; put a cell that holds a comma into quotes");
  CHECK(read_csv("a\n\"1\n", "t.csv").error().message == "t.csv:2: a quote is not closed");
  CHECK_FALSE(read_csv("a\n\"1\"2\n", "t.csv"));
  CHECK_FALSE(read_csv("", "t.csv"));
}

TEST_CASE("rows that a person wrote keep the types of the space", "[warm][csv]") {
  auto found = rows(
      "lr,units,opt,net/_name,net/k,net/act,final\n"
      ".5,16,sgd,conv,3,,0.25\n"
      "1e-2,32.0,16,dense,2.5,tanh,+1\n"
      "0.1,16,TRUE,conv,1,,\n");
  REQUIRE(found);
  REQUIRE(found->rows.size() == 2);
  CHECK(found->left_out == 1);
  CHECK(found->rows[0].where == "runs.csv:2");
  CHECK(to_json(found->rows[0].parameters) ==
        R"({"lr":0.5,"units":16,"opt":"sgd","net":{"_name":"conv","k":3}})");
  CHECK(to_json(found->rows[1].parameters) ==
        R"({"lr":1e-2,"units":32,"opt":"16","net":{"_name":"dense","k":2.5,"act":"tanh"}})");
  CHECK(found->rows[1].metrics[0].value() == 1);
  Space points(space());
  for (const auto& row : found->rows)
    CHECK(points.contains(row.parameters));
}

TEST_CASE("JSON cells hold nested values and choices whole", "[warm][csv]") {
  auto found = rows(
      "lr,units,opt,net,value\n"
      "0.1,16,true,\"{\"\"_name\"\":\"\"conv\"\",\"\"k\"\":2}\",0.5\n"
      "0.1,16,\"{\"\"name\"\":\"\"adam\"\",\"\"beta\"\":0.9}\",\"{\"\"_name\"\":\"\"conv\"\","
      "\"\"k\"\":2}\",1\n");
  REQUIRE(found);
  CHECK(to_json(found->rows[0].parameters) ==
        R"({"lr":0.1,"units":16,"opt":true,"net":{"_name":"conv","k":2}})");
  CHECK(Space(space()).contains(found->rows[1].parameters));
}

TEST_CASE("what export writes is read back as it was", "[warm][csv]") {
  const std::vector<std::string> sets{
      R"({"lr":0.5,"units":16,"opt":"16","net":{"_name":"conv","k":3}})",
      R"({"lr":1e-3,"units":32,"opt":{"name":"adam","beta":0.9},"net":{"_name":"dense","k":0.5,"act":"relu"}})",
      R"({"lr":0.5,"units":16,"opt":true,"net":{"_name":"conv","k":5}})"};
  std::vector<pb::TrialSummary> trials;
  for (const auto& set : sets) {
    auto& trial = trials.emplace_back();
    trial.set_sequence(static_cast<std::int64_t>(trials.size()) - 1);
    trial.set_state(pb::TRIAL_STATE_SUCCEEDED);
    trial.set_parameters_json(set);
    for (const char* name : {"acc", "loss"}) {
      auto* metric = trial.add_final_metrics();
      metric->set_name(name);
      metric->set_value(static_cast<double>(trials.size()) / 8);
    }
  }
  trials.emplace_back(trials.front()).set_state(pb::TRIAL_STATE_FAILED);
  trials.emplace_back(trials.front()).clear_final_metrics();
  std::ostringstream text;
  TrialJson how;
  how.objective = Objective(spec("acc").objective());
  REQUIRE(write_trials_csv(trials, how, nullptr, text));
  auto found = rows(text.str(), spec("loss"));
  REQUIRE(found);
  REQUIRE(found->rows.size() == 3);
  CHECK(found->left_out == 2);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    CHECK(to_json(found->rows[i].parameters) == sets[i]);
    CHECK(find_metric(found->rows[i].metrics, "loss")->value() == (i + 1) / 8.0);
  }
  CHECK_THAT(error(text.str(), spec("mae")),
             Catch::Contains("runs.csv:1: no column holds the results of 'mae'"));
}

TEST_CASE("a constraint's metric has a column of its own, and a row without it is left out",
          "[warm][csv]") {
  auto constrained = spec("acc");
  constrained.mutable_objective()->add_constraints("ms <= 20");
  auto found = rows(
      "lr,units,opt,net/_name,net/k,ms,final\n"
      "0.5,16,sgd,conv,3,25,0.25\n"
      "0.5,16,sgd,conv,3,,0.75\n",
      constrained);
  REQUIRE(found);
  CHECK(found->left_out == 1);
  REQUIRE(found->rows.size() == 1);
  CHECK(find_metric(found->rows[0].metrics, "acc")->value() == 0.25);
  CHECK(find_metric(found->rows[0].metrics, "ms")->value() == 25);
  CHECK(error("lr,units,opt,net/_name,net/k,final\n0.5,16,sgd,conv,3,25\n", constrained) ==
        "runs.csv:1: no column holds the results of 'ms'; name one 'metric.ms'");
  // Another objective's file: its 'final' is of another metric.
  CHECK_THAT(error("parameter.lr,parameter.units,parameter.opt,parameter.net/_name,"
                   "parameter.net/k,final,feasible,onFront,metric.loss,metric.ms\n",
                   constrained),
             Catch::Contains("no column holds the results of 'acc'"));
}

TEST_CASE("a heading's mistakes are told in one go", "[warm][csv]") {
  auto text = error("lrr,units,opt,net/_name,net/k,colour\n");
  CHECK_THAT(text, Catch::Contains(
                       "runs.csv:1: no column holds parameter 'lr' (a number in [0.001, 1.0]); "
                       "name one 'lr' or 'parameter.lr'"));
  CHECK_THAT(text, Catch::Contains(
                       "column 'lrr' is neither a parameter nor a result; did you mean 'lr'?"));
  CHECK_THAT(text, Catch::Contains("column 'colour' is neither"));
  CHECK_THAT(text, Catch::Contains("no column holds the results of 'default'"));
  CHECK_THAT(
      error("parameter.lr,parameter.unit,parameter.opt,parameter.net,final\n"),
      Catch::Contains(
          "column 'parameter.unit' is no parameter of the search space; did you mean 'units'?"));
  CHECK_THAT(error("lr,lr,units,opt,net,final\n"), Catch::Contains("column 'lr' stands twice"));
}

TEST_CASE("a result that is no number is a mistake with its line and column", "[warm][csv]") {
  auto head = std::string("lr,units,opt,net/_name,net/k,final\n");
  CHECK(error(head + "0.1,16,sgd,conv,1,0.5\n0.1,16,sgd,conv,1,good\n") ==
        "runs.csv:3: column 'final' is \"good\", not a number; leave it empty where there is none");
  CHECK(rows(head + "0.1,16,sgd,conv,1,NaN\n")->left_out == 1);
}

}  // namespace autotune::cli
