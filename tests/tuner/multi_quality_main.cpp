// multi_quality: how near tuners come to the best where there are several goals or constraints.
//   multi_quality [tuner=TPE] [args={}] [only=zdt1] [seeds=20] [seed0=0] [budget=200] [workers=1] [cost]
// Of several goals the hypervolume found, 1 that of the whole front; of one goal 1 / (1 + regret). After a quarter,
// half and all of the budget.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

#include "driver.hpp"
#include "given.hpp"
#include "multi_problems.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

struct Settings {
  std::string tuner = "TPE";
  std::string args = "{}";
  std::string only;
  int seeds = 20;
  int seed0 = 0;
  int budget = 200;
  int workers = 1;
  bool cost = false;
};

Settings read(Given given) {
  Settings s;
  s.tuner = given.text("tuner", s.tuner);
  s.args = given.text("args", s.args);
  s.only = given.text("only", "");
  s.seeds = given.number("seeds", s.seeds);
  s.seed0 = given.number("seed0", s.seed0);
  s.budget = given.number("budget", s.budget);
  s.workers = given.number("workers", s.workers);
  s.cost = given.flag("cost");
  given.refuse_others();
  return s;
}

std::array<double, 3> scores(const MultiProblem& problem, const Settings& s) {
  std::array<double, 3> sum{};
  for (int seed = s.seed0; seed < s.seed0 + s.seeds; ++seed) {
    auto trials = run_on(*make_for(s.tuner, problem, 1000 + seed, s.args), problem, seed,
                         static_cast<std::size_t>(s.budget), static_cast<std::size_t>(s.workers));
    std::span<const Trial> all(trials);
    sum[0] += problem.score(all.first(all.size() / 4)) / s.seeds;
    sum[1] += problem.score(all.first(all.size() / 2)) / s.seeds;
    sum[2] += problem.score(all) / s.seeds;
  }
  return sum;
}

void print_quality(const Settings& s) {
  const auto& all = multi_problems();
  std::vector<std::array<double, 3>> results(all.size());
  auto work = [&](std::size_t first) {
    for (auto i = first; i < all.size(); i += 2)
      if (s.only.empty() || all[i].name == s.only)
        results[i] = scores(all[i], s);
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (s.only.empty() || all[i].name == s.only)
      std::printf("%-8s %.3f %.3f %.3f\n", all[i].name.c_str(), results[i][0], results[i][1],
                  results[i][2]);
}

/// Median microseconds of one ask beside a history of random trials of 10 parameters.
void print_cost(const Settings& s) {
  auto cpu_us = [] { return 1e6 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  for (std::size_t goals : {2, 3, 4, 6})
    for (int history : {100, 1000, 10000, 100000}) {
      MultiProblem problem{.space = cube(10), .goals = goals};
      Space space(problem.space);
      auto tuner = make_for(s.tuner, problem, 1, s.args);
      Rng rng(1);
      std::vector<Trial> trials;
      for (int i = 0; i < history; ++i) {
        trials.push_back(ended(i, space.sample(rng), 0));
        for (std::size_t g = 0; g < goals; ++g)
          trials.back().goal_values.push_back(rng.uniform());
      }
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
      std::printf("%zu goals, %d trials: ask %.1f us, tell %.2f us\n", goals, history, asks[50],
                  tell);
    }
}

}  // namespace

int main(int argc, char** argv) {
  auto settings = read(Given(argc, argv));
  if (settings.cost)
    print_cost(settings);
  else
    print_quality(settings);
}
