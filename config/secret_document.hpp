// Reads `kind: Secret` documents. What they hold never appears in a message.
#pragma once

#include "config/reader.hpp"
#include "messages/experiment.pb.h"

namespace autotune::config {

/// Reads the document into `out`; what is wrong is told.
void read_secret(Reader& reader, const Node& document, pb::SecretDocument& out);

}  // namespace autotune::config
