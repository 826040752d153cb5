// Several launchers behind one: each attempt goes to the one that its experiment names.
#pragma once

#include <map>
#include <unordered_map>

#include "launchers/launcher.hpp"

namespace autotune {

/// Hands each call to the launcher of the attempt's `launcher.kind` ("process" where it is empty).
class LauncherSwitch : public Launcher {
 public:
  explicit LauncherSwitch(std::map<std::string, std::unique_ptr<Launcher>> by_kind);

  Result<void> prepare(const pb::AttemptPlan& plan) override;
  void start(const pb::ReplicaKey& key, std::optional<std::chrono::milliseconds> deadline) override;
  void stop(const pb::ReplicaKey& key, std::chrono::milliseconds grace) override;
  std::vector<LauncherEvent> poll(Time now) override;
  std::optional<Time> next_wakeup() const override;
  void on_activity(std::function<void()> wake) override;
  Result<ReportBatch> read_reports(const pb::ReplicaKey& key, std::int64_t after_line,
                                   std::size_t lines_max, bool ended) override;
  Result<std::vector<AdoptedReplica>> adopt(const pb::AttemptPlan& plan) override;
  void release(const AttemptKey& attempt) override;
  void renew_lease(std::chrono::milliseconds lease) override;

 private:
  Result<Launcher*> choose(const pb::AttemptPlan& plan);
  Launcher* find(const pb::ReplicaKey& key);

  std::map<std::string, std::unique_ptr<Launcher>> by_kind_;
  std::unordered_map<AttemptKey, Launcher*> of_attempt_;
};

}  // namespace autotune
