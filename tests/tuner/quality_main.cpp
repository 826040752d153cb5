// tuner_quality: how close tuners come to the optimum, and what a suggestion costs.
//   tuner_quality [tuner=TPE] [args={}] [seeds=10] [seed0=0] [budget=200] [workers=1] [detail=0]
//                 [cost=0] [rebuild=0]
// Problems whose space the tuner can't search are left out. Regret is normalised as the bench beside the project does:
// 0 at the optimum, 1 at the median random sample.
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

#include "driver.hpp"
#include "given.hpp"
#include "problems.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

struct Settings {
  std::string tuner = "TPE";
  std::string args = "{}";
  int seeds = 10;
  int seed0 = 0;
  int budget = 200;
  int workers = 1;
  bool detail = false;
  bool cost = false;
  bool rebuild = false;
};

Settings read(Given given) {
  Settings s;
  s.tuner = given.text("tuner", s.tuner);
  s.args = given.text("args", s.args);
  s.seeds = given.number("seeds", s.seeds);
  s.seed0 = given.number("seed0", s.seed0);
  s.budget = given.number("budget", s.budget);
  s.workers = given.number("workers", s.workers);
  s.detail = given.flag("detail");
  s.cost = given.flag("cost");
  s.rebuild = given.flag("rebuild");
  given.refuse_others();
  return s;
}

/// After how many trials regret is looked at: an eighth, a quarter, half, and all of the budget.
std::array<std::size_t, 4> marks_of(const Settings& s) {
  auto budget = static_cast<std::size_t>(std::max(8, s.budget));
  return {budget / 8, budget / 4, budget / 2, budget};
}

/// Mean regret at the marks over all seeds of one problem.
std::array<double, 4> regrets(const Problem& problem, const Settings& s) {
  std::array<double, 4> sum{};
  auto marks = marks_of(s);
  for (int seed = s.seed0; seed < s.seed0 + s.seeds; ++seed) {
    auto tuner = make(s.tuner, problem.space, 1000 + seed, s.args, GOAL_MINIMIZE);
    auto best = best_so_far(*tuner, problem, seed, static_cast<std::size_t>(s.budget),
                            static_cast<std::size_t>(s.workers));
    for (std::size_t m = 0; m < marks.size(); ++m) {
      auto at = std::min(marks[m], best.size());
      sum[m] += std::clamp(problem.regret(best[at - 1]), 0.0, 2.0) / s.seeds;
    }
  }
  return sum;
}

/// The problems whose space this tuner can search.
std::vector<Problem> searchable(const Settings& s) {
  auto fitting = problems();
  std::erase_if(fitting, [&](const Problem& p) {
    return !make_tuner(spec_of(s.tuner, s.args), p.space, 1).has_value();
  });
  return fitting;
}

void print_quality(const Settings& s) {
  const auto all = searchable(s);
  std::vector<std::array<double, 4>> results(all.size());
  auto work = [&](std::size_t first) {
    for (auto i = first; i < all.size(); i += 2)
      results[i] = regrets(all[i], s);
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  for (bool held_out : {false, true}) {
    std::array<double, 4> mean{};
    double count = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].held_out != held_out)
        continue;
      ++count;
      if (s.detail)
        std::printf("%-14s", all[i].name.c_str());
      for (std::size_t m = 0; m < mean.size(); ++m) {
        mean[m] += results[i][m];
        if (s.detail)
          std::printf(" %.4f", results[i][m]);
      }
      if (s.detail)
        std::printf("\n");
    }
    std::printf("%-14s", held_out ? "held out" : "public");
    for (double m : mean)
      std::printf(" %.4f", m / count);
    std::printf("\n");
  }
}

/// Bytes that the program holds of the heap, mapped blocks included.
double heap_bytes() {
  auto info = mallinfo2();
  return static_cast<double>(info.uordblks) + static_cast<double>(info.hblkhd);
}

/// Time of this process alone: other work on the machine does not count.
double cpu_us() { return 1e6 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// What a tuner has to search of so many parameters.
SearchSpace space_of(const std::string& tuner, int dimensions) {
  SearchSpace space;
  for (int i = 0; i < dimensions; ++i) {
    auto name = "x" + std::to_string(i);
    space.parameters.push_back(tuner == "PPOTuner" ? layer(name, 5)
                                                   : bounded(name, ParameterType::uniform, 0, 1));
  }
  return space;
}

/// Trials of a tuner's own, with random values, one after the other.
std::vector<Trial> own_trials(Tuner& tuner, int count) {
  Rng rng(1);
  std::vector<Trial> trials;
  for (int i = 0; i < count; ++i) {
    auto trial = running(i, std::get<Suggestion>(tuner.ask(i, {})));
    trial.outcome = TrialOutcome::succeeded;
    trial.final_value = rng.uniform();
    tuner.tell(trial);
    trials.push_back(std::move(trial));
  }
  return trials;
}

/// Seconds of processor time until a tuner that is rebuilt from 100,000 trials has answered, and the memory that it
/// then holds. The trials are random ones, but for those who read more in theirs (places in a bracket, a generation).
void print_rebuild(const Settings& s) {
  constexpr int history = 100000;
  const auto* row = find_algorithm(s.tuner, {AlgorithmKind::tuner, AlgorithmKind::advisor});
  bool own = row->kind == AlgorithmKind::advisor || s.tuner == "PBTTuner" ||
             s.tuner == "PPOTuner" || s.tuner == "GridSearch";
  for (int dimensions : {10, 40}) {
    auto description = space_of(s.tuner, dimensions);
    auto fresh = [&] { return make(s.tuner, description, 1, s.args, GOAL_MINIMIZE); };
    std::vector<Trial> trials;
    if (own) {
      // Their places are the same, and are found faster, where nobody thinks about the parameters.
      auto by = s.tuner == "BOHB"   ? make("Hyperband", description, 1, R"({"R": 3})")
                : s.tuner == "ASHA" ? make("ASHA", description, 1, R"({"sampler": "random"})")
                                    : fresh();
      trials = own_trials(*by, history);
    } else {
      Space space(description);
      Rng rng(1);
      for (int i = 0; i < history; ++i)
        trials.push_back(ended(i, space.sample(rng), rng.uniform()));
    }
    malloc_trim(0);
    double held = heap_bytes();
    double start = cpu_us();
    auto tuner = fresh();
    for (const auto& trial : trials)
      tuner->tell(trial);
    double told = cpu_us();
    (void)tuner->ask(history, {});
    std::printf("%d parameters, %d trials: tell %.2f us, rebuild %.3f s, memory %.1f MB\n",
                dimensions, history, (told - start) / history, (cpu_us() - start) / 1e6,
                (heap_bytes() - held) / 1e6);
  }
}

/// Median microseconds of one ask beside a history of random trials.
void print_cost(const Settings& s) {
  for (int dimensions : {10, 40}) {
    for (int history : {100, 1000, 10000, 100000}) {
      auto description = space_of(s.tuner, dimensions);
      Space space(description);
      auto tuner = make(s.tuner, description, 1, s.args, GOAL_MINIMIZE);
      Rng rng(1);
      std::vector<Trial> trials;
      for (int i = 0; i < history; ++i)
        trials.push_back(ended(i, space.sample(rng), rng.uniform()));
      double start = cpu_us();
      for (const auto& trial : trials)
        tuner->tell(trial);
      double tell = (cpu_us() - start) / history;
      std::vector<double> asks;
      for (int i = 0; i < 101; ++i) {
        start = cpu_us();
        (void)tuner->ask(history + i, {});
        asks.push_back((cpu_us() - start));
      }
      std::nth_element(asks.begin(), asks.begin() + 50, asks.end());
      std::printf("%d parameters, %d trials: ask %.1f us, tell %.2f us\n", dimensions, history,
                  asks[50], tell);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto settings = read(Given(argc, argv));
  if (settings.cost)
    print_cost(settings);
  else if (settings.rebuild)
    print_rebuild(settings);
  else
    print_quality(settings);
}
