#include "tuner/factory.hpp"

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

const SearchSpace line{{bounded("x", T::uniform, 0, 1)}};

std::vector<std::string> errors_of(const pb::ExperimentSpec& spec,
                                   const SearchSpace& space = line) {
  std::vector<std::string> texts;
  for (const auto& e : check_algorithms(spec, space))
    texts.push_back(e.path + ": " + e.message);
  return texts;
}

std::string only_error(const pb::ExperimentSpec& spec, const SearchSpace& space = line) {
  auto errors = errors_of(spec, space);
  return errors.size() == 1 ? errors[0] : std::to_string(errors.size()) + " errors";
}

pb::ExperimentSpec with_assessor(pb::ExperimentSpec spec, const std::string& name,
                                 const std::string& args = "{}") {
  spec.mutable_assessor()->set_name(name);
  spec.mutable_assessor()->set_class_args_json(args);
  return spec;
}

}  // namespace

TEST_CASE("names match without regard to case, with and without the suffix") {
  for (const char* name : {"TPE", "tpe", "TPETuner", "Random", "randomtuner", "GRIDSEARCH", "auto"})
    CHECK(errors_of(spec_of(name)).empty());
  CHECK(errors_of(pb::ExperimentSpec()).empty());  // none named: Auto
  CHECK(deciding_algorithm(pb::ExperimentSpec()) == "Auto");
  CHECK(deciding_algorithm(spec_of("tpetuner")) == "TPE");
}

TEST_CASE("an unknown name is answered with the nearest and with all") {
  auto text = only_error(spec_of("TPES"));
  CHECK(text.find("tuner.builtinTunerName: tuner 'TPES' is unknown; did you mean 'TPE'?") == 0);
  CHECK(text.find("Known are: Auto, TPE, Random, GridSearch, Batch") != std::string::npos);
}

TEST_CASE("algorithms of the file format that this version lacks are refused by name") {
  for (const char* name : {"DNGO", "DNGOTuner"}) {
    auto text = only_error(spec_of(name));
    CHECK(text.find("is not in this version yet; use one of: Auto, TPE") != std::string::npos);
  }
  pb::ExperimentSpec spec;
  spec.mutable_advisor()->set_name("DNGO");
  CHECK(only_error(spec).find(
            "advisor.builtinAdvisorName: advisor 'DNGO' is not in this version") == 0);
  CHECK(only_error(with_assessor(spec_of("TPE"), "Hyperband")) ==
        "assessor.builtinAssessorName: assessor 'Hyperband' is unknown; known are: Medianstop, "
        "Curvefitting, ASHA, Threshold");
  pb::ExperimentSpec command;
  command.mutable_tuner()->add_command("mine");
  CHECK(check_algorithms(command, cube(1)).empty());
  CHECK_FALSE(make_tuner(command, cube(1), 1));
}

TEST_CASE("a tuner rules over an advisor, an advisor over an assessor") {
  auto spec = spec_of("TPE");
  spec.mutable_advisor()->set_name("nonsense");
  CHECK(errors_of(spec).empty());
  pb::ExperimentSpec advised;
  advised.mutable_advisor()->set_name("TPE");
  CHECK(errors_of(with_assessor(advised, "nonsense")).empty());
  CHECK(make_assessor(with_assessor(advised, "Medianstop")).value() == nullptr);
}

TEST_CASE("every mistake in classArgs is named by its path, with what would be right") {
  auto errors = errors_of(
      spec_of("TPE", R"({"gama": 1, "seed": 1.5, "optimize_mode": "up", "constant_liar_type": 3,
    "parallel_optimize": "yes", "tpe_args":
    {"gamma": 0, "n_startup_jobs": 0, "prior_weigth": 1.0}})"));
  REQUIRE(errors.size() == 8);
  CHECK(errors[0].find("tuner.classArgs.gama: is not an argument") == 0);
  CHECK(errors[1] == "tuner.classArgs.seed: is 1.5, must be a whole number or null");
  CHECK(errors[2] == "tuner.classArgs.optimize_mode: is \"up\", must be one of maximize, minimize");
  CHECK(errors[3] ==
        "tuner.classArgs.constant_liar_type: is 3, must be one of best, worst, mean, min, max or "
        "null");
  CHECK(errors[4] == "tuner.classArgs.parallel_optimize: is \"yes\", must be true or false");
  CHECK(errors[5] == "tuner.classArgs.tpe_args.gamma: is 0, must be a number in (0.0, 1000.0]");
  CHECK(errors[6] ==
        "tuner.classArgs.tpe_args.n_startup_jobs: is 0, must be a whole number in [1, 1000000]");
  CHECK(errors[7].find("tuner.classArgs.tpe_args.prior_weigth: is not an argument; did you mean "
                       "'prior_weight'?") == 0);
  CHECK(only_error(spec_of("Random", "[1]")).find("tuner.classArgs: must be an object") == 0);
  CHECK(only_error(spec_of("Random", "{")).find("tuner.classArgs: is not JSON") == 0);
  CHECK_FALSE(make_tuner(spec_of("Random", "{"), line, 1));
}

TEST_CASE("both dialects of the manual's examples are accepted") {
  // Origin: nni-compat.md 0.
  CHECK(errors_of(spec_of("TPE", R"({"optimize_mode": "maximize", "constant_liar_type": "min"})"))
            .empty());
  CHECK(errors_of(spec_of("TPE", R"({"optimize_mode": "maximize", "parallel_optimize": true,
                                     "constant_liar_type": "mean"})"))
            .empty());
  CHECK(errors_of(
            spec_of(
                "TPE",
                R"({"seed": 12345, "tpe_args": {"constant_liar_type": "mean", "n_startup_jobs": 10,
    "n_ei_candidates": 20, "linear_forgetting": 100, "prior_weight": 1, "gamma": 0.5}})"))
            .empty());  // whole numbers where reals are meant
  CHECK(errors_of(spec_of("GridSearch", R"({"optimize_mode": "minimize"})")).empty());
  CHECK(errors_of(with_assessor(spec_of("TPE", R"({"optimize_mode": "maximize"})"), "Medianstop",
                                R"({"optimize_mode": "maximize", "start_step": 5})"))
            .empty());
}

TEST_CASE("a space that an algorithm cannot search is refused with those that can") {
  Parameter layer;
  layer.name = "op";
  layer.type = T::layer_choice;
  layer.choices = {std::string("conv")};
  CHECK(only_error(spec_of("TPE"), {{layer}}) ==
        "searchSpace.op: TPE cannot search layer_choice ('op'); what would work: PPOTuner");
  CHECK(only_error(spec_of("TPE"), {{nested("n", {Branch{"A", {layer}}})}})
            .find("searchSpace.n: TPE cannot search layer_choice ('op')") == 0);
  CHECK(only_error(spec_of("Batch")).find("what would work: Auto, TPE, Random, GridSearch") !=
        std::string::npos);
  CHECK(only_error(spec_of("Batch"), {{nested("n", {Branch{"A", {}}})}})
            .find("searchSpace.n: Batch cannot search a nested choice ('n')") == 0);
  auto two =
      only_error(spec_of("Batch"), {{choice("a", {number("1")}), choice("b", {number("1")})}});
  CHECK(two.find("searchSpace: Batch needs exactly one parameter") == 0);
  CHECK(only_error(spec_of("Random"), {}).find("searchSpace: is empty") == 0);
}

TEST_CASE("the direction is what the objective, the arguments, the algorithm say, in this order") {
  // Origin: experiment-spec.md, "Where the original is silent"; defaults of nni-compat.md 1.
  CHECK(direction_of(spec_of("TPE")) == Direction::minimize);
  CHECK(direction_of(spec_of("Random")) == Direction::maximize);
  CHECK(direction_of(pb::ExperimentSpec()) == Direction::maximize);
  CHECK(direction_of(spec_of("TPE", R"({"optimize_mode": "maximize"})")) == Direction::maximize);
  auto spec = spec_of("TPE");
  spec.mutable_objective()->add_goals()->set_goal(GOAL_MAXIMIZE);
  CHECK(direction_of(spec) == Direction::maximize);
  CHECK(direction_of(with_assessor(spec_of("TPE"), "Medianstop")) == Direction::minimize);
  CHECK(direction_of(with_assessor(spec_of("TPE"), "Medianstop",
                                   R"({"optimize_mode": "maximize"})")) == Direction::maximize);
}

TEST_CASE("two directions that differ are an error where the second stands") {
  auto spec = spec_of("TPE", R"({"optimize_mode": "minimize"})");
  spec.mutable_objective()->add_goals()->set_goal(GOAL_MAXIMIZE);
  CHECK(only_error(spec).find(
            "tuner.classArgs.optimize_mode: is minimize, but objective.goal is maximize") == 0);
  auto assessed = with_assessor(spec_of("TPE", R"({"optimize_mode": "minimize"})"), "Medianstop",
                                R"({"optimize_mode": "maximize"})");
  CHECK(only_error(assessed).find(
            "assessor.classArgs.optimize_mode: is maximize, but tuner.classArgs") == 0);
}

namespace {

pb::ExperimentSpec with_goals(pb::ExperimentSpec spec, const std::vector<pb::Goal>& goals) {
  for (auto goal : goals)
    spec.mutable_objective()->add_goals()->set_goal(goal);
  return spec;
}

}  // namespace

TEST_CASE("several goals are refused where they cannot be searched for, with what can") {
  std::vector<pb::Goal> both{GOAL_MAXIMIZE, GOAL_MINIMIZE};
  for (const char* name : {"Auto", "TPE", "NSGA-II", "nsga2", "Random", "QMC", "GridSearch"})
    CHECK(errors_of(with_goals(spec_of(name), both)).empty());
  CHECK(errors_of(with_goals(pb::ExperimentSpec(), both)).empty());
  for (const char* name : {"GPTuner", "Anneal", "CMA-ES", "PBTTuner"})
    CHECK(only_error(with_goals(spec_of(name), both))
              .find(std::string("tuner.builtinTunerName: ") + name +
                    " searches for one goal, but objective.goals names 2; what would work: Auto, "
                    "TPE, ") == 0);
  pb::ExperimentSpec advised;
  advised.mutable_advisor()->set_name("ASHA");
  CHECK(only_error(with_goals(advised, both))
            .find("advisor.builtinAdvisorName: ASHA searches for one goal") == 0);
  CHECK(only_error(with_assessor(with_goals(spec_of("TPE"), both), "Medianstop"))
            .find("assessor.builtinAssessorName: an assessor sees the first goal alone") == 0);
  pb::ExperimentSpec command;
  command.mutable_tuner()->add_command("mine");
  CHECK(check_algorithms(with_goals(command, both), cube(1)).empty());
}

TEST_CASE("each goal has its own direction, and optimize_mode must not contradict one") {
  std::vector<pb::Goal> both{GOAL_MAXIMIZE, GOAL_MINIMIZE};
  CHECK(directions_of(with_goals(spec_of("TPE"), both)) ==
        std::vector{Direction::maximize, Direction::minimize});
  CHECK(directions_of(spec_of("TPE")) == std::vector{Direction::minimize});
  CHECK(only_error(with_goals(spec_of("TPE", R"({"optimize_mode": "maximize"})"), both)) ==
        "tuner.classArgs.optimize_mode: is maximize, but objective.goals[1].goal is minimize; "
        "leave it out: each goal states its own");
  CHECK(errors_of(with_goals(spec_of("TPE", R"({"optimize_mode": "minimize"})"),
                             {GOAL_MINIMIZE, GOAL_MINIMIZE}))
            .empty());
}

TEST_CASE("constraints go with every algorithm") {
  for (const auto& row : algorithms()) {
    if (!row.make_tuner || row.name == "Batch" || row.name == "PPOTuner")
      continue;
    auto spec = spec_of(row.name);
    spec.mutable_objective()->add_constraints("latency <= 3");
    CAPTURE(row.name);
    CHECK(errors_of(spec).empty());
  }
}

TEST_CASE("the assessor follows the direction of the tuner") {
  auto spec = with_assessor(spec_of("TPE", R"({"optimize_mode": "maximize"})"), "Medianstop");
  auto assessor = make_assessor(spec).value();
  REQUIRE(assessor != nullptr);
  Trial done;
  done.outcome = TrialOutcome::succeeded;
  done.intermediates = {{0, 0.5}};
  assessor->tell(done);
  Trial low;
  low.intermediates = {{0, 0.4}};
  CHECK(assessor->assess(low));
  low.intermediates = {{0, 0.6}};
  CHECK_FALSE(assessor->assess(low));
  CHECK(make_assessor(spec_of("TPE")).value() == nullptr);
  CHECK_FALSE(make_assessor(with_assessor(spec_of("TPE"), "Curvefit")));
}

TEST_CASE("every algorithm's table is complete") {
  for (const auto& row : algorithms()) {
    CAPTURE(row.name);
    CHECK_FALSE(row.summary.empty());
    CHECK_FALSE(row.source.empty());
    CHECK((row.make_tuner != nullptr) != (row.make_assessor != nullptr));
    CHECK(row.types.empty() == (row.kind == AlgorithmKind::assessor));
    for (const auto& a : row.arguments) {
      CHECK_FALSE(a.meaning.empty());
      CHECK_FALSE(a.range().empty());
      if (!a.fallback.is_null())
        CHECK(check_arguments(Value(Object{{a.name, a.fallback}}), row.arguments, "").empty());
    }
  }
}
