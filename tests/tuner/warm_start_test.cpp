// Results that were never asked for: what tuners make of a warm start.
#include <catch2/catch.hpp>

#include "driver.hpp"
#include "tuner/additions.hpp"
#include "tuner/trial_budget.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

/// What a random search has left behind on `sphere`.
std::vector<Trial> known(const SearchSpace& space, int n, int seed) {
  Rng rng(mix_bits(static_cast<std::uint64_t>(seed) + 4711));
  std::vector<Trial> trials;
  for (int i = 0; i < n; ++i) {
    Object parameters;
    for (const auto& p : space.parameters)
      parameters.emplace_back(p.name, Value::real(rng.uniform()));
    auto trial = ended(-1 - i, Value(std::move(parameters)), 0);
    trial.final_value = sphere(trial.parameters);
    trial.own = false;
    trials.push_back(std::move(trial));
  }
  return trials;
}

/// The mean loss of the first suggestions of a tuner that was told `warm` trials.
double first_losses(const std::string& name, int warm, int seed) {
  constexpr Sequence asked = 5;
  auto space = cube(4);
  auto tuner = make(name, space, seed, "{}", GOAL_MINIMIZE);
  for (const auto& trial : known(space, warm, seed))
    tuner->tell(trial);
  std::vector<Trial> pending;
  double sum = 0;
  for (Sequence i = 0; i < asked; ++i) {
    pending.push_back(running(i, std::get<Suggestion>(tuner->ask(i, pending))));
    sum += sphere(without_additions(pending.back().parameters, space));
  }
  return sum / asked;
}

}  // namespace

TEST_CASE("a tuner with a model begins near what a warm start found good", "[warm]") {
  const std::string name =
      GENERATE("TPE", "GPTuner", "SMAC", "Auto", "CMA-ES", "BOHB", "Anneal", "Evolution");
  CAPTURE(name);
  constexpr int seeds = 8;
  double cold = 0;
  double warm = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    cold += first_losses("Random", 0, seed) / seeds;
    warm += first_losses(name, 60, seed) / seeds;
  }
  CHECK(warm < 0.6 * cold);
}

TEST_CASE("the order of a warm start and of what follows is all that counts", "[warm]") {
  const std::string name = GENERATE("TPE", "GPTuner", "SMAC", "Auto", "CMA-ES", "BOHB", "ASHA");
  CAPTURE(name);
  auto space = cube(3);
  auto begin = [&] {
    auto tuner = make(name, space, 5);
    for (const auto& trial : known(space, 20, 1))
      tuner->tell(trial);
    return tuner;
  };
  auto live = begin();
  auto trials = drive(*live, 15, 3, 2, [&](Trial& t) {
    t.final_value = sphere(without_additions(t.parameters, space));
  });
  auto rebuilt = begin();
  for (const auto& trial : trials)
    rebuilt->tell(trial);
  CHECK(rebuilt->ask(15, {}) == live->ask(15, {}));
}

TEST_CASE("a trial of the user's gets an advisor's greatest budget", "[warm]") {
  auto budget = [](const char* name, const char* args) {
    return budget_of(make(name, cube(1), 1, args)->as_tried(Object{{"x0", number("0.5")}}));
  };
  CHECK(budget("Hyperband", R"({"R": 27})") == 27);
  CHECK(budget("BOHB", R"({"max_budget": 9})") == 9);
  CHECK(budget("ASHA", R"({"max_budget": 30})") == 30);
  CHECK(budget("TPE", "{}") == std::nullopt);
}

TEST_CASE("what algorithms add to parameters is told from what the space holds", "[warm]") {
  auto parameters = parse_json(R"({"x0":0.5,"TRIAL_BUDGET":3,"save_checkpoint_dir":"a"})").value();
  CHECK(to_json(without_additions(parameters, cube(1))) == R"({"x0":0.5})");
  SearchSpace own = cube(1);
  own.parameters.push_back(bounded("TRIAL_BUDGET", ParameterType::uniform, 0, 9));
  CHECK(to_json(without_additions(parameters, own)) == R"({"x0":0.5,"TRIAL_BUDGET":3})");
}
