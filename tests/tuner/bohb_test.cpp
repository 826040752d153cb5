#include "tuner/bohb.hpp"

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"
#include "tuner/trial_budget.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

const SearchSpace plane{{bounded("x", T::uniform, 0, 1), bounded("y", T::uniform, 0, 1)}};

double x_of(const Trial& trial) { return trial.parameters.find("x")->to_double().value(); }

BohbTuner bohb(BohbOptions options, const SearchSpace& space = plane) {
  return BohbTuner(Space(space), 7, options);
}

Trial with_x(double x, std::optional<std::int64_t> budget, double loss) {
  Value parameters(Object{{"x", Value::real(x)}, {"y", Value::real(0.5)}});
  auto trial = ended(0, budget ? with_budget(parameters, *budget) : parameters, loss);
  trial.own = false;
  return trial;
}

}  // namespace

TEST_CASE("BOHB's brackets are Hyperband's between its budgets", "[bohb]") {
  // Origin: nni-compat.md 4.2 (defaults: 1 to 3 by 3), the sizes by 4.1's formula.
  auto tuner = bohb({});
  auto trials = drive(tuner, 12, 1, 3, [](Trial& t) { t.final_value = x_of(t); });
  std::string text;
  for (const auto& trial : trials)
    text += std::to_string(budget_of(trial.parameters).value());
  CHECK(text ==
        "111333"
        "111333");
}

TEST_CASE("each budget has its own model, and the largest that has enough is used", "[bohb]") {
  BohbOptions options;
  options.budget_max = 9;
  auto tuner = bohb(options);
  auto tell = [&](int count, std::optional<std::int64_t> budget) {
    for (int i = 0; i < count; ++i)
      tuner.tell(with_x(0.05 * i, budget, i));
  };
  // Origin: min_points_in_model is 2 + 1, so a model takes 3 * (3 + 2) results of one budget.
  tell(14, 1);
  tell(14, 3);
  CHECK_FALSE(tuner.model_budget());  // NNI, with one model for all, would have one
  tell(1, 1);
  CHECK(tuner.model_budget() == 1);
  tell(1, 3);
  CHECK(tuner.model_budget() == 3);
  tell(15, std::nullopt);  // a user's own: not held back
  CHECK(tuner.model_budget() == 9);
}

TEST_CASE("a value of zero counts on import", "[bohb]") {
  auto tuner = bohb({});
  for (int i = 0; i < 15; ++i)
    tuner.tell(with_x(0.05 * i, 1, 0));
  CHECK(tuner.model_budget() == 1);
}

TEST_CASE("trials without a value feed no model", "[bohb]") {
  auto tuner = bohb({});
  for (int i = 0; i < 20; ++i) {
    auto trial = with_x(0.1, 1, 0);
    trial.outcome = TrialOutcome::failed;
    trial.final_value.reset();
    tuner.tell(trial);
  }
  CHECK_FALSE(tuner.model_budget());
}

TEST_CASE("new configurations come where good ones are, but for the random part", "[bohb]") {
  auto near = [](double random_fraction, double optimum) {
    BohbOptions options;
    options.random_fraction = random_fraction;
    auto tuner = bohb(options);
    Rng rng(1);
    for (int i = 0; i < 60; ++i) {
      double x = rng.uniform();
      tuner.tell(with_x(x, 3, std::abs(x - optimum)));
      tuner.tell(with_x(x, 1, std::abs(x - (1 - optimum))));  // the smaller budget misleads
    }
    int count = 0;
    for (Sequence i = 0; i < 100; ++i)
      count += std::abs(running(i, std::get<Suggestion>(tuner.ask(i, {})))
                            .parameters.find("x")
                            ->to_double()
                            .value() -
                        optimum) < 0.2
                   ? 1
                   : 0;
    return count;
  };
  CHECK(near(0, 0.2) >= 90);
  CHECK(near(0, 0.8) >= 90);
  CHECK(near(1, 0.2) <= 60);
}

TEST_CASE("another bracket opens while one waits, and late results stay with theirs", "[bohb]") {
  auto tuner = make("BOHB", plane, 7, "{}", GOAL_MINIMIZE);
  std::vector<Trial> pending;
  for (Sequence i = 0; i < 8; ++i)
    pending.push_back(running(i, std::get<Suggestion>(tuner->ask(i, pending))));
  std::vector<std::string> lineages;
  for (const auto& trial : pending)
    lineages.push_back(trial.lineage);
  CHECK(lineages == std::vector<std::string>{"0.0.0", "0.0.1", "0.0.2", "1.0.0", "1.0.1", "2.0.0",
                                             "2.0.1", "2.0.2"});
  for (int i : {2, 1, 0}) {
    auto trial = pending[static_cast<std::size_t>(i)];
    trial.outcome = TrialOutcome::succeeded;
    trial.final_value = i;
    tuner->tell(trial);
  }
  pending.erase(pending.begin(), pending.begin() + 3);
  CHECK(std::get<Suggestion>(tuner->ask(8, pending)).lineage == "0.1.0");
}

TEST_CASE("running configurations keep others away", "[bohb]") {
  auto width = [](bool aware) {
    BohbOptions options;
    options.random_fraction = 0;
    auto tuner = bohb(options, {{bounded("x", T::uniform, 0, 1)}});
    for (int i = 0; i < 30; ++i) {
      auto trial = ended(0, Value(Object{{"x", Value::real(i / 30.0)}}), std::abs(i / 30.0 - 0.5));
      trial.own = false;
      tuner.tell(trial);
    }
    std::vector<Trial> pending;
    double low = 1;
    double high = 0;
    for (Sequence i = 0; i < 16; ++i) {
      std::span<const Trial> known(pending.data(), aware ? pending.size() : 0);
      auto trial = running(i, std::get<Suggestion>(tuner.ask(i, known)));
      low = std::min(low, x_of(trial));
      high = std::max(high, x_of(trial));
      pending.push_back(std::move(trial));
    }
    return high - low;
  };
  CHECK(width(true) > 2 * width(false));
}

TEST_CASE("what was left behind at a lower budget is bad", "[bohb]") {
  BohbOptions options;
  options.random_fraction = 0;
  auto tuner = bohb(options);
  for (int i = 0; i < 60; ++i)
    tuner.tell(with_x(i / 60.0, 1, i));
  for (int i = 0; i < 20; ++i)
    tuner.tell(with_x(i / 60.0, 3, i));
  int far = 0;
  for (Sequence i = 0; i < 50; ++i)
    far += x_of(running(i, std::get<Suggestion>(tuner.ask(i, {})))) > 0.5 ? 1 : 0;
  CHECK(far <= 5);
}

TEST_CASE("the manual's arguments of BOHB are taken, whole numbers for reals too") {
  // Origin: nni-compat.md 4.2.
  auto args = R"({"optimize_mode": "maximize", "min_budget": 1, "max_budget": 27, "eta": 3,
    "min_points_in_model": 7, "top_n_percent": 15, "num_samples": 64, "random_fraction": 0.33,
    "bandwidth_factor": 3, "min_bandwidth": 0.001})";
  CHECK(check_algorithms(spec_of("BOHB", args), plane).empty());
  CHECK(check_algorithms(spec_of("BOHB", R"({"min_points_in_model": null})"), plane).empty());
  CHECK(check_algorithms(spec_of("BOHB", R"({"top_n_percent": 100, "eta": 1})"), plane).size() ==
        2);
}

TEST_CASE("BOHB asks the process unless an argument speaks of its densities", "[bohb]") {
  auto texts = [](const std::string& args) {
    std::vector<std::string> texts;
    auto tuner = make("BOHB", plane, 5, args, GOAL_MINIMIZE);
    for (const auto& trial : drive(*tuner, 60, 2, 3, [](Trial& t) { t.final_value = x_of(t); }))
      texts.push_back(to_json(trial.parameters));
    return texts;
  };
  auto gp = texts(R"({"sampler": "gp"})");
  CHECK(texts("{}") == gp);
  CHECK(texts(R"({"random_fraction": 0.3333333333333333, "sampler": null})") == gp);
  auto density = texts(R"({"sampler": "density"})");
  CHECK(density != gp);
  CHECK(texts(R"({"top_n_percent": 15})") == density);
  CHECK(texts(R"({"num_samples": 64, "sampler": "gp"})") == gp);
}
