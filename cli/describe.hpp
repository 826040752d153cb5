// describe: everything about one experiment or one trial, its events in order, and for what waits: why.
#pragma once

#include <ostream>
#include <string>

#include "cli/tables.hpp"
#include "messages/ids.hpp"

namespace autotune::cli {

/// An experiment by ID or name; Format::json gives one object (`get experiments`' with more beside it).
Result<void> describe_experiment(StoreReader& store, const std::string& experiment,
                                 const OutputOptions& options, std::ostream& out);

/// A trial; Format::json gives one object (`get trials`' with its events beside it).
Result<void> describe_trial(StoreReader& store, const std::string& experiment, Sequence sequence,
                            const OutputOptions& options, std::ostream& out);

}  // namespace autotune::cli
