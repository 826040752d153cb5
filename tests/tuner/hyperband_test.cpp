#include "tuner/hyperband.hpp"

#include <map>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"
#include "tuner/trial_budget.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

const SearchSpace line{{bounded("x", T::uniform, 0, 1)}};

double x_of(const Trial& trial) { return trial.parameters.find("x")->to_double().value(); }

/// The smaller x the better, whatever the budget.
void small_is_good(Trial& trial) { trial.final_value = x_of(trial); }

std::unique_ptr<Tuner> hyperband(const std::string& args = R"({"R": 81})",
                                 const SearchSpace& space = line) {
  return make("Hyperband", space, 5, args, GOAL_MINIMIZE);
}

/// "81@1,27@3,...": what was tried in a bracket, as its trials say.
std::string words(const std::vector<Trial>& trials, std::int64_t bracket) {
  std::map<std::pair<std::int64_t, std::int64_t>, int> counts;  // by rung and budget
  for (const auto& trial : trials) {
    auto place = BracketPlace::parse(trial.lineage).value();
    if (place.bracket == bracket)
      ++counts[{place.rung, budget_of(trial.parameters).value()}];
  }
  std::string text;
  for (const auto& [where, count] : counts)
    text += (text.empty() ? "" : ",") + std::to_string(count) + "@" + std::to_string(where.second);
  return text;
}

}  // namespace

TEST_CASE("Hyperband goes through the golden brackets and starts over", "[hyperband]") {
  auto workers = GENERATE(1, 8, 100);
  auto mode = GENERATE("serial", "parallelism");
  CAPTURE(workers, mode);
  auto tuner = hyperband(std::string(R"({"R": 81, "exec_mode": ")") + mode + "\"}");
  // Origin of the sum: 121 + 49 + 21 + 10 + 5 trials of a pass, two passes.
  auto trials = drive(*tuner, 2 * 206, static_cast<std::size_t>(workers), 3, small_is_good);
  REQUIRE(trials.size() == 412);
  if (std::string(mode) == "serial" || workers == 1)
    for (std::int64_t pass : {0, 5}) {
      CHECK(words(trials, pass) == "81@1,27@3,9@9,3@27,1@81");
      CHECK(words(trials, pass + 1) == "34@3,11@9,3@27,1@81");
      CHECK(words(trials, pass + 2) == "15@9,5@27,1@81");
      CHECK(words(trials, pass + 3) == "8@27,2@81");
      CHECK(words(trials, pass + 4) == "5@81");
    }
  if (workers <= 8) {  // a hundred open so many brackets that none has ended yet
    CHECK(words(trials, 0) == "81@1,27@3,9@9,3@27,1@81");
    CHECK(words(trials, 1) == "34@3,11@9,3@27,1@81");
  }
}

TEST_CASE("the best of a rung go on, with their parameters", "[hyperband]") {
  auto tuner = hyperband(R"({"R": 9, "exec_mode": "serial"})");
  auto trials = drive(*tuner, 13, 4, 3, small_is_good);
  std::vector<double> lowest;
  std::vector<double> middle;
  double last = -1;
  for (const auto& trial : trials)
    switch (budget_of(trial.parameters).value()) {
      case 1: lowest.push_back(x_of(trial)); break;
      case 3: middle.push_back(x_of(trial)); break;
      default: last = x_of(trial);
    }
  REQUIRE(lowest.size() == 9);
  REQUIRE(middle.size() == 3);
  std::sort(lowest.begin(), lowest.end());
  std::sort(middle.begin(), middle.end());
  CHECK(middle == std::vector<double>(lowest.begin(), lowest.begin() + 3));
  CHECK(last == lowest[0]);
}

TEST_CASE("parallelism opens the next bracket while a rung waits, serial waits", "[hyperband]") {
  auto asked = [](const std::string& mode) {
    auto tuner = hyperband(R"({"R": 9, "exec_mode": ")" + mode + "\"}");
    std::vector<Trial> pending;
    for (Sequence i = 0; i < 9; ++i)
      pending.push_back(running(i, std::get<Suggestion>(tuner->ask(i, pending))));
    return tuner->ask(9, pending);
  };
  CHECK(std::holds_alternative<NotYet>(asked("serial")));
  CHECK(std::get<Suggestion>(asked("parallelism")).lineage == "1.0.0");
}

TEST_CASE("failed trials leave their slot empty and never end the run", "[hyperband]") {
  auto mode = GENERATE("serial", "parallelism");
  auto tuner = hyperband(std::string(R"({"R": 9, "exec_mode": ")") + mode + "\"}");
  SECTION("all but one of a rung") {
    auto trials = drive(*tuner, 12, 1, 3, [](Trial& t) {
      small_is_good(t);
      if (t.sequence != 4)
        t.outcome = TrialOutcome::failed;
    });
    CHECK(words(trials, 0) == "9@1,1@3");  // the promoted one failed
    CHECK(trials[9].lineage == "0.1.4");
    CHECK(trials[10].lineage == "1.0.0");
  }
  SECTION("all") {
    auto trials = drive(*tuner, 100, 8, 3, [](Trial& t) { t.outcome = TrialOutcome::failed; });
    CHECK(trials.size() == 100);
    CHECK(words(trials, 0) == "9@1");
    CHECK(words(trials, 1) == "5@3");
    CHECK(words(trials, 2) == "3@9");
    CHECK(words(trials, 3) == "9@1");
  }
}

TEST_CASE("without a final value the last intermediate one counts", "[hyperband]") {
  // Origin: nni-compat.md 4.1, the score of a trial.
  auto tuner = hyperband(R"({"R": 3, "exec_mode": "serial"})");
  auto trials = drive(*tuner, 4, 1, 3, [](Trial& t) {
    t.intermediates = {{0, 9.0}, {1, t.sequence == 1 ? 0.5 : 1.0}};
    if (t.sequence == 0)
      t.final_value = 0.7;
  });
  CHECK(trials[3].lineage == "0.1.1");
}

TEST_CASE("results may come late, in any order, and some of another run", "[hyperband]") {
  auto tuner = hyperband(R"({"R": 9})");
  std::vector<Trial> pending;
  for (Sequence i = 0; i < 30; ++i)
    pending.push_back(running(i, std::get<Suggestion>(tuner->ask(i, pending))));
  for (std::size_t i = pending.size(); i-- > 0;) {
    auto trial = pending[i];
    pending.pop_back();
    trial.outcome = TrialOutcome::succeeded;
    small_is_good(trial);
    tuner->tell(trial);
  }
  auto theirs = ended(99, Value(Object{{"x", Value::real(0.0)}}), -1);
  theirs.own = false;
  theirs.lineage = "0.0.3";  // of their own experiment
  tuner->tell(theirs);
  CHECK(std::get<Suggestion>(tuner->ask(30, {})).lineage.substr(0, 4) == "0.1.");
}

TEST_CASE("a suggestion that came to nothing is made again", "[hyperband]") {
  auto tuner = hyperband();
  auto first = tuner->ask(0, {});
  CHECK(tuner->ask(0, {}) == first);
  CHECK(std::get<Suggestion>(tuner->ask(1, {})).lineage == std::get<Suggestion>(first).lineage);
}

TEST_CASE("a parameter named as the budget is refused", "[hyperband]") {
  SearchSpace space{{bounded("TRIAL_BUDGET", T::uniform, 0, 1)}};
  auto errors = check_algorithms(spec_of("Hyperband"), space);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message.find("TRIAL_BUDGET is what this algorithm adds") == 0);
}

TEST_CASE("the manual's arguments of Hyperband are taken, as tuner and as advisor") {
  // Origin: nni-compat.md 4.1.
  auto args = R"({"optimize_mode": "maximize", "R": 60, "eta": 3, "exec_mode": "serial"})";
  CHECK(check_algorithms(spec_of("Hyperband", args), line).empty());
  pb::ExperimentSpec spec;
  spec.mutable_advisor()->set_name("hyperband");
  spec.mutable_advisor()->set_class_args_json(args);
  CHECK(check_algorithms(spec, line).empty());
  CHECK(direction_of(spec) == Direction::maximize);
  CHECK(check_algorithms(spec_of("Hyperband", R"({"R": 0, "eta": 1})"), line).size() == 2);
}
