// A whole head on one thread and a virtual clock, with random experiments, commands and faults.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "actors/head.hpp"
#include "event_audit.hpp"
#include "launchers/simulated.hpp"
#include "memory_store.hpp"
#include "one_thread.hpp"

namespace autotune::test {

/// What goes wrong in one simulation. All of it is drawn from the seed.
struct SimulationFaults {
  int crashes = 0;             ///< of the whole head, at any message
  bool lose_replicas = false;  ///< now and then the machine takes all replicas with it
  bool store_fails = false;    ///< for a while, of a full disk or for no reason
  bool store_refuses = false;  ///< one write can never be made durable
  SimulatedFaults launcher;
  bool commands = false;  ///< users stop, pause, resume, edit, enqueue
  bool shuffled = false;  ///< actors run in any order
};

struct SimulationOptions {
  std::uint64_t seed = 0;
  SimulationFaults faults;
  /// What to run; empty: drawn from the seed.
  std::vector<pb::ExperimentSpec> specs;
  pb::WarmStarted warm_start;  ///< of each
  /// What replicas do; absent: drawn from the seed.
  SimulatedBehaviour behaviour;
  std::vector<std::string> gpus;
  std::shared_ptr<const AlgorithmTable> algorithms;  ///< an embedder's; null: ours
};

/// Everything that is drawn from the seed: how much goes wrong, and what.
SimulationOptions random_options(std::uint64_t seed);
pb::ExperimentSpec random_spec(std::mt19937_64& random, std::size_t gpus);

/// A command of a user at a virtual time.
struct PlannedCommand {
  Time at{};
  pb::ControlRequest request;
};

class Simulation {
 public:
  explicit Simulation(SimulationOptions options);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// Until all experiments have ended for good (or the budget of steps or time is used up, which is a problem).
  void run();
  /// Up to a time, or until nothing is left to do.
  void run_until(Time time);

  void start_head();
  /// As `kill -9`: what is not durable is gone; processes live on.
  void kill_head();
  bool has_head() const { return incarnation_ != nullptr; }
  void plan(std::chrono::milliseconds after, pb::ControlRequest request);
  void submit(const pb::ExperimentSpec& spec);
  /// From now on there is no room on the disk, for so long.
  void fill_disk(std::chrono::milliseconds time);
  /// Sends a request; `answered` is called when the answer comes.
  void ask(pb::ControlRequest request, std::function<void(const pb::ControlResponse&)> answered);

  Time now() const { return now_; }
  const EventAudit& audit(const std::string& id) { return audits_.at(id).audit; }
  const MemoryDatabase& database() const { return *database_; }
  SimulatedLauncher& launcher() { return launcher_; }
  /// How many actors the head is made of now.
  std::size_t actors_alive() { return actors().system().registry().running(); }
  /// The only experiment.
  const MemoryDatabase::Experiment& only() const { return database_->experiments.at(0); }

  std::vector<std::string> problems;
  std::int64_t steps = 0;
  std::int64_t trials = 0;  ///< that have ended
  bool traced = false;      ///< tell on stderr what happens

 private:
  friend class ProxyLauncher;
  struct Incarnation;
  struct Watched {
    EventAudit audit;
    std::shared_ptr<ExperimentCore> replay;
    std::int64_t running_ns = 0;  // time spent in RUNNING with a head there
    bool time_edited = false;
    bool budget_edited = false;
    std::size_t watched = 0;  // events told to this head's watcher
  };

  OneThread& actors();
  void must(bool holds, const std::string& what);
  void trace(const std::string& what) const;
  bool step();
  bool advance();
  void pass_until(Time time);
  void crash_and_come_back();
  void on_event(const std::string& id, const pb::Event& event);
  void on_watched(const std::string& id, const std::vector<pb::Event>& events);
  void on_start(const pb::ReplicaKey& key);
  void on_release(const AttemptKey& attempt);
  void check_trial_end(const std::string& id, const pb::Event& event);
  void check_limits();
  void check_timeout(const std::string& id, Watched& watched);
  void check_end();
  Result<void> fault(const std::vector<StoreWrite>& writes);
  bool all_ended() const;
  void take_care();
  void draw_commands();
  pb::ControlRequest random_command(const std::string& id);
  bool chance(double probability);
  std::int64_t below(std::int64_t n);

  SimulationOptions options_;
  std::mt19937_64 random_;
  Time now_{};
  std::shared_ptr<MemoryDatabase> database_ = std::make_shared<MemoryDatabase>();
  SimulatedLauncher launcher_;
  std::unique_ptr<Incarnation> incarnation_;
  std::map<std::string, Watched> audits_;
  std::vector<PlannedCommand> commands_;  // soonest last
  std::set<std::tuple<AttemptKey, std::string, int>> starts_;
  std::map<AttemptKey, pb::AttemptPlan> plans_;
  std::map<AttemptKey, Time> first_start_;
  std::map<std::pair<AttemptKey, std::string>, Time> start_times_;  // the newest of each replica
  std::set<AttemptKey> adopted_;
  std::set<AttemptKey> released_;
  std::int64_t steps_to_crash_ = -1;
  int crashes_ = 0;
  Time outage_from_{};
  Time outage_to_{};
  bool outage_is_full_disk_ = false;
  bool reserve_used_ = false;
  std::int64_t appends_to_refusal_ = -1;
  std::string refused_;
  bool refusing_ = false;
  Time next_care_{};
};

pb::ControlRequest command(const std::string& id, const std::string& verb);
/// All problems as lines.
std::string lines(const std::vector<std::string>& problems);

}  // namespace autotune::test
