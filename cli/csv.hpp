// Experiments and trials as CSV (RFC 4180), for spreadsheets and data frames. Pure: text out of facts.
#pragma once

#include <ostream>
#include <vector>

#include "cli/intermediate_reports.hpp"
#include "cli/json_output.hpp"

namespace autotune::cli {

/// A row an experiment.
void write_experiments_csv(const std::vector<pb::ExperimentSummary>& experiments,
                           std::ostream& out);

/// Trials as CSV (RFC 4180), a row each: sequence, id, state, final, metric.NAME for each final metric,
/// parameter.NAME for each parameter (nested ones as NAME/INNER), and the rest of `get trials`. With `intermediate`
/// a last column holds all intermediate results as JSON.
Result<void> write_trials_csv(const std::vector<pb::TrialSummary>& trials, const TrialJson& how,
                              IntermediateReports* intermediate, std::ostream& out);

}  // namespace autotune::cli
