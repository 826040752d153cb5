// What every tuner must do, whatever its method. Runs over all that `algorithms()` lists.
#include <cmath>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "fitting_space.hpp"
#include "spaces.hpp"
#include "tuner/factory.hpp"
#include "tuner/stdio.hpp"
#include "tuner/trial_budget.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

std::vector<std::string> all_tuners() {
  std::vector<std::string> names;
  for (const auto& row : algorithms())
    if (row.make_tuner)
      names.push_back(row.name);
  return names;
}

bool takes(const std::string& name, const std::string& argument) {
  const auto* row = find_algorithm(name, {AlgorithmKind::tuner, AlgorithmKind::advisor});
  for (const auto& a : row->arguments)
    if (a.name == argument)
      return true;
  return false;
}

/// Tries a configuration again with other budgets.
bool advises(const std::string& name) {
  return find_algorithm(name, {AlgorithmKind::tuner, AlgorithmKind::advisor})->kind ==
         AlgorithmKind::advisor;
}

/// Each step of a member of PBT is a trial of its own, with the same parameters and another
/// checkpoint; so it may repeat points and never ends by itself.
bool repeats(const std::string& name) { return name == "PBTTuner"; }

/// Takes about a second for a suggestion of a thousand parameters.
bool thinks(const std::string& name) {
  return name == "GPTuner" || name == "MetisTuner" || name == "SMAC" || advises(name);
}

/// A space of 36 points.
SearchSpace space_of_36(const std::string& name) {
  if (builds(name))
    return {{layer("l", 9), input("i", {std::string("a"), std::string("b"), number("3")}, {0, 1})}};
  return space_for(name, nests(name) ? finite_space() : finite_plain_space(), 36);
}

/// Parameters without what the algorithm itself adds to them.
Value plain(Value parameters) {
  if (auto* object = parameters.as_object())
    std::erase_if(*object, [](const auto& member) {
      return member.first == "load_checkpoint_dir" || member.first == "save_checkpoint_dir" ||
             member.first == trial_budget_name;
    });
  return parameters;
}

std::set<std::string> configurations(const std::vector<Trial>& trials) {
  std::set<std::string> texts;
  for (const auto& t : trials)
    texts.insert(to_json(plain(t.parameters)));
  return texts;
}

/// Any loss that depends on the parameters and is the same for the same ones.
double loss_of(const Value& parameters) {
  double hash = 0;
  for (char c : to_json(parameters))
    hash = std::fmod(hash * 31 + c, 9973);
  const auto* u = parameters.find("u");
  return hash / 9973 + (u != nullptr ? std::pow(u->to_double().value_or(0), 2) : 0);
}

void succeed(Trial& trial) { trial.final_value = loss_of(trial.parameters); }

std::vector<std::string> texts(const std::vector<Trial>& trials) {
  std::map<Sequence, std::string> by_sequence;
  for (const auto& t : trials)
    by_sequence[t.sequence] = to_json(t.parameters);
  std::vector<std::string> texts;
  for (auto& [sequence, text] : by_sequence)
    texts.push_back(text);
  return texts;
}

bool legal(const std::string& name, const SearchSpace& space, const Value& parameters) {
  if (lists(name)) {
    const auto& members = space.parameters[0].choices;
    return std::find(members.begin(), members.end(), parameters) != members.end();
  }
  if (advises(name) && budget_of(parameters).value_or(0) < 1)
    return false;
  auto contained = Space(space).contains(plain(parameters));
  if (!contained)
    UNSCOPED_INFO(contained.error().message);
  return contained.has_value();
}

}  // namespace

TEST_CASE("every suggestion is legal, with one worker and with eight", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  auto workers = GENERATE(1, 8);
  CAPTURE(name, workers);
  auto space = space_for(name, mixed_space(), 60);
  auto tuner = make(name, space, 7);
  auto trials = drive(*tuner, 60, static_cast<std::size_t>(workers), 1, succeed);
  REQUIRE(trials.size() == 60);
  for (const auto& trial : trials)
    CHECK(legal(name, space, trial.parameters));
}

TEST_CASE("a tuner rebuilt from its trials asks what it would have asked", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto space = space_for(name, mixed_space(), 60);
  auto live = make(name, space, 7);
  auto trials = drive(*live, 45, 4, 2, succeed);
  auto rebuilt = make(name, space, 7);
  for (const auto& trial : trials)
    rebuilt->tell(trial);
  CHECK(rebuilt->ask(99, {}) == live->ask(99, {}));
  std::vector<Trial> pending{running(50, std::get<Suggestion>(live->ask(50, {})))};
  CHECK(rebuilt->ask(51, pending) == live->ask(51, pending));
  CHECK(live->ask(51, pending) == live->ask(51, pending));
}

TEST_CASE("the same seed gives the same trials, another seed others", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto space = space_for(name, mixed_space(), 60);
  auto run = [&](std::int64_t seed, std::size_t workers) {
    return texts(drive(*make(name, space, seed), 50, workers, 3, succeed));
  };
  CHECK(run(7, 1) == run(7, 1));
  CHECK(run(7, 8) == run(7, 8));
  if (takes(name, "seed"))
    CHECK(run(7, 1) != run(8, 1));
}

TEST_CASE("a seed in classArgs wins over the experiment's", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  if (!takes(name, "seed"))
    return;
  auto space = space_for(name, mixed_space(), 60);
  CHECK(make(name, space, 1, R"({"seed": 5})")->ask(0, {}) == make(name, space, 5)->ask(0, {}));
  CHECK(make(name, space, 1, R"({"seed": null})")->ask(0, {}) == make(name, space, 1)->ask(0, {}));
}

TEST_CASE("trials that fail, or end without a number, break nothing and are no good ones",
          "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto space = space_for(name, mixed_space(), 80);
  SECTION("every third fails") {
    auto tuner = make(name, space, 7);
    auto trials = drive(*tuner, 60, 8, 4, [](Trial& t) {
      succeed(t);
      if (t.sequence % 3 == 0) {
        t.outcome = TrialOutcome::failed;
        t.final_value.reset();
      }
    });
    CHECK(trials.size() == 60);
  }
  SECTION("all fail") {
    auto tuner = make(name, space, 7);
    CHECK(drive(*tuner, 60, 3, 5, [](Trial& t) { t.outcome = TrialOutcome::failed; }).size() == 60);
  }
  SECTION("all report once and die") {
    auto tuner = make(name, space, 7);
    auto plain = make(name, space, 7);
    auto fails = [](Trial& t) { t.outcome = TrialOutcome::failed; };
    auto dies = [&](Trial& t) {
      t.intermediates.push_back({0, -1e9});
      fails(t);
    };
    CHECK(texts(drive(*tuner, 60, 3, 5, dies)) == texts(drive(*plain, 60, 3, 5, fails)));
  }
  SECTION("a value of a failed trial, NaN and infinities are as none") {
    auto tuner = make(name, space, 7, "{}", GOAL_MINIMIZE);
    auto trials = drive(*tuner, 40, 1, 6, succeed);
    auto odd = std::get<Suggestion>(tuner->ask(40, {}));
    auto with = [&](TrialOutcome outcome, std::optional<double> value,
                    std::vector<Measurement> reports = {}) {
      auto other = make(name, space, 7, "{}", GOAL_MINIMIZE);
      for (const auto& trial : trials)
        other->tell(trial);
      auto trial = running(40, odd);
      trial.outcome = outcome;
      trial.final_value = value;
      trial.intermediates = std::move(reports);
      other->tell(trial);
      return other->ask(41, {});
    };
    auto plain = with(TrialOutcome::failed, std::nullopt);
    CHECK(with(TrialOutcome::failed, -1e9) == plain);
    // Of one that the user ended nothing is known, whatever it had reported.
    CHECK(with(TrialOutcome::killed, -1e9) == with(TrialOutcome::killed, std::nullopt));
    CHECK(with(TrialOutcome::succeeded, std::nullopt) == plain);
    CHECK(with(TrialOutcome::succeeded, std::nan("")) == plain);
    CHECK(with(TrialOutcome::succeeded, -INFINITY) == plain);
    CHECK(with(TrialOutcome::failed, std::nullopt, {{0, -1e9}}) ==
          plain);  // reported once and died
  }
}

TEST_CASE("a value of exactly zero counts as any other", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  auto goal = GENERATE(GOAL_MINIMIZE, GOAL_MAXIMIZE);
  CAPTURE(name, goal);
  auto space = space_for(name, mixed_space(), 60);
  // Every third value is 0, or so near to it that nothing else can come of it.
  auto run = [&](double nothing) {
    return texts(drive(*make(name, space, 7, "{}", goal), 50, 4, 6, [&](Trial& t) {
      t.final_value = t.sequence % 3 == 0 ? nothing : loss_of(t.parameters) - 0.5;
    }));
  };
  CHECK(run(0) == run(1e-300));
}

TEST_CASE("a value that is no number is refused where it comes in, and the trial goes on",
          "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto space = space_for(name, mixed_space(), 60);
  StdioSession session([&](std::string_view) -> Result<SearchSpace> { return space; });
  auto init = R"({"op":"init","tuner":")" + name + R"(","searchSpace":{},"seed":7})";
  REQUIRE(session.answer(init) == R"({"ok":true})");
  CHECK(session.answer(R"({"op":"ask","id":0})").find("params") != std::string::npos);
  for (const char* value : {R"("0.5")", R"("NaN")", "null", "true", "[1]", R"({"default":1})"}) {
    CAPTURE(value);
    auto tell = R"({"op":"tell","id":0,"status":"ok","value":)" + std::string(value) + "}";
    CHECK(session.answer(tell).find("not a number; a trial without one has failed") !=
          std::string::npos);
    auto report = R"({"op":"report","id":0,"step":0,"value":)" + std::string(value) + "}";
    CHECK(session.answer(report).find("not a number") != std::string::npos);
  }
  CHECK(session.answer(R"({"op":"tell","id":0,"status":"ok","value":0})") == R"({"ok":true})");
  CHECK(session.answer(R"({"op":"ask","id":1})").find("error") == std::string::npos);
}

TEST_CASE("maximize is the mirror of minimize", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto space = space_for(name, mixed_space(), 60);
  auto down = make(name, space, 7, R"({"optimize_mode": "minimize"})");
  auto up = make(name, space, 7, R"({"optimize_mode": "maximize"})");
  auto downs = drive(*down, 50, 4, 6, succeed);
  auto ups = drive(*up, 50, 4, 6, [](Trial& t) { t.final_value = -loss_of(t.parameters); });
  CHECK(texts(downs) == texts(ups));
}

TEST_CASE("no point of a finite space is suggested twice, and the space ends when all are",
          "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  auto workers = GENERATE(1, 8);
  CAPTURE(name, workers);
  if (repeats(name))
    return;
  auto space = space_of_36(name);
  auto tuner = make(name, space, 3);
  auto trials = drive(*tuner, 1000, static_cast<std::size_t>(workers), 7, [](Trial& t) {
    succeed(t);
    if (t.sequence % 5 == 0)
      t.outcome = TrialOutcome::failed;
  });
  CHECK(configurations(trials).size() == 36);  // origin: both spaces count their points
  auto all = texts(trials);                    // an advisor's with their budgets
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == trials.size());
  if (!advises(name))
    CHECK(trials.size() == 36);
  CHECK(std::holds_alternative<Exhausted>(tuner->ask(static_cast<Sequence>(trials.size()), {})));
}

TEST_CASE("points that the user tried are not suggested again in a finite space", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  if (repeats(name))
    return;
  auto space = space_of_36(name);
  auto tuner = make(name, space, 3);
  auto theirs = std::get<Suggestion>(make(name, space, 3)->ask(0, {}));
  auto told = ended(0, theirs.parameters, 1.0);
  told.own = false;
  tuner->tell(told);
  std::set<std::string> seen{to_json(plain(theirs.parameters))};
  std::vector<Trial> pending;
  for (Sequence i = 1; i < 36; ++i) {
    auto answer = tuner->ask(i, pending);
    REQUIRE(std::holds_alternative<Suggestion>(answer));
    pending.push_back(running(i, std::get<Suggestion>(answer)));
    seen.insert(to_json(plain(pending.back().parameters)));
  }
  CHECK(seen.size() == 36);
  if (advises(name))  // the best of what runs will go on
    CHECK(std::holds_alternative<NotYet>(tuner->ask(36, pending)));
  else
    CHECK(std::holds_alternative<Exhausted>(tuner->ask(36, pending)));
}

TEST_CASE("one parameter and a thousand are searched alike", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  auto count = GENERATE(1, 1000);
  CAPTURE(name, count);
  SearchSpace space;
  for (int i = 0; i < count; ++i)
    space.parameters.push_back(i % 2 == 0
                                   ? bounded("x" + std::to_string(i), T::uniform, -1, 1)
                                   : choice("x" + std::to_string(i), {true, std::string("b")}));
  if (builds(name)) {
    space.parameters.clear();
    for (int i = 0; i < count; ++i)
      space.parameters.push_back(layer("x" + std::to_string(i), count == 1 ? 50 : 2));
  }
  if (lists(name) && count == 1)
    space = list_space(50);
  if (lists(name) && count > 1) {
    auto errors = check_algorithms(spec_of(name), space);
    REQUIRE_FALSE(errors.empty());
    CHECK_THAT(errors[0].message, Catch::Contains("what would work: Auto, TPE"));
    return;
  }
  auto tuner = make(name, space, 11);
  std::size_t wanted = count > 1 && thinks(name) ? 13 : 40;  // past their start, in any case
  auto trials = drive(*tuner, wanted, 4, 8, succeed);
  REQUIRE(trials.size() == wanted);
  for (const auto& trial : trials)
    CHECK(legal(name, space, trial.parameters));
}

TEST_CASE("a space of one point ends after it, a point of equal bounds included", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto p = GENERATE(choice("x", {number("1")}), bounded("x", T::uniform, 2, 2),
                    bounded("x", T::randint, 4, 5), bounded("x", T::quniform, 0, 1, 10));
  if ((lists(name) || builds(name)) && p.type != T::choice)
    return;
  if (builds(name))
    p = layer("x", 1);
  auto tuner = make(name, {{p}}, 1);
  auto trials = drive(*tuner, 10, 3, 9, succeed);
  CHECK(configurations(trials).size() == 1);
  if (repeats(name))  // each of its members goes on there
    return;
  if (!advises(name))
    CHECK(trials.size() == 1);
  CHECK(std::holds_alternative<Exhausted>(tuner->ask(10, {})));
}

TEST_CASE("a million points and equal losses are no trouble", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto space = space_for(
      name, {{bounded("a", T::randint, 0, 1000), bounded("b", T::randint, 0, 1000)}}, 1000);
  auto tuner = make(name, space, 1);
  auto trials = drive(*tuner, 200, 8, 10, [](Trial& t) { t.final_value = 0; });
  REQUIRE(trials.size() == 200);
  auto all = texts(trials);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == 200);  // PBT's by their folders
  for (const auto& trial : trials)
    CHECK(legal(name, space, trial.parameters));
}

TEST_CASE("trials of another space are passed over", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto space = space_for(name, mixed_space(), 60);
  auto tuner = make(name, space, 1);
  auto odd = ended(0, Value(Object{{"what", Value::integer(3)}}), -5);
  odd.own = false;
  tuner->tell(odd);
  tuner->tell(ended(1, Value(), 1));
  CHECK(drive(*tuner, 30, 2, 11, succeed).size() >= 30);
}

TEST_CASE("results that were never asked for are taken in, and legal suggestions follow",
          "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  auto space = space_for(name, mixed_space(), 60);
  auto theirs = drive(*make(name, space, 99), 25, 1, 12, succeed);
  auto tuner = make(name, space, 7);
  for (auto trial : theirs) {
    trial.sequence = -1 - trial.sequence;
    trial.own = false;
    trial.lineage.clear();
    tuner->tell(trial);
  }
  auto trials = drive(*tuner, 30, 4, 13, succeed);
  REQUIRE(trials.size() == 30);
  for (const auto& trial : trials)
    CHECK(legal(name, space, trial.parameters));
  // What the user adds in between disturbs nothing either.
  auto own = tuner->as_tried(plain(theirs.front().parameters));
  auto mine = ended(30, own, 0.5);
  mine.own = false;
  tuner->tell(mine);
  CHECK(legal(name, space, std::get<Suggestion>(tuner->ask(31, {})).parameters));
}
