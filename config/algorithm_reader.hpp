// Reads tuner, assessor and advisor, and which way is better.
#pragma once

#include "config/reader.hpp"
#include "messages/experiment.pb.h"

namespace autotune::config {

/// Reads `tuner`, `assessor`, `advisor` and `objective` of the spec into `spec`.
///
/// Names and arguments are not judged here: the factory of the tuners knows them. A direction stays
/// GOAL_UNSPECIFIED where the file says none and the algorithm's default counts.
void read_algorithms(const Fields& spec_fields, pb::ExperimentSpec& spec);

}  // namespace autotune::config
