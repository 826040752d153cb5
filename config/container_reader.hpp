// Reads the main container of a PodTemplate: command, environment, resources, mounts.
#pragma once

#include <string>

#include "config/reader.hpp"
#include "config/training_config.hpp"
#include "messages/experiment.pb.h"

namespace autotune::config {

/// Reads the container into the task, whose volumes are known already.
void read_container(Reader& reader, const Node& node, const std::string& path,
                    const TrainingContext& context, pb::Task& task);

}  // namespace autotune::config
