// A trial as an algorithm sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/ids.hpp"
#include "messages/value.hpp"

namespace autotune {

enum class TrialOutcome { running, succeeded, failed, early_stopped, killed };

struct Measurement {
  std::int64_t step = 0;
  double value = 0;  ///< finite

  friend bool operator==(const Measurement&, const Measurement&) = default;
};

struct Trial {
  Sequence sequence = 0;  ///< below 0: of a warm start
  Value parameters;
  TrialOutcome outcome = TrialOutcome::running;
  std::optional<double> final_value;       ///< finite; as reported, not yet turned by the direction
  std::vector<Measurement> intermediates;  ///< finite ones, in order of their becoming durable
  std::string lineage;                     ///< what the algorithm gave with its suggestion
  bool own = true;  ///< proposed by this tuner (not by the user or a warm start)
  /// With several goals: the final value of each, in the file's order, finite; else empty. The first is final_value.
  std::vector<double> goal_values;
  /// By how much each constraint is broken: 0 where it is met, may be infinite; empty without constraints, and without
  /// final values.
  std::vector<double> violations;
};

}  // namespace autotune
