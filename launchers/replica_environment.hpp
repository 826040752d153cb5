// What a replica runs, and with which environment: the spec's variables, Secrets, and texts expanded.
#pragma once

#include <string>
#include <vector>

#include "launchers/job_folder.hpp"
#include "messages/node.pb.h"
#include "messages/result.hpp"

namespace autotune {

/// One replica of a plan.
struct ReplicaPlace {
  const pb::Task* task = nullptr;
  int index = 0;     ///< within its role
  int rank = 0;      ///< among all replicas: the master first, then in the order of the file
  std::string name;  ///< "worker-0"
};

/// All replicas of a plan in the order of the file.
std::vector<ReplicaPlace> replicas_of(const pb::AttemptPlan& plan);

/// How many ports the replicas of this attempt need.
std::size_t ports_needed(const pb::TrainingConfig& training);

/// What is the same for all replicas of an attempt.
struct AttemptContext {
  const pb::AttemptPlan* plan = nullptr;
  const JobFolder* folder = nullptr;
  std::vector<std::uint16_t> ports;
  const std::vector<std::string>* base_environment = nullptr;  ///< NAME=VALUE
  std::string sdk_path;  ///< appended to PYTHONPATH; empty: not
};

struct ReplicaCommand {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  ///< NAME=VALUE
  std::string folder;                    ///< where it starts
  std::vector<std::string> notices;      ///< what a user should know
};

/// The command of a replica, all expanded. Error: invalid_argument (no command, an unknown parameter, a Secret that
/// is missing, too few GPUs), saying which.
Result<ReplicaCommand> command_of(const AttemptContext& attempt, const ReplicaPlace& replica);

/// Whether this replica decides the trial: tensorflow: chief, else worker 0; pytorch and xgboost: master, else
/// worker 0; otherwise the first. Collectors read what this one writes.
bool decides_trial(const pb::TrainingConfig& training, const ReplicaPlace& replica);

/// The value of a Secret's key. Error: not_found, naming both and what there is.
Result<std::string> secret_value(const pb::AttemptPlan& plan, const std::string& name,
                                 const std::string& key);

/// The folder of the Python package t9k: $AUTOTUNE_SDK_PATH, else beside the binary (a source tree's build, or an
/// installation); empty where there is none.
std::string find_sdk();

}  // namespace autotune
