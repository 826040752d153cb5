// The storage meter actor: how much an experiment with a quota has stored, now and then.
#pragma once

#include <functional>
#include <string>

#include "actors/interfaces.hpp"

namespace autotune {

/// Bytes that an experiment's rows and the logs of its trials take. May touch many files, so it is called on a thread
/// of its own.
using MeasureStorage = std::function<Result<std::int64_t>(const std::string& experiment_id)>;

/// Bounds of measuring.
struct StorageMeterLimits {
  /// How old a measurement may be: what is written meanwhile is how far a quota may be exceeded unnoticed.
  std::chrono::milliseconds interval{1000};
  /// With a hundred thousand trials a look takes a while: it takes at most one part in this many of the time.
  int share_of_time = 20;
};

/// State of the STORAGE METER actor. It ends with its experiment, to which it is linked.
class StorageMeterState {
 public:
  StorageMeterState(StorageMeterActor::pointer self, ExperimentActor experiment,
                    std::string experiment_id, MeasureStorage measure,
                    StorageMeterLimits limits = {});

  StorageMeterActor::behavior_type make_behavior();
  static inline const char* name = "storage-meter";

 private:
  void measure();

  StorageMeterActor::pointer self_;
  ExperimentActor experiment_;
  std::string experiment_id_;
  MeasureStorage measure_;
  StorageMeterLimits limits_;
};

}  // namespace autotune
