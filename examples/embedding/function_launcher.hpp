// A launcher for trials that are calls of a C++ function in this process.
#pragma once

#include <functional>
#include <map>

#include "launchers/launcher.hpp"
#include "messages/value.hpp"

/// Calls a function with a trial's parameters; what it returns is the trial's final result. Calls are made one after
/// the other, on the node agent's thread: for a function that takes long, make them on threads of your own.
class FunctionLauncher : public autotune::Launcher {
 public:
  using Function = std::function<double(const autotune::Value& parameters)>;

  explicit FunctionLauncher(Function function) : function_(std::move(function)) {}

  autotune::Result<void> prepare(const autotune::pb::AttemptPlan& plan) override;
  void start(const autotune::pb::ReplicaKey& key,
             std::optional<std::chrono::milliseconds> deadline) override;
  void stop(const autotune::pb::ReplicaKey&, std::chrono::milliseconds) override {}
  std::vector<autotune::LauncherEvent> poll(autotune::Time) override {
    return std::exchange(events_, {});
  }
  std::optional<autotune::Time> next_wakeup() const override { return std::nullopt; }
  void on_activity(std::function<void()> wake) override { wake_ = std::move(wake); }
  autotune::Result<autotune::ReportBatch> read_reports(const autotune::pb::ReplicaKey& key,
                                                       std::int64_t after_line,
                                                       std::size_t lines_max, bool ended) override;
  /// A call does not outlive its process: what had not ended runs anew.
  autotune::Result<std::vector<autotune::AdoptedReplica>> adopt(
      const autotune::pb::AttemptPlan& plan) override;
  void release(const autotune::AttemptKey& attempt) override { attempts_.erase(attempt); }
  void renew_lease(std::chrono::milliseconds) override {}

 private:
  struct Attempt {
    autotune::Value parameters;
    std::optional<double> result;
  };

  Function function_;
  std::function<void()> wake_;
  std::map<autotune::AttemptKey, Attempt> attempts_;
  std::vector<autotune::LauncherEvent> events_;
};
