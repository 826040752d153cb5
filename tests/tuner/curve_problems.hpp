// Learning curves with a known optimum, on which algorithms that hand out budgets are judged.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "messages/search_space.hpp"
#include "messages/value.hpp"

namespace autotune::test {

/// A loss that falls with the epochs; all are minimised. A configuration decides where its curve
/// ends and how fast it gets there.
struct CurveProblem {
  std::string name;
  SearchSpace space;
  std::function<double(const Value&, double epochs)> loss;
  bool misleading = false;  ///< short trials say the opposite of long ones
  double optimum = 0;       ///< the least loss after epochs_max
  double median = 0;        ///< of a random sample's loss after epochs_max

  /// 0 at the optimum, 1 at the median random sample.
  double regret(double loss) const { return (loss - optimum) / (median - optimum); }
};

inline constexpr std::int64_t epochs_max = 81;

const std::vector<CurveProblem>& curve_problems();

/// Problems on which nothing was chosen: they were written before the constants that they check.
const std::vector<CurveProblem>& held_out_curve_problems();

/// How far the ranks of short trials can be trusted: of those among the best 1/300 of random
/// configurations after epochs_max, the share that is among the best third after each of `budgets`, and (last) that is
/// so after all of them, as who is halved away at one does not come to the next.
std::vector<double> kept_by_ranks(const CurveProblem& problem,
                                  const std::vector<std::int64_t>& budgets);

/// One run of an algorithm by 8 workers: how its regret falls with the epochs spent.
struct CurveRun {
  /// (epochs of all trials started by then, regret of the best that ended with epochs_max)
  std::vector<std::pair<std::int64_t, double>> steps;

  /// The regret reached with so many epochs; 1 before anything.
  double regret_at(std::int64_t epochs) const;
};

/// Trials without a TRIAL_BUDGET run epochs_max epochs; each starts from scratch, and takes as long
/// as it has epochs, give or take a fifth.
CurveRun run_on(const CurveProblem& problem, const std::string& algorithm, const std::string& args,
                int seed, std::int64_t epochs);

/// The mean regret over seeds 0 .. seeds - 1 after each number of epochs in `marks` (ascending).
std::vector<double> mean_regrets(const CurveProblem& problem, const std::string& algorithm,
                                 const std::string& args, int seeds,
                                 const std::vector<std::int64_t>& marks);

}  // namespace autotune::test
