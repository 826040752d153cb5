// Takes what nobody else may see out of specs and events.
#pragma once

#include <string>
#include <vector>

#include "messages/event.pb.h"
#include "messages/experiment.pb.h"
#include "messages/redaction.hpp"
#include "messages/value.hpp"

namespace autotune::cli {

/// The names of environment variables stay, their values go; so do annotations, where Kubernetes'
/// tools keep whole files.
void remove_environment(pb::ExperimentSpec& spec);
/// Overrides keep their paths; their values go where the path leads into a template.
void remove_environment(pb::RunOptions& options);
void remove_environment(pb::Event& event);

/// Values of names such as "token", "apiKey", "password", anywhere in the value.
void remove_credentials(Value& value);

/// The values of the environment that the spec gives to trials.
std::vector<std::string> environment_values(const pb::ExperimentSpec& spec);

}  // namespace autotune::cli
