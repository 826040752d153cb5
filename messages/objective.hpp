// What an experiment is after: goals, constraints, and which of two results is the better one. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "messages/experiment.pb.h"
#include "messages/result.hpp"
#include "messages/trial.pb.h"

namespace autotune {

using Metrics = google::protobuf::RepeatedPtrField<pb::Metric>;

/// The metric of that name; null where there is none.
const pb::Metric* find_metric(const Metrics& metrics, std::string_view name);

/// The metric that the only goal, called `name`, means: that of the name, else a bare number, whatever the goal is
/// called; null where neither is there. With several goals it is the first goal's in an intermediate result.
const pb::Metric* find_objective(const Metrics& metrics, std::string_view name);

/// A bound that a trial's final result must keep.
struct Constraint {
  enum class Op { at_most, at_least, below, above };  // <= >= < >

  std::string metric;
  Op op = Op::at_most;
  double bound = 0;  ///< finite

  friend bool operator==(const Constraint&, const Constraint&) = default;
};

/// "latency_ms <= 20": a metric, one of <= >= < >, a number. invalid_argument: says what would be right.
Result<Constraint> parse_constraint(std::string_view text);

/// "latency_ms <= 20".
std::string to_text(const Constraint& constraint);

/// False for two of one metric that leave no number between them.
bool can_both_hold(const Constraint& a, const Constraint& b);

/// By how much `value` breaks the constraint, in the metric's unit: 0 where it is met. A value on the bound of < or >
/// counts as the smallest positive normal number, NaN as infinity.
double violation_of(const Constraint& constraint, double value);

/// A final result as the objective sees it.
struct Scores {
  /// Of each goal in the file's order, as reported, perhaps not finite; empty where a metric is missing.
  std::vector<double> values;
  /// Of each constraint, 0 where it is met, perhaps infinite; empty where a metric is missing.
  std::vector<double> violations;
  /// What the result lacks: "final result has no 'latency_ms', which a constraint needs; it has: accuracy".
  std::string missing;

  /// True where every goal has a finite value: only then it is a result to compare.
  bool finite() const;
  bool feasible() const;
};

/// A finite result, ready to be compared.
struct Standing {
  std::vector<double> losses;  ///< per goal, smaller is better
  double breach =
      0;  ///< sum of violations, each in shares of its bound (bound 0: as it is); 0: feasible

  friend bool operator==(const Standing&, const Standing&) = default;
};

/// Goals and constraints of a spec, read once.
class Objective {
 public:
  struct Goal {
    std::string metric = "default";
    bool minimize = false;
  };

  /// Without goals: maximize "default". Constraints were checked at admission; one that cannot be read asks for a
  /// metric that no trial reports, so that it is seen.
  explicit Objective(const pb::Objective& objective = {});

  const std::vector<Goal>& goals() const { return goals_; }
  const std::vector<Constraint>& constraints() const { return constraints_; }
  /// The metrics that a final result must hold: those of goals in their order, then those of constraints alone.
  std::vector<std::string> metrics() const;
  bool has_several_goals() const { return goals_.size() > 1; }

  /// A result without any metric has nothing missing that it could name: it is empty in all parts.
  Scores scores_of(const Metrics& final_metrics) const;
  /// `scores` must be finite.
  Standing standing_of(const Scores& scores) const;
  /// The first goal's value in an intermediate result; null where it is not in there.
  const pb::Metric* find_intermediate(const Metrics& metrics) const {
    return find_objective(metrics, goals_.front().metric);
  }
  /// The metric of a goal or a constraint; null where there is none. A bare number is the only goal's.
  const pb::Metric* find(const Metrics& final_metrics, const std::string& metric) const;

 private:
  std::vector<Goal> goals_;  // at least one
  std::vector<Constraint> constraints_;
};

/// True where `a` is better: it breaks the constraints less, or as much and is no worse in any goal, better in one
/// (K. Deb et al., NSGA-II, 2002, section VI).
bool dominates(const Standing& a, const Standing& b);

/// Indices of the results that no other dominates, rising; equal ones stand beside each other. Infeasible ones only
/// where none is feasible. O(n log n) for one and two goals, O(n * front) for more.
std::vector<std::size_t> pareto_front(std::span<const Standing> results);

/// The same as results come one by one: O(log front) each for one and two goals, O(front) for more.
class ParetoFront {
 public:
  /// What a result changed: whether nothing dominates it, and which sequences it has pushed off the front.
  struct Change {
    bool joined = false;
    std::vector<std::int64_t> left;
  };

  Change offer(std::int64_t sequence, Standing standing);
  bool empty() const { return members_.empty(); }
  /// Whether its members are feasible; the empty front is not.
  bool feasible() const { return !empty() && members_.begin()->first.breach == 0; }
  /// By the first goal, the best first; equal ones by the others, then by sequence.
  std::vector<std::int64_t> sequences() const;

 private:
  using Member = std::pair<Standing, std::int64_t>;
  struct Before {
    bool operator()(const Member& a, const Member& b) const;
  };
  bool is_dominated(const Member& one) const;

  std::set<Member, Before> members_;  // all with the same breach
};

}  // namespace autotune
