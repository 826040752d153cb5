// advisor_quality: the regret of algorithms that hand out budgets, by epochs spent, beside random
// search with the full budget.
//   advisor_quality [seeds=20] [trials=300] [only=BOHB]
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "curve_problems.hpp"

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
    {"ASHA, sampler model", "ASHA", R"({"max_budget": 81, "sampler": "model"})"},
    {"BOHB", "BOHB", R"({"max_budget": 81})"},
};

}  // namespace

int main(int argc, char** argv) {
  int seeds = 20;
  std::int64_t trials = 300;
  const char* only = "";
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "seeds=", 6) == 0)
      seeds = std::atoi(argv[i] + 6);
    if (std::strncmp(argv[i], "trials=", 7) == 0)
      trials = std::atoi(argv[i] + 7);
    if (std::strncmp(argv[i], "only=", 5) == 0)
      only = argv[i] + 5;
  }
  auto whole = trials * epochs_max;
  std::vector<std::int64_t> marks;
  for (std::int64_t part = 1; part <= 100; ++part)
    marks.push_back(whole * part / 100);
  for (const auto& problem : curve_problems()) {
    std::printf("%s (optimum %.4f, median %.4f)\n", problem.name.c_str(), problem.optimum,
                problem.median);
    double random = 0;
    for (const auto& c : contenders) {
      if (&c != contenders && std::strstr(c.title, only) == nullptr)
        continue;
      auto regrets = mean_regrets(problem, c.name, c.args, seeds, marks);
      if (&c == contenders)
        random = regrets.back();
      std::size_t reached = 0;
      while (reached < marks.size() && regrets[reached] > random)
        ++reached;
      std::printf("  %-20s regret at 10%% %.4f, 20%% %.4f, 100%% %.4f; random's final at ", c.title,
                  regrets[9], regrets[19], regrets[99]);
      if (reached < marks.size())
        std::printf("%zu%%\n", reached + 1);
      else
        std::printf("never\n");
    }
  }
}
