// Prints a spec as the file that a user would have written, with the defaults filled in.
#pragma once

#include <string>

#include "messages/experiment.pb.h"

namespace autotune {

/// YAML in the field names of the file, which loads to the same spec again.
std::string print_spec(const pb::ExperimentSpec& spec);

}  // namespace autotune
