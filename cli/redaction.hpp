// Takes what nobody else may see out of texts and specs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/event.pb.h"
#include "messages/experiment.pb.h"
#include "messages/value.hpp"

namespace autotune::cli {

/// Replaces values, wherever they stand, by "[removed]".
class Redaction {
 public:
  /// The value itself, its lines, and both as JSON and as base64 show them. Values under four bytes
  /// are left: they keep nothing secret, and every text is full of them.
  void hide(std::string_view value);

  std::string clean(std::string text) const;

 private:
  void hide_exactly(std::string text);

  std::vector<std::string> hidden_;  // longest first, so that no part of one is left standing
};

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
