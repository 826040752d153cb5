#include "cluster_world.hpp"

#include <algorithm>

namespace autotune::test {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

constexpr auto step_span = 100ms;
constexpr auto faults_for = 5min;  // afterwards the network is whole, and all must come to rest
constexpr auto time_max = 30min;
constexpr auto release_delay = 300ms;  // an append, and a turn

std::string text_of(const AttemptKey& key) {
  return std::to_string(key.sequence) + "/" + std::to_string(key.attempt);
}

}  // namespace

ClusterOptions random_cluster(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto draw = [&](double most) {
    return random() % 2 == 0 ? 0 : most * static_cast<double>(random() % 1000) / 1000;
  };
  ClusterOptions options;
  options.seed = seed;
  options.nodes = 1 + static_cast<int>(random() % 4);
  options.trials = 4 + static_cast<int>(random() % 20);
  options.at_a_time = 1 + static_cast<int>(random() % 10);
  options.faults.lost = draw(0.5);
  options.faults.doubled = draw(0.3);
  options.faults.delay_max = milliseconds(1 + static_cast<int>(draw(4000)));
  options.faults.cuts = draw(3);
  options.faults.agent_restarts = draw(4);
  options.faults.head_restarts = draw(3);
  return options;
}

ClusterWorld::ClusterWorld(ClusterOptions options)
    : options_(options), random_(options.seed + 7), now_(Time{} + 24h) {
  for (int i = 0; i < options_.nodes; ++i) {
    Machine machine;
    machine.name = std::string(1, static_cast<char>('a' + i));
    machines_[machine.name] = std::move(machine);
  }
  for (Sequence i = 0; i < options_.trials; ++i)
    trials_[i];
  restart_head();
  for (auto& [name, machine] : machines_)
    restart_agent(name);
}

bool ClusterWorld::chance(double probability) {
  return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability;
}

std::int64_t ClusterWorld::below(std::int64_t n) {
  return n <= 0 ? 0 : static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
}

std::int64_t ClusterWorld::lease_clock() const {
  return std::chrono::duration_cast<milliseconds>(now_.time_since_epoch()).count();
}

void ClusterWorld::must(bool holds, const std::string& what) {
  if (!holds)
    problems.push_back(what);
}

// --- faults -------------------------------------------------------------------------------------------------------

void ClusterWorld::cut(const std::string& node) { machines_.at(node).cut = true; }
void ClusterWorld::heal(const std::string& node) { machines_.at(node).cut = false; }

/// Its memory is gone; processes and their files are there.
void ClusterWorld::restart_agent(const std::string& node) {
  auto& machine = machines_.at(node);
  pb::NodeDescription description;
  description.set_name(node);
  description.set_cpu(8);
  description.set_protocol(cluster_protocol);
  machine.uplink = std::make_unique<UplinkCore>(description, ++machine.incarnation);
  machine.supervisors.clear();
  machine.batches.clear();
  machine.next_beat = now_;
}

/// What is durable is read back, and its experiments ask again for all that they had launched.
void ClusterWorld::restart_head() {
  ClusterLimits limits;
  limits.lease = options_.lease;
  head_ = std::make_unique<NodesCore>(limits, random_());
  states_.clear();
  for (auto& [sequence, trial] : trials_) {
    trial.release_at.reset();  // one that is released twice, or never, does no harm
    if (trial.launched)
      perform(head_->on_launch(now_, trial.node, plan_of(sequence, trial), true));
  }
}

void ClusterWorld::fault() {
  double part = std::chrono::duration<double>(step_span) / 1min;
  for (auto& [name, machine] : machines_) {
    if (chance(options_.faults.agent_restarts * part))
      restart_agent(name);
    if (!machine.cut && chance(options_.faults.cuts * part)) {
      cut(name);
      heal_at_.emplace_back(now_ + milliseconds(below(chance(0.5) ? 4000 : 60000)), name);
    }
  }
  if (chance(options_.faults.head_restarts * part))
    restart_head();
}

// --- the network --------------------------------------------------------------------------------------------------

void ClusterWorld::post(bool to_head, const std::string& node, const pb::NodeFrame& frame) {
  if (machines_.at(node).cut || (!calm_ && chance(options_.faults.lost)))
    return;
  int copies = !calm_ && chance(options_.faults.doubled) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    auto delay = milliseconds(1 + below(calm_ ? 1 : options_.faults.delay_max.count()));
    network_.push_back({now_ + delay, to_head, node, frame});
  }
}

void ClusterWorld::deliver() {
  for (bool any = true; any;) {
    any = false;
    for (std::size_t i = 0; i < network_.size(); ++i) {
      if (network_[i].at > now_)
        continue;
      auto packet = std::move(network_[i]);
      network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(i));
      any = true;
      auto& machine = machines_.at(packet.node);
      if (machine.cut)
        break;
      if (packet.to_head)
        perform(head_->on_frame(now_, packet.frame));
      else
        perform(machine, machine.uplink->on_frame(now_, lease_clock(), packet.frame));
      break;
    }
  }
}

// --- the head's side ----------------------------------------------------------------------------------------------

pb::AttemptPlan ClusterWorld::plan_of(Sequence sequence, const Trial& trial) const {
  pb::AttemptPlan plan;
  plan.set_experiment_id("e");
  plan.set_sequence(sequence);
  plan.set_attempt(trial.attempt);
  return plan;
}

void ClusterWorld::perform(NodesEffects effects) {
  for (auto& effect : effects) {
    if (auto* send = std::get_if<SendToNode>(&effect)) {
      post(false, send->node, send->frame);
    } else if (auto* told = std::get_if<ResultOfAttempt>(&effect)) {
      on_result(told->result);
    } else if (auto* told = std::get_if<ReportsOfAttempt>(&effect)) {
      auto& trial = trials_.at(told->message.sequence());
      if (trial.attempt == told->message.attempt())
        for (const auto& report : told->message.reports())
          trial.lines.insert(report.line());
      perform(head_->on_stored(now_));
    } else if (auto* became = std::get_if<NodeBecame>(&effect)) {
      states_[became->node] = became->state;
    } else if (auto* left = std::get_if<NodeLeft>(&effect)) {
      states_.erase(left->node);
    }
  }
}

void ClusterWorld::on_result(const pb::AttemptResult& result) {
  auto& trial = trials_.at(result.sequence());
  if (!trial.launched || trial.attempt != result.attempt())
    return;  // an experiment that hears it twice knows its attempt's number
  trial.launched = false;
  if (result.outcome() == "Succeeded") {
    must(!trial.ended, "trial " + std::to_string(result.sequence()) + " ends twice");
    must(static_cast<std::int64_t>(trial.lines.size()) == options_.reports,
         "trial " + std::to_string(result.sequence()) + " has ended with " +
             std::to_string(trial.lines.size()) + " durable reports");
    trial.ended = true;
    ended_on_.insert(trial.node);
  }
  trial.release_at = now_ + release_delay;
}

void ClusterWorld::launch_trials() {
  int running = 0;
  for (auto& [sequence, trial] : trials_) {
    if (trial.release_at && *trial.release_at <= now_) {
      trial.release_at.reset();
      perform(head_->on_release(now_, {"e", sequence, trial.attempt}));
    }
    running += trial.launched ? 1 : 0;
  }
  for (auto& [sequence, trial] : trials_) {
    if (running >= options_.at_a_time)
      return;
    if (trial.launched || trial.ended || trial.release_at)
      continue;
    std::vector<std::string> ready;
    for (const auto& [name, state] : states_)
      if (state == NodeState::ready)
        ready.push_back(name);
    if (ready.empty())
      return;
    trial.node = ready[static_cast<std::size_t>(below(static_cast<std::int64_t>(ready.size())))];
    ++trial.attempt;
    ++attempts_;
    trial.launched = true;
    trial.lines.clear();
    ++running;
    perform(head_->on_launch(now_, trial.node, plan_of(sequence, trial), false));
  }
}

// --- a machine's side ---------------------------------------------------------------------------------------------

void ClusterWorld::perform(Machine& machine, UplinkEffects effects) {
  for (auto& effect : effects) {
    if (auto* send = std::get_if<SendToHead>(&effect)) {
      post(true, machine.name, send->frame);
    } else if (auto* launch = std::get_if<LaunchHere>(&effect)) {
      AttemptKey key{"e", launch->plan.sequence(), launch->plan.attempt()};
      machine.supervisors[key] = {};
      if (machine.processes.count(key) == 0) {
        must(++begun_[key] == 1, "attempt " + text_of(key) + " is started twice");
        machine.processes[key].ends = now_ + milliseconds(500 + below(20000));
      } else {
        must(launch->adopt, "attempt " + text_of(key) + " is started where it runs already");
      }
    } else if (auto* stop = std::get_if<StopHere>(&effect)) {
      if (auto found = machine.processes.find(stop->key);
          found != machine.processes.end() && found->second.alive) {
        found->second.alive = false;
        found->second.stopped = true;
      }
    } else if (auto* release = std::get_if<ReleaseHere>(&effect)) {
      auto found = machine.processes.find(release->key);
      must(found == machine.processes.end() || !found->second.alive,
           "attempt " + text_of(release->key) + " is released while it runs");
      machine.supervisors.erase(release->key);
    } else if (auto* stored = std::get_if<StoredThere>(&effect)) {
      auto batch = machine.batches.extract(stored->batch);
      if (batch.empty())
        continue;
      auto found = machine.supervisors.find(batch.mapped().first);
      if (found != machine.supervisors.end())
        found->second.stored = std::max(found->second.stored, batch.mapped().second);
    } else if (auto* renew = std::get_if<RenewHere>(&effect)) {
      machine.lease_until = std::max(machine.lease_until, now_ + renew->lease);
    }
  }
}

void ClusterWorld::supervise(Machine& machine, const AttemptKey& key, Supervisor& supervisor) {
  const auto& process = machine.processes.at(key);
  if (supervisor.result_sent)
    return;
  if (!supervisor.started_told) {
    supervisor.started_told = true;
    pb::AttemptNews news;
    news.set_experiment_id("e");
    news.set_sequence(key.sequence);
    news.set_attempt(key.attempt);
    perform(machine, machine.uplink->on_news(now_, news));
  }
  if (supervisor.read < process.written) {
    pb::ReportsMessage message;
    message.set_experiment_id("e");
    message.set_sequence(key.sequence);
    message.set_attempt(key.attempt);
    for (auto line = supervisor.read + 1; line <= process.written; ++line)
      message.add_reports()->set_line(line);
    supervisor.read = process.written;
    auto batch = machine.next_batch++;
    machine.batches[batch] = {key, process.written};
    perform(machine, machine.uplink->on_reports(now_, message, batch));
    return;
  }
  if (process.alive || supervisor.stored < supervisor.read)
    return;
  supervisor.result_sent = true;
  pb::AttemptResult result;
  result.set_experiment_id("e");
  result.set_sequence(key.sequence);
  result.set_attempt(key.attempt);
  result.set_outcome(process.stopped ? "NodeLost" : "Succeeded");
  perform(machine, machine.uplink->on_result(now_, result));
}

/// The keeper first: it ends what has no lease, whoever else is there.
void ClusterWorld::work(Machine& machine) {
  for (auto& [key, process] : machine.processes) {
    if (!process.alive)
      continue;
    if (machine.lease_until <= now_) {
      process.alive = false;
      process.stopped = true;
    } else if (process.ends <= now_) {
      process.alive = false;
      process.written = options_.reports;
    } else {
      auto left = std::chrono::duration<double>(process.ends - now_).count();
      process.written = std::max(
          process.written,
          options_.reports - 1 - static_cast<std::int64_t>(left / 20 * (options_.reports - 1)));
    }
  }
  std::vector<AttemptKey> keys;
  for (const auto& [key, supervisor] : machine.supervisors)
    keys.push_back(key);
  for (const auto& key : keys)
    if (auto found = machine.supervisors.find(key); found != machine.supervisors.end())
      supervise(machine, key, found->second);
  if (machine.next_beat <= now_) {
    machine.next_beat = now_ + machine.uplink->interval();
    perform(machine, machine.uplink->on_tick(now_, lease_clock()));
  }
}

// --- the whole ----------------------------------------------------------------------------------------------------

int ClusterWorld::processes_on(const std::string& node) const {
  const auto& all = machines_.at(node).processes;
  return static_cast<int>(
      std::count_if(all.begin(), all.end(), [](const auto& entry) { return entry.second.alive; }));
}

std::set<std::string> ClusterWorld::ended_on() const { return ended_on_; }

bool ClusterWorld::all_ended() const {
  return std::all_of(trials_.begin(), trials_.end(), [](const auto& entry) {
    return entry.second.ended && !entry.second.release_at;
  });
}

/// No trial runs in two places.
void ClusterWorld::check() {
  std::map<Sequence, std::string> where;
  for (const auto& [name, machine] : machines_)
    for (const auto& [key, process] : machine.processes) {
      if (!process.alive)
        continue;
      auto [other, is_first] = where.emplace(key.sequence, name);
      must(is_first, "trial " + std::to_string(key.sequence) + " runs on " + other->second +
                         " and on " + name);
      const auto& trial = trials_.at(key.sequence);
      must(trial.attempt == key.attempt || !trial.launched,
           "attempt " + text_of(key) + " runs beside the next one");
    }
}

void ClusterWorld::step() {
  now_ += step_span;
  for (const auto& [at, node] : heal_at_)
    if (at <= now_)
      heal(node);
  std::erase_if(heal_at_, [this](const auto& entry) { return entry.first <= now_; });
  deliver();
  for (auto& [name, machine] : machines_)
    work(machine);
  perform(head_->on_tick(now_));
  launch_trials();
  check();
}

void ClusterWorld::run() {
  auto begin = now_;
  auto at_rest = [this] {
    return all_ended() && std::all_of(machines_.begin(), machines_.end(), [](const auto& entry) {
             return entry.second.supervisors.empty() && entry.second.uplink->attempts() == 0;
           });
  };
  while (problems.empty() && !at_rest()) {
    calm_ = now_ - begin > faults_for;
    if (!calm_)
      fault();
    step();
    must(now_ - begin < time_max, "it does not come to rest");
  }
  for (const auto& [name, machine] : machines_)
    must(processes_on(name) == 0, "processes are left on " + name);
}

}  // namespace autotune::test
