// The rows of a CSV file as trials of a search space. Pure: trials out of a table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/csv_reader.hpp"
#include "messages/experiment.pb.h"
#include "messages/objective.hpp"
#include "messages/search_space.hpp"
#include "messages/value.hpp"

namespace autotune::cli {

/// A finished trial from elsewhere, not yet checked against the space.
struct WarmRow {
  std::string where;  ///< "runs.csv:4" or "digits-a1b2c/3"
  Value parameters;
  Metrics metrics;
};

struct WarmRows {
  std::vector<WarmRow> rows;
  std::size_t left_out = 0;  ///< those that did not succeed, or have no finite value
};

/// Reads a table with a column for each parameter (`lr` or `parameter.lr`, what is nested as `net/_name` and `net/k`, or
/// whole as JSON) and one for the results (`metric.NAME`, NAME, `final` or `value`), as `export` writes it or somebody
/// by hand. Errors: invalid_argument, every mistake of the heading or the first few of the rows, each with its line.
Result<WarmRows> warm_rows_of(const CsvTable& table, const std::string& name,
                              const SearchSpace& space, const pb::ExperimentSpec& spec);

/// True where each goal of the spec has a finite value, and each constraint its metric.
bool has_results(const Metrics& metrics, const pb::ExperimentSpec& spec);

/// The first few mistakes, one a line, and how many more there are.
std::string first_few(const std::vector<std::string>& mistakes);

}  // namespace autotune::cli
