// The contract of early stopping.
#pragma once

#include <optional>
#include <string>

#include "messages/trial.hpp"

namespace autotune {

/// Decides from its intermediate results whether a running trial should be ended. Pure, as a Tuner
/// is.
class Assessor {
 public:
  virtual ~Assessor() = default;

  /// Called after each new intermediate result; a reason means: stop this trial.
  virtual std::optional<std::string> assess(const Trial& running) = 0;

  /// Takes in an ended trial with all its intermediate results.
  virtual void tell(const Trial& ended) = 0;
};

}  // namespace autotune
