// What every tuner must do, whatever its method. Runs over all that `algorithms()` lists.
#include <cmath>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"
#include "tuner/factory.hpp"
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

SearchSpace list_space(int n) {
  std::vector<Value> members;
  for (int i = 0; i < n; ++i)
    members.push_back(Value(Object{{"x", Value::integer(i)}}));
  return {{choice("list", std::move(members))}};
}

bool lists(const std::string& name) { return name == "Batch"; }

/// Tries a configuration again with other budgets.
bool advises(const std::string& name) {
  return find_algorithm(name, {AlgorithmKind::tuner, AlgorithmKind::advisor})->kind ==
         AlgorithmKind::advisor;
}

/// Each step of a member of PBT is a trial of its own, with the same parameters and another
/// checkpoint; so it may repeat points and never ends by itself.
bool repeats(const std::string& name) { return name == "PBTTuner"; }

/// Searches layer_choice and input_choice alone.
bool builds(const std::string& name) { return name == "PPOTuner"; }

/// 7 * 7 * 7 * 4 * 3 = 4116 networks.
SearchSpace networks() {
  std::vector<Value> inputs{std::string("a"), std::string("b"), std::string("c")};
  return {{layer("l1", 7), layer("l2", 7), layer("l3", 7), input("i1", inputs, {0, 1}),
           input("i2", inputs, {1})}};
}

bool nests(const std::string& name) {
  return find_algorithm(name, {AlgorithmKind::tuner, AlgorithmKind::advisor})->nested;
}

/// The space, for a tuner that doesn't nest without what is nested, or for a tuner that only takes
/// lists, a list of that many members.
SearchSpace space_for(const std::string& name, SearchSpace space, int members) {
  if (lists(name))
    return list_space(members);
  if (builds(name))
    return networks();
  if (!nests(name))
    std::erase_if(space.parameters, [](const auto& p) { return !p.branches.empty(); });
  return space;
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
  SECTION("a value of a failed trial, NaN and infinities are as none") {
    auto tuner = make(name, space, 7, "{}", GOAL_MINIMIZE);
    auto trials = drive(*tuner, 40, 1, 6, succeed);
    auto odd = std::get<Suggestion>(tuner->ask(40, {}));
    auto with = [&](TrialOutcome outcome, std::optional<double> value) {
      auto other = make(name, space, 7, "{}", GOAL_MINIMIZE);
      for (const auto& trial : trials)
        other->tell(trial);
      auto trial = running(40, odd);
      trial.outcome = outcome;
      trial.final_value = value;
      other->tell(trial);
      return other->ask(41, {});
    };
    auto plain = with(TrialOutcome::failed, std::nullopt);
    CHECK(with(TrialOutcome::failed, -1e9) == plain);
    CHECK(with(TrialOutcome::killed, -1e9) == plain);
    CHECK(with(TrialOutcome::succeeded, std::nullopt) == plain);
    CHECK(with(TrialOutcome::succeeded, std::nan("")) == plain);
    CHECK(with(TrialOutcome::succeeded, -INFINITY) == plain);
  }
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

TEST_CASE("one parameter and two hundred are searched alike", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  auto count = GENERATE(1, 200);
  CAPTURE(name, count);
  if (lists(name))
    return;
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
  auto tuner = make(name, space, 11);
  auto trials = drive(*tuner, 40, 4, 8, succeed);
  REQUIRE(trials.size() == 40);
  for (const auto& trial : trials)
    CHECK(legal(name, space, trial.parameters));
}

TEST_CASE("a space of one point ends after it, a point of equal bounds included", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  if (repeats(name))
    return;
  auto p = GENERATE(choice("x", {number("1")}), bounded("x", T::uniform, 2, 2),
                    bounded("x", T::randint, 4, 5), bounded("x", T::quniform, 0, 1, 10));
  if ((lists(name) || builds(name)) && p.type != T::choice)
    return;
  if (builds(name))
    p = layer("x", 1);
  auto tuner = make(name, {{p}}, 1);
  auto trials = drive(*tuner, 10, 3, 9, succeed);
  if (!advises(name))
    CHECK(trials.size() == 1);
  CHECK(configurations(trials).size() == 1);
  CHECK(std::holds_alternative<Exhausted>(tuner->ask(10, {})));
}

TEST_CASE("a million points and equal losses are no trouble", "[conformance]") {
  auto name = GENERATE(from_range(all_tuners()));
  CAPTURE(name);
  if (repeats(name))
    return;
  auto space = space_for(
      name, {{bounded("a", T::randint, 0, 1000), bounded("b", T::randint, 0, 1000)}}, 1000);
  auto tuner = make(name, space, 1);
  auto trials = drive(*tuner, 200, 8, 10, [](Trial& t) { t.final_value = 0; });
  REQUIRE(trials.size() == 200);
  auto all = texts(trials);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == 200);
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
