// Reads `trainingConfig`: the roles of a trial, and what each runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/reader.hpp"
#include "messages/experiment.pb.h"
#include "messages/search_space.hpp"

namespace autotune::config {

/// What the readers below trainingConfig need to know of the rest of the file.
struct TrainingContext {
  std::string launcher;                           ///< kind of launcher that will run the trials
  std::vector<std::string_view> parameter_names;  ///< of the search space, nested ones too
  bool needs_command = true;                      ///< false where the launcher runs none
  bool has_parameters = false;  ///< false where the search space could not be read
};

/// Reads the node into `out`; what is wrong is told.
void read_training_config(Reader& reader, const Node& node, const std::string& path,
                          const TrainingContext& context, pb::TrainingConfig& out);

}  // namespace autotune::config
