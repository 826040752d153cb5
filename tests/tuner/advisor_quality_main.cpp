// advisor_quality: the regret of algorithms that hand out budgets, by epochs spent, beside random
// search with the full budget.
//   advisor_quality [seeds=20] [trials=300] [part=20] [only=BOHB | only==BOHB] [on=bowl]
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include "curve_problems.hpp"
#include "given.hpp"

using namespace autotune::test;

namespace {

struct Contender {
  const char* title;
  const char* name;
  const char* args;
};

constexpr Contender contenders[] = {
    {"Random, full budget", "Random", "{}"},
    {"TPE, full budget", "TPE", "{}"},
    {"Hyperband", "Hyperband", R"({"R": 81})"},
    {"ASHA", "ASHA", R"({"max_budget": 81})"},
    {"ASHA, random", "ASHA", R"({"max_budget": 81, "sampler": "random"})"},
    {"ASHA, random from 3", "ASHA", R"({"min_budget": 3, "max_budget": 81, "sampler": "random"})"},
    {"ASHA, random from 9", "ASHA", R"({"min_budget": 9, "max_budget": 81, "sampler": "random"})"},
    {"ASHA, random from 27", "ASHA",
     R"({"min_budget": 27, "max_budget": 81, "sampler": "random"})"},
    {"ASHA, model", "ASHA", R"({"max_budget": 81, "sampler": "model"})"},
    {"BOHB", "BOHB", R"({"max_budget": 81})"},
    {"BOHB, density", "BOHB", R"({"max_budget": 81, "sampler": "density"})"},
};

/// A contender's regrets, added up over problems.
struct Sum {
  double at_a_fifth = 0;
  double at_the_end = 0;
  int problems = 0;
};

/// Prints what is reached on one problem, and adds it up. `part`: the run is cut off there (percent of random's
/// epochs). `only`: a part of the title, or after '=' the whole of it.
void report(const CurveProblem& problem, const std::string& only, int seeds, std::int64_t trials,
            std::int64_t part, std::map<std::string, Sum>& sums) {
  auto whole = trials * epochs_max;
  std::vector<std::int64_t> marks;
  for (std::int64_t percent = 1; percent <= 100; ++percent)
    marks.push_back(whole * percent / 100);
  std::printf("%s (optimum %.4f, median %.4f)\n", problem.name.c_str(), problem.optimum,
              problem.median);
  std::printf(
      "  of the best 1/300, among the best third after 1, 3, 9, 27 epochs, and after all of "
      "these:");
  for (double share : kept_by_ranks(problem, {1, 3, 9, 27}))
    std::printf(" %.2f", share);
  std::printf("\n");
  double random = 0;
  for (const auto& c : contenders) {
    bool baseline = &c == contenders;
    if (!baseline && (only.starts_with('=') ? c.title != only.substr(1)
                                            : std::string(c.title).find(only) == std::string::npos))
      continue;
    if (!baseline)
      marks.resize(static_cast<std::size_t>(part));
    auto regrets = mean_regrets(problem, c.name, c.args, seeds, marks);
    if (baseline)
      random = regrets.back();
    std::size_t reached = 0;
    while (reached < marks.size() && regrets[reached] > random)
      ++reached;
    std::printf("  %-20s regret at 10%% %.4f, 20%% %.4f, %zu%% %.4f; random's final at ", c.title,
                regrets[9], regrets[19], marks.size(), regrets.back());
    if (reached < marks.size())
      std::printf("%zu%%\n", reached + 1);
    else
      std::printf(marks.size() < 100 ? "none of these\n" : "never\n");
    std::fflush(stdout);
    auto& sum = sums[c.title];
    sum.at_a_fifth += regrets[19];
    sum.at_the_end += regrets.back();
    ++sum.problems;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Given given(argc, argv);
  auto seeds = given.number("seeds", 20);
  auto trials = given.number("trials", 300);
  auto part = std::clamp(given.number("part", 20), 20, 100);
  auto only = given.text("only", "");
  auto on = given.text("on", "");
  given.refuse_others();
  std::map<std::string, Sum> sums;
  for (auto* set : {&curve_problems, &held_out_curve_problems}) {
    std::printf("%s\n", set == &curve_problems ? "-- seen" : "-- held out");
    for (const auto& problem : set())
      if (problem.name.find(on) != std::string::npos)
        report(problem, only, seeds, trials, part, sums);
  }
  std::printf("-- mean over problems\n");
  for (const auto& [title, sum] : sums)
    std::printf("  %-20s regret at 20%% of random's epochs %.4f, at its end %.4f, %d problems\n",
                title.c_str(), sum.at_a_fifth / sum.problems, sum.at_the_end / sum.problems,
                sum.problems);
}
