// Reads `initialTrials`: parameter sets to try first, each checked against the search space.
#pragma once

#include <string>

#include "config/reader.hpp"
#include "messages/experiment.pb.h"
#include "messages/search_space.hpp"

namespace autotune::config {

/// Reads the list into `spec`; what is wrong is told.
void read_initial_trials(const Fields& spec_fields, const SearchSpace& space,
                         pb::ExperimentSpec& spec);

}  // namespace autotune::config
