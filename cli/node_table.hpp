// What people and scripts read of a cluster's nodes. Pure: text out of facts.
#pragma once

#include <ostream>
#include <vector>

#include "cli/tables.hpp"
#include "messages/node.pb.h"

namespace autotune::cli {

/// `get nodes`, by name.
void write_nodes(std::vector<pb::NodeSummary> nodes, const OutputOptions& options,
                 std::ostream& out);

}  // namespace autotune::cli
