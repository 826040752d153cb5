// describe --importance: which parameters the objective depends on.
#pragma once

#include <ostream>
#include <string>

#include "cli/tables.hpp"

namespace autotune::cli {

/// The shares of a metric's variance that parameters, and pairs of them, explain; `metric` empty: of each goal.
/// Format::json gives one object, for several goals an array of them. not_found (no such experiment, or metric);
/// failed_precondition (too few results, or all equal).
Result<void> write_importance(StoreReader& store, const std::string& experiment,
                              const std::string& metric, const OutputOptions& options,
                              std::ostream& out);

}  // namespace autotune::cli
