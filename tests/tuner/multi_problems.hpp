// Problems with several goals or constraints, whose best is known, and how near a run came to it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "messages/search_space.hpp"
#include "messages/trial.hpp"
#include "messages/value.hpp"
#include "tuner/tuner.hpp"

namespace autotune::test {

/// What a trial of such a problem reports. All goals are minimised; a violation is 0 where its constraint is met.
struct Outcome {
  std::vector<double> goals;
  std::vector<double> violations;
};

struct MultiProblem {
  std::string name = {};
  std::string source = {};  ///< where the formulas stand
  bool held_out = false;    ///< a check of constants that were chosen on the others
  SearchSpace space = {};
  std::size_t goals = 2;
  std::size_t constraints = 0;
  std::function<Outcome(const Value&)> evaluate = {};
  std::vector<double> reference = {};  ///< with several goals: of the hypervolume
  double best =
      0;  ///< hypervolume of the whole front; with one goal the least loss that meets all constraints
  double scale = 1;  ///< with one goal: a regret of 1

  /// With several goals the hypervolume of the trials that meet all constraints, 1 that of the whole front: greater is
  /// better. With one goal 1 / (1 + regret): 1 at the best, 0 where no trial meets all constraints.
  double score(std::span<const Trial> trials) const;
};

/// From the literature, and some of our own.
const std::vector<MultiProblem>& multi_problems();
const MultiProblem& multi_problem(const std::string& name);

/// A tuner for the problem; throws what is wrong.
std::unique_ptr<Tuner> make_for(const std::string& name, const MultiProblem& problem,
                                std::int64_t seed, const std::string& args = "{}");

/// Runs it; the trials in the order of their ends.
std::vector<Trial> run_on(Tuner& tuner, const MultiProblem& problem, int seed, std::size_t budget,
                          std::size_t workers);

/// The mean score over seeds 0, 1, ...
double mean_score(const std::string& name, const MultiProblem& problem, int seeds,
                  std::size_t budget, std::size_t workers);

}  // namespace autotune::test
