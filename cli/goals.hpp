// Goals and constraints in words and as JSON: headings, fronts, what is broken and by how much. Pure but for the reader.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "messages/objective.hpp"
#include "messages/value.hpp"
#include "store/store.hpp"

namespace autotune::cli {

/// True for one goal without constraints: what concerns the others is then left out of what is printed.
bool is_plain(const Objective& objective);

/// A table's heading: "accuracy (max)", "latency_ms (<= 20)", "size (min, <= 9)".
std::string heading_of(const Objective& objective, const std::string& metric);

/// The value of the final result, that of the first goal where there are several; nothing where it is not in there.
std::optional<double> final_value(const Objective& objective, const Metrics& final_metrics);

/// "latency_ms <= 20 by 3.2"; "latency_ms < 20, being 20" where there is no distance to tell.
std::string breach_text(const Constraint& constraint, double value);

/// "breaks latency_ms <= 20 by 3.2, size < 9 by 1"; empty where nothing is broken, or the result is none.
std::string breaches_text(const Objective& objective, const Metrics& final_metrics);

/// How a trial stands: "yes" on the front, "no", "infeasible", "-" without a result; with one goal "yes" and "no" tell
/// whether it is feasible.
std::string standing_text(const Objective& objective, const Metrics& final_metrics, bool on_front);
/// The heading of a column of these.
std::string standing_heading(const Objective& objective);

/// "no trial meets the constraints yet; nearest: trial 7 breaks latency_ms <= 20 by 3.2".
std::string nearest_text(const Objective& objective, std::int64_t sequence,
                         const Metrics& final_metrics);

/// The trials of a front, or the nearest to one.
struct FrontTrials {
  std::vector<pb::TrialSummary> trials;
  std::optional<pb::TrialSummary> nearest;
};
Result<FrontTrials> read_front(StoreReader& store, const std::string& experiment_id);

/// Trials of a front in a table: SEQ, ID, each metric with its direction, PARAMETERS. `indent` begins each line.
void print_front(const Objective& objective, const std::vector<pb::TrialSummary>& trials,
                 const std::string& indent, std::ostream& out);

/// [{"metric", "goal"}].
Value goals_value(const Objective& objective);
/// ["latency_ms <= 20"].
Value constraints_value(const Objective& objective);
/// {"latency_ms <= 20": 3.2}, 0 where it is met; null where the result is none.
Value violations_value(const Objective& objective, const Metrics& final_metrics);
/// [{"sequence", "id", "values": {"accuracy": 0.9, ...}, "finalMetrics", "parameters"}], in the order given.
Value front_value(const Objective& objective, const std::vector<pb::TrialSummary>& trials);
/// {"sequence", "violations"}; null where there is none.
Value nearest_value(const Objective& objective, const std::optional<pb::TrialSummary>& nearest);

}  // namespace autotune::cli
