#include "tuner/pbt.hpp"

#include <cmath>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

const SearchSpace line{{bounded("x", T::uniform, 0, 1)}};

const std::string& word(const Value& parameters, const char* name) {
  return *parameters.find(name)->as_string();
}

double x_of(const Value& parameters, const char* name = "x") {
  return parameters.find(name)->to_double().value();
}

/// All trials of one epoch, in the order in which they are asked for.
std::vector<Trial> asked(const Tuner& tuner) {
  std::vector<Trial> pending;
  while (true) {
    auto answer = tuner.ask(static_cast<Sequence>(pending.size()), pending);
    if (!std::holds_alternative<Suggestion>(answer)) {
      CHECK(std::holds_alternative<NotYet>(answer));
      return pending;
    }
    pending.push_back(running(static_cast<Sequence>(pending.size()), std::get<Suggestion>(answer)));
  }
}

/// One epoch in which member m reaches losses[m]; none: its trial fails.
std::vector<Trial> epoch(Tuner& tuner, const std::vector<std::optional<double>>& losses) {
  auto trials = asked(tuner);
  REQUIRE(trials.size() == losses.size());
  for (std::size_t m = 0; m < trials.size(); ++m) {
    trials[m].outcome = losses[m] ? TrialOutcome::succeeded : TrialOutcome::failed;
    trials[m].final_value = losses[m];
    tuner.tell(trials[m]);
  }
  return trials;
}

std::vector<std::string> folders(const std::vector<Trial>& trials) {
  std::vector<std::string> all;
  for (const auto& trial : trials)
    all.push_back(word(trial.parameters, "load_checkpoint_dir") + " -> " +
                  word(trial.parameters, "save_checkpoint_dir"));
  return all;
}

using Folders = std::vector<std::string>;

std::unique_ptr<Tuner> five(const char* more = "") {
  return make("PBTTuner", line, 3,
              std::string(R"({"optimize_mode": "minimize", "all_checkpoint_dir": "/c",
                              "population_size": 5)") +
                  more + "}");
}

}  // namespace

TEST_CASE("checkpoint folders over three epochs", "[pbt]") {
  // Origin: nni-compat.md 3.10: epoch 0 loads and saves <all>/<member>/0; then a bad member loads
  // what a good one saved, others their own, and all save to <all>/<member>/<epoch>.
  auto tuner = five();
  CHECK(folders(epoch(*tuner, {4, 1, 2, 3, 5})) == Folders{"/c/0/0 -> /c/0/0", "/c/1/0 -> /c/1/0",
                                                           "/c/2/0 -> /c/2/0", "/c/3/0 -> /c/3/0",
                                                           "/c/4/0 -> /c/4/0"});
  CHECK(folders(epoch(*tuner, {9, 2, 1, 3, 0})) == Folders{"/c/0/0 -> /c/0/1", "/c/1/0 -> /c/1/1",
                                                           "/c/2/0 -> /c/2/1", "/c/3/0 -> /c/3/1",
                                                           "/c/1/0 -> /c/4/1"});
  CHECK(folders(epoch(*tuner, {1, 2, 3, 4, 5})) == Folders{"/c/4/1 -> /c/0/2", "/c/1/1 -> /c/1/2",
                                                           "/c/2/1 -> /c/2/2", "/c/3/1 -> /c/3/2",
                                                           "/c/4/1 -> /c/4/2"});
}

TEST_CASE("a good member keeps its parameters, a bad one gets changed ones of a good one",
          "[pbt]") {
  auto tuner = five(R"(, "resample_probability": 0, "factor": 0.05)");
  auto first = epoch(*tuner, {4, 1, 2, 3, 5});
  auto second = asked(*tuner);
  for (std::size_t m = 0; m < 4; ++m)
    CHECK(x_of(second[m].parameters) == x_of(first[m].parameters));
  double moved = x_of(second[4].parameters) - x_of(first[1].parameters);
  CHECK(std::abs(moved) == Approx(0.05));
}

TEST_CASE("the next epoch starts when all trials have ended, whichever way", "[pbt]") {
  auto tuner = five();
  auto trials = asked(*tuner);
  for (std::size_t m = 0; m < 5; ++m) {
    CHECK(tuner->ask(9, std::span(trials).subspan(m)) == Ask(NotYet{}));
    trials[m].outcome = m % 2 == 0 ? TrialOutcome::killed : TrialOutcome::failed;
    tuner->tell(trials[m]);
  }
  CHECK(std::get<Suggestion>(tuner->ask(9, {})).lineage == "0/1");
}

TEST_CASE("a failed member copies one that has a value; without any, all try again", "[pbt]") {
  auto tuner = five();
  epoch(*tuner, {std::nullopt, std::nullopt, 0, std::nullopt, std::nullopt});
  CHECK(folders(epoch(*tuner, std::vector<std::optional<double>>(5))) ==
        Folders{"/c/2/0 -> /c/0/1", "/c/2/0 -> /c/1/1", "/c/2/0 -> /c/2/1", "/c/2/0 -> /c/3/1",
                "/c/2/0 -> /c/4/1"});
  for (const auto& text : folders(asked(*tuner)))
    CHECK(text.find("/c/2/0 -> ") == 0);  // nothing newer was saved
}

TEST_CASE("a maximal value is good under maximize, and zero counts", "[pbt]") {
  // Origin: nni-compat.md 7: NNI takes 0 for a failure on resume.
  auto tuner = make("PBT", line, 3, R"({"all_checkpoint_dir": "/c", "population_size": 5})");
  epoch(*tuner, {-1, -2, 0, -3, -4});
  CHECK(folders(asked(*tuner))[4] == "/c/2/0 -> /c/4/1");
}

TEST_CASE("numbers move by a level or a part of their range, and stay within", "[pbt]") {
  SearchSpace space{{bounded("u", T::uniform, 0, 10), bounded("l", T::loguniform, 1, 1e4),
                     bounded("q", T::quniform, 0, 1, 0.25), bounded("r", T::randint, 3, 6),
                     gaussian("n", T::normal, 5, 2), gaussian("qn", T::qnormal, 0, 3, 1),
                     gaussian("ln", T::lognormal, 0, 1),
                     choice("c", {std::string("a"), std::string("b"), std::string("c")})}};
  for (int seed = 0; seed < 40; ++seed) {
    auto tuner = make("PBT", space, seed,
                      R"({"optimize_mode": "minimize", "population_size": 2, "fraction": 0.5,
                          "resample_probability": 0, "factor": 0.1})");
    auto old = epoch(*tuner, {1, 2})[0].parameters;
    auto now = asked(*tuner)[1].parameters;
    CHECK(std::abs(x_of(now, "u") - x_of(old, "u")) <= 1 + 1e-9);
    CHECK(std::abs(std::log10(x_of(now, "l") / x_of(old, "l"))) <= 0.4 + 1e-9);
    CHECK(std::abs(x_of(now, "q") - x_of(old, "q")) <= 0.25 + 1e-9);
    CHECK(std::abs(x_of(now, "r") - x_of(old, "r")) <= 1);
    CHECK(std::abs(x_of(now, "n") - x_of(old, "n")) == Approx(0.2));
    CHECK(std::abs(x_of(now, "qn") - x_of(old, "qn")) == 1);
    CHECK(std::abs(std::log(x_of(now, "ln") / x_of(old, "ln"))) == Approx(0.1));
    CHECK(std::abs(word(now, "c")[0] - word(old, "c")[0]) <= 1);
  }
}

TEST_CASE("without a folder of checkpoints they are in the experiment's", "[pbt]") {
  auto tuner = make_tuner(spec_of("PBT"), line, 1, "/home/trials/abc").value();
  CHECK(folders(asked(*tuner))[0] ==
        "/home/trials/abc/checkpoint/0/0 -> /home/trials/abc/checkpoint/0/0");
  CHECK(folders(asked(*make("PBT", line, 1, R"({"all_checkpoint_dir": "/c/"})")))[0] ==
        "/c/0/0 -> /c/0/0");
}

TEST_CASE("a tuner rebuilt within an epoch goes on there", "[pbt]") {
  auto live = five();
  auto rebuilt = five();
  auto trials = epoch(*live, {4, 1, 2, 3, 5});
  for (std::size_t m : {3, 1, 4, 0, 2})  // the order within an epoch doesn't matter
    rebuilt->tell(trials[m]);
  auto pending = asked(*live);
  CHECK(folders(asked(*rebuilt)) == folders(pending));
  for (const char* member : {"2", "0"}) {
    auto trial = pending[static_cast<std::size_t>(member[0] - '0')];
    trial.outcome = TrialOutcome::succeeded;
    trial.final_value = 1;
    live->tell(trial);
    rebuilt->tell(trial);
  }
  CHECK(std::get<Suggestion>(live->ask(20, {})).lineage == "1/1");
  CHECK(live->ask(20, {}) == rebuilt->ask(20, {}));
}

TEST_CASE("PBT's arguments are those of NNI's code and of its document", "[pbt]") {
  CHECK(check_algorithms(spec_of("PBTTuner", R"({"optimize_mode": "maximize", "factors": 1,
      "all_checkpoint_dir": null, "population_size": 4, "fraction": 1, "factor": 0.3,
      "resample_probability": 0.25})"),
                         line)
            .empty());
  auto errors =
      check_algorithms(spec_of("PBT", R"({"all_checkpoint_dir": 3, "fraction": 1.5})"), line);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].message == "is 3, must be a text or null");
  CHECK(errors[1].message == "is 1.5, must be a number in [0.0, 1.0]");
}

TEST_CASE("PBT refuses nested spaces, and assessors", "[pbt]") {
  auto errors = check_algorithms(spec_of("PBT"), {{nested("n", {Branch{"A", {}}})}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message.find(
            "PBTTuner cannot search a nested choice ('n'); what would work: Auto, TPE") == 0);
  auto spec = spec_of("PBT");
  spec.mutable_assessor()->set_name("Medianstop");
  errors = check_algorithms(spec, line);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].path == "assessor.builtinAssessorName");
  CHECK(errors[0].message.find("PBTTuner needs each trial's checkpoint") == 0);
}

namespace {

/// A noisy descent in expectation: a step with learning rate r takes the squared distance v to
/// (1 - r)^2 v + r^2. Far away a large rate is best, near the end a small one.
double step(double v, double rate) { return (1 - rate) * (1 - rate) * v + rate * rate; }

constexpr double far_away = 100;
constexpr int steps = 40;

double after_all(double rate) {
  double v = far_away;
  for (int i = 0; i < steps; ++i)
    v = step(v, rate);
  return v;
}

/// The least v that a population of ten reaches in `steps` epochs.
double trained(int seed) {
  auto tuner = make("PBT", {{bounded("rate", T::loguniform, 1e-3, 1)}}, seed,
                    R"({"optimize_mode": "minimize"})");
  std::map<std::string, double> saved;
  double best = far_away;
  drive(*tuner, 10 * steps, 4, seed, [&](Trial& t) {
    auto from = saved.find(word(t.parameters, "load_checkpoint_dir"));
    double v = step(from == saved.end() ? far_away : from->second, x_of(t.parameters, "rate"));
    saved[word(t.parameters, "save_checkpoint_dir")] = v;
    t.final_value = v;
    best = std::min(best, v);
  });
  return best;
}

}  // namespace

TEST_CASE("a population learns a schedule that no fixed setting matches", "[pbt][testbed]") {
  double best_fixed = far_away;
  for (int i = 0; i <= 300; ++i)
    best_fixed = std::min(best_fixed, after_all(std::pow(10, -0.01 * i)));
  Space space({{bounded("rate", T::loguniform, 1e-3, 1)}});
  double population = 0;
  double random = 0;
  int better = 0;
  for (int seed = 0; seed < 20; ++seed) {
    double fixed = far_away;  // ten settings, each for all steps: as much work as the population's
    auto tuner = make("Random", {{bounded("rate", T::loguniform, 1e-3, 1)}}, seed);
    for (Sequence i = 0; i < 10; ++i)
      fixed = std::min(fixed,
                       after_all(x_of(std::get<Suggestion>(tuner->ask(i, {})).parameters, "rate")));
    double v = trained(seed);
    population += v / 20;
    random += fixed / 20;
    better += v < best_fixed ? 1 : 0;
  }
  CAPTURE(population, random, best_fixed);
  CHECK(population < 0.5 * random);
  CHECK(population < best_fixed);
  CHECK(better >= 18);
}
