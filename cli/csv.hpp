// Experiments and trials as CSV (RFC 4180), for spreadsheets and data frames. Pure: text out of facts.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/intermediate_reports.hpp"
#include "cli/json_output.hpp"

namespace autotune::cli {

/// A column's name and a cell's text.
using NamedCell = std::pair<std::string, std::string>;

/// One line of RFC 4180.
void csv_row(const std::vector<std::string>& cells, std::ostream& out);

/// A value in the cells that it takes: strings bare, the rest as JSON, an object's members each in a column of its own
/// (NAME/MEMBER).
std::vector<NamedCell> cells_of(const std::string& name, const Value& value);

/// How many trials are on the fronts of the experiments that have several goals, by ID.
using FrontSizes = std::map<std::string, std::size_t>;

/// A row an experiment; `front` is empty where there is one goal, `best` where there are several.
void write_experiments_csv(const std::vector<pb::ExperimentSummary>& experiments,
                           const FrontSizes& fronts, std::ostream& out);

/// Trials as CSV (RFC 4180), a row each: sequence, id, state, final, with constraints feasible, with several
/// goals onFront, metric.NAME for each final metric,
/// parameter.NAME for each parameter (nested ones as NAME/INNER), and the rest of `get trials`. With `intermediate`
/// a last column holds all intermediate results as JSON.
Result<void> write_trials_csv(const std::vector<pb::TrialSummary>& trials, const TrialJson& how,
                              IntermediateReports* intermediate, std::ostream& out);

}  // namespace autotune::cli
