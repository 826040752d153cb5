#include "tuner/asha.hpp"

#include <cmath>
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

void small_is_good(Trial& trial) { trial.final_value = x_of(trial); }

/// The paper's, unless `args` name a sampler.
std::unique_ptr<Tuner> asha(std::string args = R"({"max_budget": 9})",
                            const SearchSpace& space = line) {
  if (args.find("sampler") == std::string::npos)
    args.insert(1, R"("sampler": "random", )");
  return make("ASHA", space, 5, args, GOAL_MINIMIZE);
}

std::map<std::int64_t, int> by_budget(const std::vector<Trial>& trials) {
  std::map<std::int64_t, int> counts;
  for (const auto& trial : trials)
    ++counts[budget_of(trial.parameters).value()];
  return counts;
}

/// Tells a trial of rung 0 with this loss, and gives the answer to the next question.
std::string next_after(Tuner& tuner, Sequence sequence, double loss) {
  auto trial = running(sequence, std::get<Suggestion>(tuner.ask(sequence, {})));
  trial.outcome = TrialOutcome::succeeded;
  trial.final_value = loss;
  tuner.tell(trial);
  return std::get<Suggestion>(tuner.ask(sequence + 1, {})).lineage;
}

}  // namespace

TEST_CASE("a configuration goes on as soon as it is among the best 1/eta of its rung", "[asha]") {
  // Origin: algorithm 2 of the paper, by hand, with eta 3: one of three goes on, two of six.
  auto tuner = asha();
  CHECK(next_after(*tuner, 0, 0.5) == "0.1");
  CHECK(next_after(*tuner, 1, 0.4) == "0.2");
  CHECK(next_after(*tuner, 2, 0.6) == "1.1");  // trial 1 is the best of three
  auto promoted = std::get<Suggestion>(tuner->ask(3, {}));
  CHECK(budget_of(promoted.parameters) == 3);
  std::vector<Trial> pending{running(3, promoted)};
  CHECK(std::get<Suggestion>(tuner->ask(4, pending)).lineage == "0.4");  // no one waits
}

TEST_CASE("from the top rung down", "[asha]") {
  auto tuner = asha();
  // Origin: by hand. Where the first are the best, 9 configurations bring 3 promotions, and 1 more.
  auto trials = drive(*tuner, 13, 1, 3, [](Trial& t) {
    t.final_value = std::stod(t.lineage.substr(t.lineage.find('.') + 1));
  });
  CHECK(by_budget(trials) == std::map<std::int64_t, int>{{1, 9}, {3, 3}, {9, 1}});
  CHECK(budget_of(trials.back().parameters) == 9);
}

TEST_CASE("a configuration that fell out of the best before it went on stays", "[asha]") {
  auto tuner = asha();
  next_after(*tuner, 0, 0.5);
  next_after(*tuner, 1, 0.6);
  CHECK(next_after(*tuner, 2, 0.7) == "1.0");
  // Nobody takes the promotion; a better one comes, and the two best of six then go on in order.
  Trial better = ended(3, Value(Object{{"x", Value::real(0.1)}}), 0.1);
  better.lineage = "0.3";
  tuner->tell(better);
  CHECK(std::get<Suggestion>(tuner->ask(4, {})).lineage == "1.3");
}

TEST_CASE("budgets are counted from the greatest down", "[asha]") {
  auto budgets = [](const std::string& args) {
    std::string text;
    for (const auto& [budget, count] : by_budget(drive(*asha(args), 300, 1, 3, small_is_good)))
      text += std::to_string(budget) + " ";
    return text;
  };
  CHECK(budgets(R"({"max_budget": 27})") == "1 3 9 27 ");
  CHECK(budgets(R"({"min_budget": 2, "max_budget": 60})") == "2 6 20 60 ");
  CHECK(budgets(R"({"max_budget": 16, "eta": 4})") == "1 4 16 ");
  CHECK(budgets(R"({"max_budget": 16, "reduction_factor": 4})") == "1 4 16 ");
  CHECK(budgets(R"({"min_budget": 9, "max_budget": 9})") == "9 ");
}

TEST_CASE("failed trials of any rung hold nothing up", "[asha]") {
  auto workers = GENERATE(1, 8);
  auto tuner = asha(R"({"max_budget": 81})");
  SECTION("promoted ones") {
    auto trials = drive(*tuner, 200, static_cast<std::size_t>(workers), 3, [](Trial& t) {
      small_is_good(t);
      if (budget_of(t.parameters) != 1)
        t.outcome = TrialOutcome::failed;
    });
    CHECK(trials.size() == 200);
    CHECK(by_budget(trials)[3] >= 40);
    CHECK_FALSE(by_budget(trials).contains(9));
  }
  SECTION("all") {
    auto trials = drive(*tuner, 100, static_cast<std::size_t>(workers), 3,
                        [](Trial& t) { t.outcome = TrialOutcome::failed; });
    CHECK(by_budget(trials) == std::map<std::int64_t, int>{{1, 100}});
  }
}

TEST_CASE("no configuration goes on twice, with many workers and late results", "[asha]") {
  auto args = GENERATE(R"({"max_budget": 81, "sampler": "model"})",
                       R"({"max_budget": 81, "sampler": "gp"})", R"({"max_budget": 81})");
  auto tuner = asha(args);
  auto trials = drive(*tuner, 400, 64, 3, small_is_good);
  std::set<std::string> lineages;
  for (const auto& trial : trials)
    CHECK(lineages.insert(trial.lineage).second);
  CHECK(by_budget(trials)[81] >= 1);
  auto rebuilt = asha(args);
  for (const auto& trial : trials)
    rebuilt->tell(trial);
  CHECK(rebuilt->ask(400, {}) == tuner->ask(400, {}));
}

TEST_CASE("in a small finite space the best still reaches the greatest budget", "[asha]") {
  SearchSpace two{{choice("x", {number("1"), number("2")})}};
  auto tuner = asha(R"({"max_budget": 9})", two);
  auto trials = drive(*tuner, 100, 2, 3, small_is_good);
  CHECK(by_budget(trials) == std::map<std::int64_t, int>{{1, 2}, {3, 1}, {9, 1}});
  CHECK(x_of(trials.back()) == 1);
}

TEST_CASE("with its model ASHA draws near what was good", "[asha]") {
  auto mean_of_last = [](const std::string& args) {
    auto tuner = asha(args);
    auto trials = drive(*tuner, 200, 4, 3, small_is_good);
    double sum = 0;
    int count = 0;
    for (const auto& trial : trials)
      if (trial.sequence >= 100 && budget_of(trial.parameters) == 1) {
        sum += x_of(trial);
        ++count;
      }
    return sum / count;
  };
  CHECK(mean_of_last(R"({"sampler": "random"})") > 0.35);
  CHECK(mean_of_last(R"({"sampler": "model"})") < 0.3);  // a third by chance, of 0.5 on average
}

namespace {

/// After one epoch small x are ahead, after nine those around 0.8.
void deceive(Trial& trial) {
  auto budget = budget_of(trial.parameters).value();
  double end = std::pow(x_of(trial) - 0.8, 2);
  trial.final_value = budget == 1 ? x_of(trial) : budget == 3 ? 0.5 * x_of(trial) + end : end;
}

double best_whole(const std::string& args) {
  double best = 1;
  for (const auto& trial : drive(*asha(args), 90, 4, 3, deceive))
    if (budget_of(trial.parameters) == 9)
      best = std::min(best, *trial.final_value);
  return best;
}

}  // namespace

TEST_CASE("with its process ASHA lets through what short trials hide", "[asha]") {
  CHECK(best_whole(R"({"max_budget": 9, "sampler": "random"})") > 0.01);
  CHECK(best_whole(R"({"max_budget": 9, "sampler": "gp"})") < 0.001);
}

TEST_CASE("with its process one in eta goes on, no more", "[asha]") {
  auto counts =
      by_budget(drive(*asha(R"({"max_budget": 9, "sampler": "gp"})"), 130, 1, 3, deceive));
  CHECK(counts[1] >= 85);
  CHECK(counts[3] == counts[1] / 3);
  CHECK(counts[9] == counts[3] / 3);
}

TEST_CASE("the process is ASHA's default", "[asha]") {
  auto texts = [](const std::unique_ptr<Tuner>& tuner) {
    std::vector<std::string> texts;
    for (const auto& trial : drive(*tuner, 40, 2, 3, deceive))
      texts.push_back(to_json(trial.parameters));
    return texts;
  };
  auto unnamed = texts(make("ASHA", line, 5, R"({"max_budget": 9})", GOAL_MINIMIZE));
  CHECK(unnamed == texts(asha(R"({"max_budget": 9, "sampler": "gp"})")));
  CHECK(unnamed != texts(asha()));
}
