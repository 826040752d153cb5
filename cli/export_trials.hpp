// export: all trials and all metrics of an experiment, for other programs.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>

#include "cli/tables.hpp"

namespace autotune::cli {

/// Format::csv: `get trials -o csv` with a last column that holds the intermediate results as JSON.
/// Format::json: {"experiment": ..., "trials": [...]}, each intermediate result with all its metrics.
/// Errors: not_found; invalid_argument for another format.
Result<void> export_trials(StoreReader& store, const std::string& experiment,
                           const OutputOptions& options, std::ostream& out);

/// Event files for TensorBoard below `folder`, one run a trial; says how many on `out`. With constraints and several
/// goals `final/feasible` and `final/onFront` stand beside the final metrics, 1 or 0.
Result<void> export_tensorboard(StoreReader& store, const std::string& experiment,
                                const std::filesystem::path& folder, std::ostream& out);

}  // namespace autotune::cli
