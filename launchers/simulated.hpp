// The launcher `simulated`: trials that only pass time and report, on a clock that tests may hold in their hand.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "launchers/launcher.hpp"

namespace autotune {

/// One line that a simulated replica writes.
struct SimulatedReport {
  std::chrono::nanoseconds after{0};  ///< from its start
  pb::ReportKind kind = pb::REPORT_KIND_INTERMEDIATE;
  std::int64_t step = 0;
  std::vector<std::pair<std::string, double>> metrics;
};

/// What a replica will do when nobody stops it.
struct SimulatedRun {
  std::chrono::nanoseconds duration{0};
  std::vector<SimulatedReport> reports;  ///< in order of time, none after `duration`
  int exit_code = 0;
  int signal = 0;
  std::string spawn_error;    ///< not empty: it never starts
  bool ignores_term = false;  ///< only KILL ends it
};

/// Decides what a replica does; called at each start.
using SimulatedBehaviour =
    std::function<Result<SimulatedRun>(const pb::AttemptPlan&, const pb::ReplicaKey&)>;

/// How often things go wrong, each a probability per replica start; drawn from the seed and the replica's key, so
/// that the order of calls changes nothing.
struct SimulatedFaults {
  double failed_spawn = 0;    ///< ends with SPAWN_FAILED
  double lost = 0;            ///< ends at a random time with cause LOST
  double late_events = 0;     ///< started and exit come up to `lateness` late
  double doubled_events = 0;  ///< started and exit come twice
  double ignores_term = 0;    ///< TERM is not heard, only KILL
  std::chrono::nanoseconds lateness{std::chrono::seconds(2)};
};

struct SimulatedOptions {
  /// Absent: what the plan's launcher options say (`formula_behaviour`).
  SimulatedBehaviour behaviour;
  SimulatedFaults faults;
  std::uint64_t seed = 0;
  /// What "now" is for calls that are not told; absent: the steady clock. Tests give their virtual one.
  std::function<Time()> clock;
};

/// One generator per replica start, whatever the order of starts; and a number in [0, 1) of it.
std::mt19937_64 simulated_random(std::uint64_t seed, const pb::ReplicaKey& key);
double uniform_of(std::mt19937_64& random);

/// What the options of a plan's launcher ask for, a JSON object:
///   durationSeconds  number or formula (0)
///   objective        number or formula: the final result (0)
///   intermediate     formula with `step`, `steps` and `progress` (0 to 1): what is reported on the way (objective)
///   reports          number of intermediate reports (0)
///   metrics          {"name": formula}: further members of each report
///   noise            standard deviation of what is added to each value, from the sequence number (0)
///   failRate         probability that a trial exits with 1 half-way (0)
/// Formulas may name parameters. Only the first replica reports. Errors: invalid_argument.
Result<SimulatedRun> formula_behaviour(const pb::AttemptPlan& plan, const pb::ReplicaKey& key);

/// Keeps all attempts in memory until they are released, so that an agent which restarts finds them by `adopt`.
/// Events are ordered by time, then by the order of calls: the same calls at the same times give the same events.
class SimulatedLauncher : public Launcher {
 public:
  explicit SimulatedLauncher(SimulatedOptions options = {});

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

  /// All replicas that run now are gone without a trace (the node lost power): their exits come with cause LOST.
  void lose_all();
  /// How many replicas run now, and how many ran at most at the same time.
  std::size_t running() const { return running_; }
  std::size_t running_max() const { return running_max_; }
  /// Which replicas have a process at this moment (one whose end is told late has none).
  std::vector<pb::ReplicaKey> running_now() const;
  /// How often each replica start was asked for; a test for "none runs twice".
  std::int64_t starts() const { return starts_; }

 private:
  struct Replica {
    pb::ReplicaKey key;
    SimulatedRun run;
    std::vector<SimulatedReport> written;  // by starts before this one: the file goes on
    bool started = false;                  // at least once
    bool ended = false;
    Time begin{};
    Time end{};                   // when it is gone, as things stand
    ReplicaExit exit;             // how, as things stand
    std::int64_t generation = 0;  // counts changes of `end`: older events in the queue are void
    bool late = false;
    bool doubled = false;
  };
  struct Attempt {
    pb::AttemptPlan plan;
    std::map<std::string, Replica> replicas;
  };
  enum class What { started, ended, again };
  struct Due {
    Time at;
    std::int64_t order = 0;
    What what = What::started;
    AttemptKey attempt;
    std::string replica;
    std::int64_t generation = 0;
    LauncherEvent event;  // of What::again
    bool operator>(const Due& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  Time now() const;
  Replica* find(const pb::ReplicaKey& key);
  void push(Time at, What what, const Replica& replica, LauncherEvent event = {});
  void end_at(Replica& replica, Time at, pb::ExitCause cause, int exit_code, int signal);
  void deliver(Due due, std::vector<LauncherEvent>& events);
  void finish(Replica& replica);
  void expire_lease(Time now);
  void wake();

  SimulatedOptions options_;
  std::map<AttemptKey, Attempt> attempts_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_;
  std::int64_t order_ = 0;
  std::int64_t starts_ = 0;
  std::size_t running_ = 0;
  std::size_t running_max_ = 0;
  std::optional<Time> lease_until_;
  std::function<void()> wake_;
};

}  // namespace autotune
