// Event files that TensorBoard reads: one run a trial, a curve a metric.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "messages/result.hpp"
#include "messages/trial.pb.h"

namespace autotune::cli {

/// One record of an event file (TFRecord): length, its masked CRC-32C, the bytes, their masked CRC-32C.
std::string tensorboard_record(std::string_view bytes);

/// A trial's event file: its intermediate reports as scalars "NAME" at their steps, its final result as
/// "final/NAME" at the last step.
std::string tensorboard_events(const pb::TrialSummary& trial,
                               std::span<const pb::Report> intermediate);

/// Writes them to `<folder>/<sequence>-<id>/events.out.tfevents.<seconds>.autotune`, replacing what it wrote before.
Result<void> write_tensorboard(const pb::TrialSummary& trial,
                               std::span<const pb::Report> intermediate,
                               const std::filesystem::path& folder);

}  // namespace autotune::cli
