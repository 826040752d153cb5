// The node agent: this machine's launcher and the supervisors of what runs on it.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <unordered_map>

#include "actors/interfaces.hpp"

namespace autotune {

struct NodeAgentLimits {
  SupervisorLimits supervisor;
  /// A running trial whose agent is gone is ended after this: ten minutes for `run` (a suspended laptop must not
  /// lose its trials). 0: only RenewLease renews it, for an agent of another machine's head.
  std::chrono::milliseconds lease{600000};
};

/// State of the NODE AGENT actor. It alone calls the launcher.
class NodeAgentState {
 public:
  NodeAgentState(NodeAgentActor::pointer self, std::shared_ptr<Launcher> launcher,
                 ReportsActor sink, NodeAgentLimits limits);
  ~NodeAgentState();

  NodeAgentActor::behavior_type make_behavior();
  static inline const char* name = "node-agent";

 private:
  Time now() const { return self_->clock().now(); }
  TrialSupervisorActor* find(const AttemptKey& key);
  TrialSupervisorActor* find(const pb::ReplicaKey& key);
  void take_in(LaunchAttempt& wish);
  void launch_next();
  void launch_now(const AttemptKey& key);
  void launch(LaunchAttempt& wish);
  void read(const ReadReports& wish);
  void poll();
  void schedule_wakeup();
  void keep_ticking();

  NodeAgentActor::pointer self_;
  std::shared_ptr<Launcher> launcher_;
  ReportsActor sink_;
  NodeAgentLimits limits_;
  std::deque<LaunchAttempt> launches_;  // wait for their turn
  std::unordered_map<AttemptKey, TrialSupervisorActor> supervisors_;
  std::shared_ptr<std::atomic<bool>>
      poll_sent_;  // one poll message at a time, however much happens
  std::optional<Time> wakeup_;
  std::optional<Time> lease_renewed_;
  bool ticking_ = false;
};

}  // namespace autotune
