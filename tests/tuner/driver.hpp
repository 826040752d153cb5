// Makes tuners by name and drives them through trials: what the tests of tuner/ share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "problems.hpp"
#include "spaces.hpp"
#include "tuner/factory.hpp"
#include "tuner/rng.hpp"

namespace autotune::test {

using pb::GOAL_MAXIMIZE;
using pb::GOAL_MINIMIZE;

inline pb::ExperimentSpec spec_of(const std::string& tuner, const std::string& args = "{}") {
  pb::ExperimentSpec spec;
  spec.mutable_tuner()->set_name(tuner);
  spec.mutable_tuner()->set_class_args_json(args);
  return spec;
}

/// A tuner as an experiment would have it; throws what is wrong.
inline std::unique_ptr<Tuner> make(const std::string& name, const SearchSpace& space,
                                   std::int64_t seed, const std::string& args = "{}",
                                   pb::Goal goal = pb::GOAL_UNSPECIFIED) {
  auto spec = spec_of(name, args);
  if (goal != pb::GOAL_UNSPECIFIED)
    spec.mutable_objective()->add_goals()->set_goal(goal);
  auto tuner = make_tuner(spec, space, seed);
  if (!tuner)
    throw std::runtime_error(tuner.error().message);
  return std::move(*tuner);
}

inline Trial running(Sequence sequence, const Suggestion& suggestion) {
  Trial trial;
  trial.sequence = sequence;
  trial.parameters = suggestion.parameters;
  trial.lineage = suggestion.lineage;
  return trial;
}

inline Trial ended(Sequence sequence, Value parameters, double value) {
  Trial trial;
  trial.sequence = sequence;
  trial.parameters = std::move(parameters);
  trial.outcome = TrialOutcome::succeeded;
  trial.final_value = value;
  return trial;
}

/// Runs trials by `workers` at once with random durations. `finish` sets outcome and value of a
/// running trial. Gives the trials in the order of their ends, fewer than `budget` where the space
/// is used up. Throws where the tuner waits for nothing.
inline std::vector<Trial> drive(Tuner& tuner, std::size_t budget, std::size_t workers, int seed,
                                const std::function<void(Trial&)>& finish) {
  Rng rng(mix_bits(static_cast<std::uint64_t>(seed) + 90000));
  std::vector<Trial> pending;
  std::vector<double> until;
  std::vector<Trial> done;
  double now = 0;
  Sequence next = 0;
  bool more = true;
  while (done.size() < budget) {
    while (more && pending.size() < workers && static_cast<std::size_t>(next) < budget) {
      auto answer = tuner.ask(next, pending);
      if (std::holds_alternative<NotYet>(answer)) {
        if (pending.empty())
          throw std::logic_error("NotYet, though nothing runs: an experiment would end in error");
        break;  // asked again after the next end
      }
      more = std::holds_alternative<Suggestion>(answer);
      if (!more)
        break;
      pending.push_back(running(next++, std::get<Suggestion>(answer)));
      until.push_back(now + 0.5 + rng.uniform());
    }
    if (pending.empty())
      break;
    auto i = std::min_element(until.begin(), until.end()) - until.begin();
    now = until[static_cast<std::size_t>(i)];
    auto trial = pending[static_cast<std::size_t>(i)];
    pending.erase(pending.begin() + i);
    until.erase(until.begin() + i);
    trial.outcome = TrialOutcome::succeeded;
    finish(trial);
    tuner.tell(trial);
    done.push_back(std::move(trial));
  }
  return done;
}

/// The least loss after each ended trial.
inline std::vector<double> best_so_far(Tuner& tuner, const Problem& problem, int seed,
                                       std::size_t budget, std::size_t workers) {
  auto trials = drive(tuner, budget, workers, seed,
                      [&](Trial& t) { t.final_value = problem.loss(t.parameters); });
  std::vector<double> best;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& trial : trials) {
    least = std::min(least, *trial.final_value);
    best.push_back(least);
  }
  return best;
}

/// The mean regret of a tuner's best trial over a few seeds.
inline double mean_regret(const std::string& name, const Problem& problem, int seeds,
                          std::size_t budget, std::size_t workers) {
  double sum = 0;
  for (int seed = 0; seed < seeds; ++seed)
    sum += problem.regret(best_so_far(*make(name, problem.space, seed, "{}", GOAL_MINIMIZE),
                                      problem, seed, budget, workers)
                              .back());
  return sum / seeds;
}

/// Squared distance from the point whose coordinates are all 0.3.
inline double sphere(const Value& parameters) {
  double sum = 0;
  for (const auto& [name, value] : *parameters.as_object())
    sum += std::pow(value.to_double().value() - 0.3, 2);
  return sum;
}

/// The least loss that a tuner finds on the sphere.
inline double best_on_sphere(int dimensions, std::size_t budget, const std::string& name,
                             const std::string& args, std::size_t workers) {
  auto tuner = make(name, cube(dimensions), 3, args, GOAL_MINIMIZE);
  double best = 1e9;
  for (const auto& t :
       drive(*tuner, budget, workers, 1, [](Trial& t) { t.final_value = sphere(t.parameters); }))
    best = std::min(best, *t.final_value);
  return best;
}

}  // namespace autotune::test
