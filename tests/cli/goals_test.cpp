// What is printed of experiments with several goals, or with constraints.
#include "cli/goals.hpp"

#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

#include "cli/describe.hpp"
#include "cli/export_trials.hpp"
#include "cli/importance.hpp"
#include "cli/run_view.hpp"
#include "cli/tables.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::cli;
using namespace autotune::test;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

pb::Event submitted_for(const std::vector<std::pair<std::string, pb::Goal>>& goals,
                        const std::vector<std::string>& constraints) {
  auto event = submitted("net");
  auto& objective = *event.mutable_experiment_submitted()->mutable_spec()->mutable_objective();
  objective.clear_goals();
  for (const auto& [metric, goal] : goals) {
    objective.add_goals()->set_metric(metric);
    objective.mutable_goals(objective.goals_size() - 1)->set_goal(goal);
  }
  for (const auto& text : constraints)
    objective.add_constraints(text);
  return event;
}

pb::Event tradeoff() {
  return submitted_for({{"accuracy", pb::GOAL_MAXIMIZE}, {"size", pb::GOAL_MINIMIZE}},
                       {"ms <= 20"});
}

pb::Event constrained() { return submitted_for({{"accuracy", pb::GOAL_MAXIMIZE}}, {"ms <= 20"}); }

/// An experiment called net-abcde; each result is that of a trial which succeeded.
struct Home {
  TemporaryFolder folder;
  std::unique_ptr<StoreReader> store;

  Home(const pb::Event& what, const std::vector<Named>& results) {
    auto write = writer(folder.database());
    value(write->commit({append("net-abcde", {at(1000, what)})}));
    Sequence sequence = 0;
    for (const auto& finals : results) {
      auto x = R"({"x": 0.)" + std::to_string(sequence + 1) + "}";
      value(write->commit({append(
          "net-abcde", {created(sequence, x), launched(sequence), at(2000, started(sequence)),
                        at(3000, ended(sequence, pb::TRIAL_STATE_SUCCEEDED, finals))})}));
      ++sequence;
    }
    store = value(open_reader(folder.database()));
  }

  template <class Write>
  std::string printed(const Write& write) const {
    std::ostringstream out;
    value(write(out));
    return out.str();
  }
  std::string best(Format format) const {
    return printed([&](auto& out) { return write_best(*store, "net", {format, 0}, out); });
  }
  std::string trials(Format format) const {
    return printed([&](auto& out) { return write_trials(*store, "net", {format, 4000}, out); });
  }
  std::string experiments(Format format) const {
    return printed([&](auto& out) { return write_experiments(*store, {format, 4000}, out); });
  }
  std::string described(Format format) const {
    return printed([&](auto& out) {
      return describe_experiment(*store, "net", {format, 4000}, out);
    });
  }
  std::string described(Sequence sequence, Format format) const {
    return printed([&](auto& out) {
      return describe_trial(*store, "net", sequence, {format, 4000}, out);
    });
  }
};

/// 1 and 2 are the front; 0 is infeasible, 3 dominated, 4 and 5 are no results.
std::vector<Named> some_results() {
  return {{{"accuracy", 0.99}, {"size", 1}, {"ms", 23.25}},
          {{"accuracy", 0.8}, {"size", 2}, {"ms", 20}},
          {{"accuracy", 0.9}, {"size", 5}, {"ms", 3}},
          {{"accuracy", 0.8}, {"size", 5}, {"ms", 3}},
          {{"accuracy", not_a_number}, {"size", 5}, {"ms", 3}},
          {{"accuracy", 0.9}}};
}

RunView view_of(const pb::Event& what) { return RunView(what.experiment_submitted().spec()); }

/// The line that the end of a trial gives.
std::string end(RunView& view, Sequence sequence, const Named& finals) {
  view.take(at(1000, created(sequence)));
  view.take(at(2000, started(sequence)));
  return view.take(at(3000, ended(sequence, pb::TRIAL_STATE_SUCCEEDED, finals))).value();
}

}  // namespace

TEST_CASE("what is broken is told in the metric's own unit", "[cli][goals]") {
  Constraint most{"ms", Constraint::Op::at_most, 20};
  CHECK(breach_text(most, 23.2) == "ms <= 20 by 3.2");
  CHECK(breach_text(most, not_a_number) == "ms <= 20, being NaN");
  CHECK(breach_text({"ms", Constraint::Op::below, 20}, 20) == "ms < 20, being 20");
  CHECK(breach_text({"acc", Constraint::Op::at_least, 0.5}, 0.25) == "acc >= 0.5 by 0.25");
}

TEST_CASE("a heading says what is wanted of a metric", "[cli][goals]") {
  auto event = submitted_for({{"a", pb::GOAL_MAXIMIZE}, {"b", pb::GOAL_MINIMIZE}},
                             {"b <= 9", "c > 0.5", "c < 2"});
  Objective objective(event.experiment_submitted().spec().objective());
  CHECK(heading_of(objective, "a") == "a (max)");
  CHECK(heading_of(objective, "b") == "b (min, <= 9)");
  CHECK(heading_of(objective, "c") == "c (> 0.5, < 2)");
}

TEST_CASE("best prints the front, the best of the first goal first", "[cli][goals]") {
  Home home(tradeoff(), some_results());
  CHECK(home.best(Format::table) ==
        "net-abcde: 2 trials on the Pareto front, of 6 that succeeded\n"
        "SEQ  ID  accuracy (max)  size (min)  ms (<= 20)  PARAMETERS\n"
        "2    t2  0.9             5           3           x: 0.3\n"
        "1    t1  0.8             2           20          x: 0.2\n");
  CHECK(home.best(Format::json) ==
        R"([{"sequence":2,"id":"t2","values":{"accuracy":0.9,"size":5.0},)"
        R"("finalMetrics":{"accuracy":0.9,"size":5.0,"ms":3.0},"parameters":{"x":0.3}},)"
        R"({"sequence":1,"id":"t1","values":{"accuracy":0.8,"size":2.0},)"
        R"("finalMetrics":{"accuracy":0.8,"size":2.0,"ms":20.0},"parameters":{"x":0.2}}])"
        "\n");
}

TEST_CASE("best of one goal keeps the constraints", "[cli][goals]") {
  Home home(constrained(), some_results());
  CHECK(home.best(Format::table) == "trial net-abcde/2: accuracy = 0.9, ms = 3.0\n  x  0.3\n");
  CHECK(home.best(Format::json) == R"({"sequence":2,"value":0.9,"parameters":{"x":0.3},)"
                                   R"("finalMetrics":{"accuracy":0.9,"size":5.0,"ms":3.0}})"
                                   "\n");
}

TEST_CASE("where nothing keeps the constraints, best says what comes nearest", "[cli][goals]") {
  auto what = GENERATE(tradeoff(), constrained());
  Home home(what, {{{"accuracy", 0.9}, {"size", 1}, {"ms", 90}},
                   {{"accuracy", 0.1}, {"size", 9}, {"ms", 23.2}}});
  std::ostringstream out;
  auto none = write_best(*home.store, "net", {Format::table, 0}, out);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::not_found);
  CHECK(none.error().message ==
        "net-abcde: no trial meets the constraints yet; nearest: trial 1 breaks ms <= 20 by 3.2");
  CHECK_THAT(home.described(Format::table),
             Catch::Contains("no trial meets the constraints yet; nearest: trial 1"));
  auto json = value(parse_json(home.described(Format::json)));
  CHECK(to_json(*json.find("nearest")).starts_with(R"({"sequence":1,"violations":{"ms <= 20":3.)"));
}

TEST_CASE("best without a complete result says so", "[cli][goals]") {
  Home home(tradeoff(), {{{"accuracy", 0.9}}});
  std::ostringstream out;
  CHECK(write_best(*home.store, "net", {Format::table, 0}, out).error().message ==
        "no trial of net-abcde has succeeded with a finite result of all goals yet");
}

TEST_CASE("the table of trials has a column for each metric, and how a trial stands",
          "[cli][goals]") {
  Home home(tradeoff(), some_results());
  std::istringstream lines(home.trials(Format::table));
  std::string line;
  std::getline(lines, line);
  CHECK(line ==
        "SEQ  ID  STATE      TIME  LATEST  accuracy (max)  size (min)  ms (<= 20)  FRONT       "
        "PARAMETERS");
  std::getline(lines, line);
  CHECK(line ==
        "0    t0  Succeeded  1.0s  -       0.99            1           23.25       infeasible  "
        "x: 0.1  (breaks ms <= 20 by 3.25)");
  std::getline(lines, line);
  CHECK(line ==
        "1    t1  Succeeded  1.0s  -       0.8             2           20          yes         "
        "x: 0.2");
  std::getline(lines, line);
  std::getline(lines, line);
  CHECK_THAT(line, Catch::Contains("  no          x: 0.4"));
  std::getline(lines, line);
  CHECK_THAT(line, Catch::Contains("  NaN  ") && Catch::Contains("  -           x: 0.5"));
  Home one(constrained(), some_results());
  CHECK_THAT(one.trials(Format::table),
             Catch::Contains("accuracy (max)  ms (<= 20)  FEASIBLE  PARAMETERS") &&
                 Catch::Contains("0.99            23.25       no        x: 0.1"));
}

TEST_CASE("trials as JSON and CSV say what is feasible and what is on the front", "[cli][goals]") {
  Home home(tradeoff(), some_results());
  auto json = value(parse_json(home.trials(Format::json)));
  auto tail = [&](std::size_t i) {
    auto text = to_json((*json.as_array())[i]);
    return text.substr(text.find("\"reason\""));
  };
  CHECK(tail(0) ==
        R"("reason":"","feasible":false,"violations":{"ms <= 20":3.25},"onFront":false})");
  CHECK(tail(1) == R"("reason":"","feasible":true,"violations":{"ms <= 20":0.0},"onFront":true})");
  CHECK(tail(4) == R"("reason":"","feasible":null,"violations":null,"onFront":false})");
  auto csv = home.trials(Format::csv);
  CHECK_THAT(csv, Catch::StartsWith("sequence,id,state,final,feasible,onFront,metric.accuracy,"
                                    "metric.size,metric.ms,parameter.x,") &&
                      Catch::Contains("0,t0,Succeeded,0.99,false,false,0.99,1.0,23.25,0.1,") &&
                      Catch::Contains("1,t1,Succeeded,0.8,true,true,0.8,2.0,20.0,0.2,") &&
                      Catch::Contains("5,t5,Succeeded,0.9,,false,0.9,,,0.6,"));
}

TEST_CASE("an event file says what is feasible and what is on the front", "[cli][goals]") {
  Home home(tradeoff(), some_results());
  std::ostringstream out;
  value(export_tensorboard(*home.store, "net", home.folder.path() / "tb", out));
  std::ifstream file(home.folder.path() / "tb" / "1-t1" / "events.out.tfevents.0.autotune",
                     std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  CHECK_THAT(bytes, Catch::Contains("final/size") && Catch::Contains("final/feasible") &&
                        Catch::Contains("final/onFront"));
}

TEST_CASE("the table of experiments tells the size of the front", "[cli][goals]") {
  Home home(tradeoff(), some_results());
  CHECK_THAT(home.experiments(Format::table), Catch::Contains("front: 2"));
  auto csv = home.experiments(Format::csv);
  CHECK_THAT(csv, Catch::Contains(",reason,front\r\n") && Catch::EndsWith(",2\r\n"));
  auto json = value(parse_json(home.experiments(Format::json)));
  const auto& one = json.as_array()->front();
  CHECK(one.find("best")->is_null());
  CHECK(one.find("front")->as_array()->size() == 2);
}

TEST_CASE("describe tells all goals, the front, and what a trial breaks", "[cli][goals]") {
  Home home(tradeoff(), some_results());
  CHECK_THAT(home.described(Format::table),
             Catch::Contains("maximize accuracy, minimize size, ms <= 20") &&
                 Catch::Contains("2 trials on the Pareto front, see below") &&
                 Catch::Contains("Pareto front:\n  SEQ  ID  accuracy (max)"));
  auto json = value(parse_json(home.described(Format::json)));
  CHECK(to_json(*json.find("goals")) ==
        R"([{"metric":"accuracy","goal":"maximize"},{"metric":"size","goal":"minimize"}])");
  CHECK(to_json(*json.find("constraints")) == R"(["ms <= 20"])");
  CHECK(json.find("front")->as_array()->size() == 2);
  CHECK(json.find("nearest")->is_null());
  auto broken = home.described(0, Format::table);
  CHECK_THAT(broken, Catch::Contains("breaks ms <= 20 by 3.25") && Catch::Contains("Final size:"));
  CHECK_THAT(home.described(1, Format::table), Catch::Contains("keeps ms <= 20"));
  CHECK(to_json(*value(parse_json(home.described(1, Format::json))).find("onFront")) == "true");
}

TEST_CASE("importance is told of each goal, or of the metric that is named", "[cli][goals]") {
  std::vector<Named> results;
  for (int i = 0; i < 9; ++i)
    results.push_back({{"accuracy", i}, {"size", 9 - i}, {"ms", 1}, {"loss", i * i}});
  results.push_back({{"accuracy", 3.5}, {"size", 4}, {"ms", 1}, {"loss", 2}});
  Home home(tradeoff(), results);
  auto importance = [&](const std::string& metric, Format format) {
    return home.printed([&](auto& out) {
      return write_importance(*home.store, "net", metric, {format, 0}, out);
    });
  };
  CHECK_THAT(importance("", Format::table),
             Catch::Contains("Importance for accuracy") && Catch::Contains("Importance for size"));
  CHECK(value(parse_json(importance("", Format::json))).as_array()->size() == 2);
  CHECK(*value(parse_json(importance("loss", Format::json))).find("objective")->as_string() ==
        "loss");
  std::ostringstream out;
  auto unknown = write_importance(*home.store, "net", "los", {Format::table, 0}, out);
  CHECK(unknown.error().code == ErrorCode::not_found);
  CHECK(unknown.error().message ==
        "net-abcde: no trial reports a metric 'los'; reported are: accuracy, loss, ms, size");
}

TEST_CASE("run shows columns for each metric and the size of the front", "[cli][goals]") {
  auto view = view_of(tradeoff());
  CHECK(end(view, 0, {{"accuracy", 0.99}, {"size", 1}, {"ms", 23.25}}) ==
        "trial 0 Succeeded, accuracy 0.99, size 1, ms 23.25, 1.0s: breaks ms <= 20 by 3.25");
  CHECK_THAT(view.draw(120, 20, 3000, false),
             Catch::Contains("no trial meets the constraints yet; nearest: trial 0 breaks ms <= 20 "
                             "by 3.25\n"));
  CHECK(end(view, 1, {{"accuracy", 0.8}, {"size", 2}, {"ms", 20}}) ==
        "trial 1 Succeeded, accuracy 0.8, size 2, ms 20, 1.0s");
  end(view, 2, {{"accuracy", 0.9}, {"size", 5}, {"ms", 3}});
  end(view, 3, {{"accuracy", 0.8}, {"size", 5}, {"ms", 3}});
  auto drawn = view.draw(140, 20, 3000, false);
  CHECK_THAT(drawn, Catch::Contains("LATEST      accuracy (max)  size (min)  ms (<= 20)  FRONT") &&
                        Catch::Contains("front: 2 trials\n") &&
                        Catch::Contains("infeasible  x: 0.1"));
  CHECK(view.outcome("net-abcde", 1) ==
        "front: 2 trials\n"
        "  SEQ  ID  accuracy (max)  size (min)  ms (<= 20)  PARAMETERS\n"
        "  2    t2  0.9             5           3           x: 0.1\n"
        "  and 1 more: autotune best net-abcde\n");
}

TEST_CASE("run's best is one that keeps the constraints", "[cli][goals]") {
  auto view = view_of(constrained());
  CHECK(view.outcome("net-abcde", 9).empty());
  end(view, 0, {{"accuracy", 0.9}, {"ms", 30}});
  end(view, 1, {{"accuracy", 0.7}, {"ms", 25}});
  CHECK(view.outcome("net-abcde", 9) ==
        "no trial meets the constraints yet; nearest: trial 1 breaks ms <= 20 by 5\n");
  end(view, 2, {{"accuracy", 0.5}, {"ms", 5}});
  end(view, 3, {{"accuracy", 0.4}, {"ms", 5}});
  CHECK(view.outcome("net-abcde", 9) == "best: trial 2 with 0.5\n  x: 0.1\n");
  CHECK_THAT(view.draw(120, 20, 3000, false), Catch::Contains("best 0.5  trial 2"));
}

TEST_CASE("a run that is taken up again shows the front of before", "[cli][goals]") {
  Home home(tradeoff(), some_results());
  auto view = view_of(tradeoff());
  view.load(value(home.store->trials("net-abcde")));
  CHECK_THAT(view.outcome("net-abcde", 9), Catch::StartsWith("front: 2 trials\n"));
  end(view, 6, {{"accuracy", 1.0}, {"size", 0}, {"ms", 1}});
  CHECK_THAT(view.outcome("net-abcde", 9), Catch::StartsWith("front: 1 trial\n"));
}

TEST_CASE("the newest intermediate result of a trial is the first goal's", "[cli][goals]") {
  auto view = view_of(tradeoff());
  view.take(at(1000, created(0)));
  view.take(at(2000, started(0)));
  view.set_latest(0, report(0, 1, {{"size", 7}, {"accuracy", 0.625}}).metrics());
  CHECK_THAT(view.draw(140, 20, 3000, false), Catch::Contains("0.625"));
}
