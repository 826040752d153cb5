// Reads `initialTrials`: parameter sets to try first, each checked against the search space.
#pragma once

#include <string>

#include "config/reader.hpp"
#include "config/search_space_reader.hpp"
#include "messages/experiment.pb.h"

namespace autotune::config {

/// Reads the list into `spec`; what is wrong is told.
void read_initial_trials(const Fields& spec_fields, const ReadSpace& read_space,
                         pb::ExperimentSpec& spec);

}  // namespace autotune::config
