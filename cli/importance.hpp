// describe --importance: which parameters the objective depends on.
#pragma once

#include <ostream>
#include <string>

#include "cli/tables.hpp"

namespace autotune::cli {

/// The shares of the objective's variance that parameters, and pairs of them, explain; Format::json gives one object.
/// not_found (no such experiment); failed_precondition (too few results, or all equal).
Result<void> write_importance(StoreReader& store, const std::string& experiment,
                              const OutputOptions& options, std::ostream& out);

}  // namespace autotune::cli
