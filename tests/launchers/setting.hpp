// A plan with what the launcher would know of it, for tests of single steps.
#pragma once

#include "launchers/replica_environment.hpp"

namespace autotune::test {

inline pb::Container& container_of(pb::AttemptPlan& plan) {
  return *plan.mutable_training_config()->mutable_tasks(0)->mutable_container();
}

struct Setting {
  pb::AttemptPlan plan;
  JobFolder folder;
  std::vector<std::string> base = {"PATH=/usr/bin:/bin", "KEPT=yes"};
  std::vector<std::uint16_t> ports = {20001, 20002, 20003, 20004};

  explicit Setting(pb::AttemptPlan given)
      : plan(std::move(given)), folder(*JobFolder::of("/home", plan)) {}

  AttemptContext context() const { return {&plan, &folder, ports, &base, "/sdk"}; }
  Result<ReplicaCommand> command(std::size_t replica = 0) const {
    return command_of(context(), replicas_of(plan).at(replica));
  }
};

}  // namespace autotune::test
