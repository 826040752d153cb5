// A head and its agents over a network that loses, delays, doubles and reorders messages, on a virtual clock: the cores
// alone, with a model of experiments on one side and of machines with processes on the other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "actors/nodes_core.hpp"
#include "actors/uplink_core.hpp"

namespace autotune::test {

/// What goes wrong; drawn from the seed by `random_faults`.
struct ClusterFaults {
  double lost = 0;     ///< share of messages
  double doubled = 0;  ///< share of messages
  std::chrono::milliseconds delay_max{1};
  double cuts = 0;            ///< partitions of one node, a minute
  double agent_restarts = 0;  ///< a minute
  double head_restarts = 0;   ///< a minute
};

struct ClusterOptions {
  std::uint64_t seed = 0;
  ClusterFaults faults;
  int nodes = 3;
  int trials = 12;
  int at_a_time = 6;
  std::int64_t reports = 5;  ///< of each trial
  std::chrono::milliseconds lease{10000};
};

ClusterOptions random_cluster(std::uint64_t seed);

class ClusterWorld {
 public:
  explicit ClusterWorld(ClusterOptions options);

  /// Until all trials have ended and every node is at rest; what is broken by then stands in `problems`.
  void run();
  /// No message passes between the head and that node from now on, until `heal`.
  void cut(const std::string& node);
  void heal(const std::string& node);
  void restart_agent(const std::string& node);
  void restart_head();
  /// One moment further.
  void step();
  Time now() const { return now_; }
  bool all_ended() const;
  NodesCore& head() { return *head_; }
  int processes_on(const std::string& node) const;
  /// Attempts that were begun in all.
  int attempts() const { return attempts_; }
  std::set<std::string> ended_on() const;  ///< nodes on which trials ended

  std::vector<std::string> problems;

 private:
  /// A process and what is left of it: outlives its agent.
  struct Process {
    bool alive = true;
    bool stopped = false;
    Time ends;
    std::int64_t written = 0;  ///< reports in its file
  };
  /// What the agent's memory holds of an attempt.
  struct Supervisor {
    std::int64_t read = 0;
    std::int64_t stored = 0;
    bool started_told = false;
    bool result_sent = false;
  };
  struct Machine {
    std::string name;
    bool cut = false;
    std::unique_ptr<UplinkCore> uplink;
    std::uint64_t incarnation = 0;
    Time next_beat{};
    Time lease_until{};
    std::map<AttemptKey, Process> processes;
    std::map<AttemptKey, Supervisor> supervisors;
    std::map<std::uint64_t, std::pair<AttemptKey, std::int64_t>> batches;  // number: attempt, up to
    std::uint64_t next_batch = 1;
  };
  /// What the head's database holds of a trial.
  struct Trial {
    std::int32_t attempt = 0;
    bool launched = false;
    bool ended = false;
    std::string node;
    std::set<std::int64_t> lines;  // durable ones of this attempt
    std::optional<Time> release_at;
  };
  struct Packet {
    Time at;
    bool to_head = false;
    std::string node;
    pb::NodeFrame frame;
  };

  bool chance(double probability);
  std::int64_t below(std::int64_t n);
  std::int64_t lease_clock() const;
  void must(bool holds, const std::string& what);
  void post(bool to_head, const std::string& node, const pb::NodeFrame& frame);
  void deliver();
  void perform(NodesEffects effects);
  void perform(Machine& machine, UplinkEffects effects);
  void work(Machine& machine);
  void supervise(Machine& machine, const AttemptKey& key, Supervisor& supervisor);
  void launch_trials();
  void on_result(const pb::AttemptResult& result);
  void fault();
  void check();
  pb::AttemptPlan plan_of(Sequence sequence, const Trial& trial) const;

  ClusterOptions options_;
  std::mt19937_64 random_;
  Time now_;
  std::unique_ptr<NodesCore> head_;
  std::map<std::string, Machine> machines_;
  std::map<Sequence, Trial> trials_;
  std::map<AttemptKey, int> begun_;  // processes begun for an attempt
  std::set<std::string> ended_on_;
  std::vector<Packet> network_;
  std::map<std::string, NodeState> states_;
  std::vector<std::pair<Time, std::string>> heal_at_;
  int attempts_ = 0;
  bool calm_ = false;
};

}  // namespace autotune::test
