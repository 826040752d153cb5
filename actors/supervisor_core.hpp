// What a trial supervisor decides: when replicas start, restart and end, and how an attempt ended.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "launchers/launcher.hpp"

namespace autotune {

// --- effects ------------------------------------------------------------------------------------------------------

struct StartReplica {
  pb::ReplicaKey key;
  std::optional<std::chrono::milliseconds> deadline;
};
struct StopReplica {
  pb::ReplicaKey key;
  std::chrono::milliseconds grace;
};
struct ReadReports {
  pb::ReplicaKey key;
  std::int64_t after_line = 0;
  bool ended = false;
};
struct SendReports {
  pb::ReportsMessage message;
};
struct SendNews {
  pb::AttemptNews news;
};
struct SendResult {
  pb::AttemptResult result;
};

using SupervisorEffect =
    std::variant<StartReplica, StopReplica, ReadReports, SendReports, SendNews, SendResult>;
using SupervisorEffects = std::vector<SupervisorEffect>;

/// Bounds of one attempt's supervision.
struct SupervisorLimits {
  /// How often a running replica's reports are looked at: soon enough for an assessor, cheap for 64 trials.
  std::chrono::milliseconds report_interval{50};
  /// Lines read at a time, so that one talkative trial does not hold up the node.
  std::size_t lines_max = 2000;
  /// Reports on their way to the store; beyond it reading waits (back-pressure).
  std::size_t unacknowledged_max = 10000;
  /// Reports that may travel with the attempt's result; more are stored first.
  std::size_t trailing_max = 200;
  /// A restart of a replica waits 1 s, then 2, 4, ... but never longer than this.
  std::chrono::milliseconds restart_backoff_max{60000};
};

/// One attempt of one trial on one node.
class SupervisorCore {
 public:
  explicit SupervisorCore(pb::AttemptPlan plan, SupervisorLimits limits = {});
  SupervisorCore(const SupervisorCore&) = delete;
  SupervisorCore& operator=(const SupervisorCore&) = delete;

  /// The attempt is prepared: start all replicas.
  SupervisorEffects on_prepared(Time now);
  /// The attempt cannot be prepared here.
  SupervisorEffects on_refused(const Error& error);
  /// After a restart of the agent: what is there already.
  SupervisorEffects on_adopted(Time now, const std::vector<AdoptedReplica>& adopted);
  SupervisorEffects on_started(Time now, const ReplicaStarted& started);
  SupervisorEffects on_exit(Time now, const ReplicaExit& exit);
  SupervisorEffects on_notice(const std::string& text);
  SupervisorEffects on_reports(const pb::ReplicaKey& key, const ReportBatch& batch);
  /// The sink has stored a batch of `count` reports.
  SupervisorEffects on_stored(std::size_t count);
  /// End the attempt: TERM, grace, KILL; asked again with no grace it hurries.
  SupervisorEffects on_stop(const std::string& reason, bool hurry);
  SupervisorEffects on_tick(Time now);

  /// When on_tick is wanted; nothing once the result has been sent.
  std::optional<Time> next_tick() const;
  bool is_over() const { return result_sent_; }
  const pb::AttemptPlan& plan() const { return plan_; }

 private:
  enum class State { waiting, starting, running, exited };

  struct Replica {
    pb::ReplicaKey key;
    const pb::Task* task = nullptr;
    State state = State::waiting;
    std::optional<Time> restart_at;   // a restart waits for its back-off
    std::optional<ReplicaExit> exit;  // of the newest start
    std::int64_t last_line = 0;
    bool reading = false;         // a ReadReports is under way
    bool reading_to_end = false;  // and it was asked after the process had ended
    bool drained = false;         // all that an ended replica wrote has been read
    bool stopping = false;        // StopReplica was sent
    std::int64_t bad_lines = 0;
    std::int64_t bad_lines_told = 0;
    std::string bad_example;
  };

  Replica* find(const pb::ReplicaKey& key);
  std::vector<const ReplicaExit*> in_order_of_weight(const std::vector<AdoptedReplica>& adopted);
  Replica& decider() { return replicas_[decider_]; }
  void start(Time now, Replica& replica, SupervisorEffects& effects);
  void stop_others(SupervisorEffects& effects, bool hurry);
  void read(Replica& replica, SupervisorEffects& effects);
  void judge(Time now, Replica& replica, SupervisorEffects& effects);
  bool wants_restart(const Replica& replica) const;
  void decide(const std::string& outcome, std::string reason, const ReplicaExit* exit);
  void take_in(const pb::Report& report);
  void tell_rejected(Replica& replica, const ReportBatch& batch, SupervisorEffects& effects);
  void flush(std::size_t keep_max, SupervisorEffects& effects);
  void finish_if_over(SupervisorEffects& effects);
  SupervisorEffect started_news();
  std::chrono::milliseconds grace_of(const Replica& replica) const;
  pb::AttemptNews news() const;

  pb::AttemptPlan plan_;
  SupervisorLimits limits_;
  std::vector<Replica> replicas_;
  std::size_t decider_ = 0;
  std::optional<Time> deadline_;
  std::optional<Time> next_read_;
  int restarts_used_ = 0;
  bool started_sent_ = false;
  bool stopping_ = false;
  bool result_sent_ = false;
  std::string stop_reason_;
  std::optional<pb::AttemptResult> outcome_;  // how the attempt ends, once that is decided
  std::vector<pb::Report> trailing_;          // read, not yet sent to the sink
  std::size_t unacknowledged_ = 0;
  std::vector<pb::Metric> final_;
  std::string final_replica_;
};

/// Where a replica's role and index decide the trial: tensorflow: chief, else worker 0; pytorch and xgboost: master,
/// else worker 0; otherwise the first. Returns an index into `training.tasks` flattened by replicas.
std::size_t deciding_replica(const pb::TrainingConfig& training);

/// "exit code 3", "signal 9 (Killed)", "out of memory: ...": for a trial's reason.
std::string describe_exit(const ReplicaExit& exit);

}  // namespace autotune
