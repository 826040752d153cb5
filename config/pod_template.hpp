// Reads a task's PodTemplate: picks the main container out of it and checks what we use.
#pragma once

#include <string>
#include <string_view>

#include "config/reader.hpp"
#include "config/training_config.hpp"
#include "messages/experiment.pb.h"

namespace autotune::config {

struct PodContext {
  const TrainingContext& training;
  const std::string& main_name;  ///< the container of this name is the main one, else the first
};

/// Reads the template into the task. What Kubernetes knows is accepted, whoever honours it.
void read_pod_template(Reader& reader, const Node& node, const std::string& path,
                       const PodContext& context, pb::Task& task);

}  // namespace autotune::config
