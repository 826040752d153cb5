// NSGA-II: evolution of a population that comes to cover the trade-off between several goals.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "tuner/seen_points.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct Nsga2Options {
  std::int64_t population_size = 50;                ///< at most so many trials survive; >= 2
  double crossover_probability = 0.9;               ///< of a child of two parents instead of one
  std::optional<double> mutation_probability = {};  ///< of each parameter; none: 1 / parameters
  double crossover_index = 5;                       ///< greater: children nearer to their parents
  double mutation_index = 5;                        ///< greater: smaller steps
  std::size_t goals = 1;                            ///< >= 1
};

/// NSGA-II (Deb, Pratap, Agarwal, Meyarivan 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II"):
/// each parent is the better of two drawn from the population, by non-domination rank, then by crowding distance; a
/// trial that meets all constraints is better than one that doesn't, and of two that don't the one that breaks them
/// by less. A child is made by simulated binary crossover and polynomial mutation (Deb, Agrawal 1995; Deb, Goyal
/// 1996).
///
/// What differs from the paper, and why:
/// - Steady state (Durillo, Nebro, Luna, Alba 2009): each ended trial joins at once and the worst of all leaves, so
///   that no worker waits for a generation, and a child's parents are the best known.
/// - The population is 15 trials at first, a Latin hypercube, and then an eighth of all results up to population_size,
///   because a tuning run is short: with 50 from the start half of its trials would have been bred from draws.
/// - Children lie further from their parents than is usual (both indices are 5), for the same reason.
/// - Violations are summed in units of their medians within the population.
/// - A choice is taken from either parent, and mutated to another value; numbers are crossed as coordinates of the
///   prior. What a parent lacks comes from the other, and what a changed branch opens is drawn anew.
/// - A child that is like a trial before it is changed again: no point is suggested twice, and a finite space ends in
///   Exhausted.
/// - One goal is searched for alike: the population is then the best trials.
///
/// An ask costs O(dimensions), a tell O(goals population_size^2) at worst.
class Nsga2Tuner : public Tuner {
 public:
  Nsga2Tuner(Space space, std::int64_t seed, Nsga2Options options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  struct Member {
    Point point;
    std::vector<double> losses;
    std::vector<double> violations;  // empty where all are met
    std::size_t rank = 0;            // 0 is the best
    double crowding = 0;
  };

  static bool better(const Member& a, const Member& b);
  /// Gives each member its rank and crowding distance.
  void stand();
  std::size_t population_max() const;
  const Member& tournament(Rng& rng) const;
  /// Trials by the text of their parameters: unlike SeenPoints' those with real parameters, too, which here come again
  /// when a choice changes back.
  using Tried = std::unordered_set<std::size_t>;
  Point child(const Tried& running, Rng& rng) const;
  void change(Point& point, std::size_t i, Rng& rng) const;
  Point crossed(const Point& a, const Point& b, Rng& rng) const;
  void mutate(Point& point, Rng& rng) const;
  double mutated(const Dimension& d, double u, Rng& rng) const;

  std::int64_t seed_;
  Nsga2Options options_;
  SeenPoints seen_;
  std::vector<Member> population_;  // in order of arrival
  Tried tried_;
  std::size_t results_ = 0;
};

}  // namespace autotune
