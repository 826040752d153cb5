// Which fields of a file a launcher cannot honour.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/experiment.pb.h"

namespace autotune {

/// The fields of the pod templates that a launcher of this kind ignores, each once, in the order of the file:
/// "image", "securityContext.runAsUser", "volumes.configMap". Empty for kubernetes, which honours all, and for
/// simulated, which runs nothing. Works on stored specs too.
std::vector<std::string> ignored_fields(const pb::TrainingConfig& training,
                                        std::string_view launcher, bool honor_run_as_user);

}  // namespace autotune
