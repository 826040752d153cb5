#include "launchers/launcher_switch.hpp"

#include <algorithm>

namespace autotune {

namespace {

AttemptKey key_of(const pb::AttemptPlan& plan) {
  return {plan.experiment_id(), plan.sequence(), plan.attempt()};
}

}  // namespace

LauncherSwitch::LauncherSwitch(std::map<std::string, std::unique_ptr<Launcher>> by_kind)
    : by_kind_(std::move(by_kind)) {}

Result<Launcher*> LauncherSwitch::choose(const pb::AttemptPlan& plan) {
  const std::string kind = plan.launcher().kind().empty() ? "process" : plan.launcher().kind();
  auto found = by_kind_.find(kind);
  if (found == by_kind_.end()) {
    std::string known;
    for (const auto& [name, launcher] : by_kind_)
      known += (known.empty() ? "" : ", ") + name;
    return fail(ErrorCode::invalid_argument,
                "launcher '" + kind + "' is not available on this node; available are: " + known);
  }
  of_attempt_[key_of(plan)] = found->second.get();
  return found->second.get();
}

Launcher* LauncherSwitch::find(const pb::ReplicaKey& key) {
  auto found = of_attempt_.find({key.experiment_id(), key.sequence(), key.attempt()});
  return found == of_attempt_.end() ? nullptr : found->second;
}

Result<void> LauncherSwitch::prepare(const pb::AttemptPlan& plan) {
  auto launcher = choose(plan);
  return launcher ? (*launcher)->prepare(plan) : tl::unexpected(launcher.error());
}

Result<std::vector<AdoptedReplica>> LauncherSwitch::adopt(const pb::AttemptPlan& plan) {
  auto launcher = choose(plan);
  if (!launcher)
    return tl::unexpected(launcher.error());
  return (*launcher)->adopt(plan);
}

void LauncherSwitch::start(const pb::ReplicaKey& key,
                           std::optional<std::chrono::milliseconds> deadline) {
  if (auto* launcher = find(key))
    launcher->start(key, deadline);
}

void LauncherSwitch::stop(const pb::ReplicaKey& key, std::chrono::milliseconds grace) {
  if (auto* launcher = find(key))
    launcher->stop(key, grace);
}

std::vector<LauncherEvent> LauncherSwitch::poll(Time now) {
  std::vector<LauncherEvent> events;
  for (auto& [kind, launcher] : by_kind_) {
    auto more = launcher->poll(now);
    std::move(more.begin(), more.end(), std::back_inserter(events));
  }
  return events;
}

std::optional<Time> LauncherSwitch::next_wakeup() const {
  std::optional<Time> next;
  for (const auto& [kind, launcher] : by_kind_)
    if (auto time = launcher->next_wakeup())
      next = next ? std::min(*next, *time) : *time;
  return next;
}

void LauncherSwitch::on_activity(std::function<void()> wake) {
  for (auto& [kind, launcher] : by_kind_)
    launcher->on_activity(wake);
}

Result<ReportBatch> LauncherSwitch::read_reports(const pb::ReplicaKey& key, std::int64_t after_line,
                                                 std::size_t lines_max, bool ended) {
  auto* launcher = find(key);
  if (launcher == nullptr)
    return fail(ErrorCode::not_found, "no such attempt was prepared here");
  return launcher->read_reports(key, after_line, lines_max, ended);
}

void LauncherSwitch::release(const AttemptKey& attempt) {
  auto found = of_attempt_.find(attempt);
  if (found == of_attempt_.end())
    return;
  found->second->release(attempt);
  of_attempt_.erase(found);
}

void LauncherSwitch::renew_lease(std::chrono::milliseconds lease) {
  for (auto& [kind, launcher] : by_kind_)
    launcher->renew_lease(lease);
}

}  // namespace autotune
