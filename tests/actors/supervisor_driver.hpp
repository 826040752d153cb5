// Drives a SupervisorCore by hand: every effect becomes a short word.
#pragma once

#include <string>
#include <vector>

#include "actors/supervisor_core.hpp"

namespace autotune::test {

using Words = std::vector<std::string>;

/// "start worker-0#1 (500 ms)", "stop ps-0 5000 ms", "read worker-0 after 3 to the end", "result Failed: ...", ...
std::string word_of(const SupervisorEffect& effect);

struct Role {
  std::string name;
  int replicas = 1;
  pb::RestartPolicy restart = pb::RESTART_POLICY_NEVER;
};

/// The plan of attempt 3 of trial 7; three restarts are allowed.
pb::AttemptPlan plan_of(const std::string& type, const std::vector<Role>& roles);

class SupervisorDriver {
 public:
  explicit SupervisorDriver(pb::AttemptPlan plan, SupervisorLimits limits = {});

  /// Prepared, and every replica has started.
  void start_all();
  Words prepared() { return did(core.on_prepared(now)); }
  Words started(const std::string& replica, int restart = 0);
  Words exited(const std::string& replica, int code, int restart = 0);
  Words exited(const std::string& replica, pb::ExitCause cause, int signal = 0, int restart = 0);
  /// What a read gives: `count` intermediate reports after the last line given, and a final one where wanted.
  Words read(const std::string& replica, int count = 0,
             std::optional<double> final_value = std::nullopt, bool more = false);
  Words tick(std::chrono::milliseconds after = std::chrono::milliseconds(0));
  Words did(SupervisorEffects effects);

  pb::ReplicaKey key(const std::string& replica, int restart = 0) const;
  ReplicaExit exit(const std::string& replica, pb::ExitCause cause, int code = 0, int signal = 0,
                   int restart = 0) const;

  Time now{};
  SupervisorCore core;
  pb::AttemptResult result;  ///< once it was sent
  int results = 0;

 private:
  std::map<std::string, std::int64_t> lines_;
};

}  // namespace autotune::test
