// Metrics collectors: turn what a program writes anyway (stdout, a file, TensorBoard's event files) into reports.
//
// A collector appends the reports to `collected.jsonl` in the replica's folder, each with the place in its source
// ("at") behind which to go on. So their numbers never change, and a restarted agent neither loses nor repeats one.
#pragma once

#include <memory>
#include <string>

#include "messages/experiment.pb.h"
#include "messages/result.hpp"

namespace autotune {

/// Bounds of collectors.
struct CollectorLimits {
  /// Of a line, what lies behind is not looked at: a regular expression over megabytes takes for ever.
  std::size_t line_bytes_max = 2048;
  /// Read in one go.
  std::size_t chunk_bytes = 256 * 1024;
  /// Of a TensorBoard record; images and graphs are larger, and skipped.
  std::size_t record_bytes_max = 64 << 20;
  /// Event files in one folder tree.
  std::size_t files_max = 1000;
};

class Collector {
 public:
  virtual ~Collector() = default;
  /// Reads on and appends what it found. `ended`: the replica is gone; its last number becomes the final result.
  /// Error: failed_precondition (collected.jsonl cannot be written).
  virtual Result<void> collect(bool ended) = 0;
};

/// `source`: stdout's path, the file's, or the folder with event files, on this machine. `target`: collected.jsonl.
/// Null for kind `sdk` (no collector is needed). Errors: invalid_argument (unknown kind, a pattern with a mistake).
Result<std::unique_ptr<Collector>> make_collector(const pb::MetricsCollector& how,
                                                  const std::string& source,
                                                  const std::string& target,
                                                  CollectorLimits limits = {});

}  // namespace autotune
