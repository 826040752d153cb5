// The loop of a simulation: actors, time, crashes. What it checks: simulation_checks.cpp; what it draws: random_case.cpp.
#include "simulation.hpp"

#include <algorithm>
#include <iostream>

#include <caf/actor_registry.hpp>

namespace autotune::test {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t steps_max = 600000;  // a thousand times what an experiment takes
constexpr auto time_max = 2h;               // of the virtual clock
constexpr auto care_interval = 20s;         // how soon a stopped or paused experiment is resumed

}  // namespace

/// What a head sees of the launcher: calls of a killed head reach nothing.
class ProxyLauncher final : public Launcher {
 public:
  ProxyLauncher(Simulation& world, std::shared_ptr<bool> alive)
      : world_(world), alive_(std::move(alive)) {}

  Result<void> prepare(const pb::AttemptPlan& plan) override {
    if (!*alive_)
      return {};
    remember(plan);
    return world_.launcher_.prepare(plan);
  }
  void start(const pb::ReplicaKey& key, std::optional<milliseconds> deadline) override {
    if (!*alive_)
      return;
    world_.on_start(key);
    world_.launcher_.start(key, deadline);
  }
  void stop(const pb::ReplicaKey& key, milliseconds grace) override {
    if (*alive_)
      world_.trace("stops " + key.ShortDebugString() + " within " + std::to_string(grace.count()) +
                   " ms");
    if (*alive_)
      world_.launcher_.stop(key, grace);
  }
  std::vector<LauncherEvent> poll(Time now) override {
    if (!*alive_)
      return {};
    auto events = world_.launcher_.poll(now);
    for (const auto& event : events)
      if (const auto* exit = std::get_if<ReplicaExit>(&event))
        world_.trace("exits " + exit->ShortDebugString());
    return events;
  }
  std::optional<Time> next_wakeup() const override {
    return *alive_ ? world_.launcher_.next_wakeup() : std::nullopt;
  }
  void on_activity(std::function<void()> wake) override {
    if (*alive_)
      world_.launcher_.on_activity(std::move(wake));
  }
  Result<ReportBatch> read_reports(const pb::ReplicaKey& key, std::int64_t after_line,
                                   std::size_t lines_max, bool ended) override {
    if (!*alive_)
      return ReportBatch{};
    return world_.launcher_.read_reports(key, after_line, lines_max, ended);
  }
  Result<std::vector<AdoptedReplica>> adopt(const pb::AttemptPlan& plan) override {
    if (!*alive_)
      return std::vector<AdoptedReplica>();
    remember(plan);
    world_.adopted_.insert({plan.experiment_id(), plan.sequence(), plan.attempt()});
    return world_.launcher_.adopt(plan);
  }
  void release(const AttemptKey& attempt) override {
    if (!*alive_)
      return;
    world_.on_release(attempt);
    world_.launcher_.release(attempt);
  }
  void renew_lease(milliseconds lease) override {
    if (*alive_)
      world_.launcher_.renew_lease(lease);
  }

 private:
  void remember(const pb::AttemptPlan& plan) {
    AttemptKey key{plan.experiment_id(), plan.sequence(), plan.attempt()};
    auto deadline =
        world_.plans_.count(key) > 0 ? world_.plans_[key].deadline_ms() : plan.deadline_ms();
    world_.plans_[key] = plan;
    world_.plans_[key].set_deadline_ms(deadline);  // an adopted one is told what is left
  }

  Simulation& world_;
  std::shared_ptr<bool> alive_;
};

struct Simulation::Incarnation {
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  caf::actor_system_config config;
  std::unique_ptr<OneThread> actors;
  Head head;
};

Simulation::Simulation(SimulationOptions options)
    : options_(std::move(options)),
      random_(options_.seed * 0x9e3779b97f4a7c15ULL + 1),
      now_(Time{} + 24h),
      launcher_(
          {options_.behaviour, options_.faults.launcher, options_.seed, [this] { return now_; }}) {
  database_->fault = [this](const auto& writes) { return fault(writes); };
  database_->room = [this] {
    bool full = outage_is_full_disk_ && now_ >= outage_from_ && now_ < outage_to_;
    reserve_used_ = reserve_used_ && full;
    return !full;
  };
  database_->on_event = [this](const std::string& id, const pb::Event& event) {
    on_event(id, event);
  };
}

Simulation::~Simulation() { kill_head(); }

bool Simulation::chance(double probability) {
  return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability;
}

std::int64_t Simulation::below(std::int64_t n) {
  return n <= 0 ? 0 : static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
}

OneThread& Simulation::actors() { return *incarnation_->actors; }

void Simulation::must(bool holds, const std::string& what) {
  if (!holds)
    problems.push_back(what);
}

void Simulation::trace(const std::string& what) const {
  if (traced)
    std::cerr << std::chrono::duration<double>(now_.time_since_epoch() - 24h).count()
              << " s: " << what << "\n";
}

void Simulation::start_head() {
  trace("a head starts");
  incarnation_ = std::make_unique<Incarnation>();
  auto& one = *incarnation_;
  configure(one.config);
  one.actors = std::make_unique<OneThread>(one.config, now_);
  HeadOptions head;
  head.writer = memory_writer(database_, one.alive);
  head.open_reader = [database = database_]() -> Result<std::unique_ptr<StoreReader>> {
    return memory_reader(database);
  };
  head.launcher = std::make_shared<ProxyLauncher>(*this, one.alive);
  head.node = {"here", 8, std::int64_t{64} << 30, options_.gpus};
  head.watcher = [this, alive = one.alive](const std::string& id,
                                           const std::vector<pb::Event>& events) {
    if (*alive)
      on_watched(id, events);
  };
  head.wall_ms = [this] {
    return std::chrono::duration_cast<milliseconds>(now_.time_since_epoch()).count();
  };
  head.id_seed = options_.seed + 1 + static_cast<std::uint64_t>(crashes_) * 1000003;
  head.algorithms = options_.algorithms;
  head.detached = false;
  one.head = spawn_head(one.actors->system(), std::move(head));
  for (auto& [id, watched] : audits_)
    watched.watched = database_->find(id)->events.size();
}

void Simulation::kill_head() {
  if (!incarnation_)
    return;
  auto& one = *incarnation_;
  *one.alive = false;
  trace("the head is gone");
  compat::anon_send(one.head.control, atom::shut_down_v);
  actors().run();
  for (const auto& actor :
       {caf::actor_cast<caf::actor>(one.head.agent),
        caf::actor_cast<caf::actor>(one.head.placement), caf::actor_cast<caf::actor>(one.head.sink),
        caf::actor_cast<caf::actor>(one.head.query), caf::actor_cast<caf::actor>(one.head.store)})
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  one.head = {};
  actors().run();
  actors().drop_timers();  // they go with it
  auto left = actors_alive();
  must(left == 0, std::to_string(left) + " actors outlive their head");
  launcher_.on_activity([] {});
  incarnation_.reset();
}

void Simulation::ask(pb::ControlRequest request,
                     std::function<void(const pb::ControlResponse&)> answered) {
  auto alive = incarnation_->alive;
  trace("asks " + request.ShortDebugString().substr(0, 100));
  actors().system().spawn([this, alive, control = incarnation_->head.control,
                           request = std::move(request),
                           answered = std::move(answered)](caf::event_based_actor* self) mutable {
    compat::request(self, control, std::chrono::hours(1), std::move(request))
        .then(
            [this, self, alive, answered](const pb::ControlResponse& response) {
              if (*alive)
                trace("answered " + response.ShortDebugString());
              if (*alive && answered)
                answered(response);
              self->quit();
            },
            [self](const caf::error&) { self->quit(); });
  });
}

void Simulation::submit(const pb::ExperimentSpec& spec) {
  pb::ControlRequest request;
  *request.mutable_submit()->mutable_spec() = spec;
  *request.mutable_submit()->mutable_warm_start() = options_.warm_start;
  ask(std::move(request), [this](const pb::ControlResponse& response) {
    if (!response.error().empty() && options_.faults.store_refuses)
      return;
    must(response.error().empty(), "a submission is refused: " + response.error());
    must(database_->find(response.experiment_id()) != nullptr,
         "an acknowledged experiment is durable");
  });
}

void Simulation::fill_disk(milliseconds time) {
  outage_from_ = now_;
  outage_to_ = now_ + time;
  outage_is_full_disk_ = true;
}

void Simulation::plan(milliseconds after, pb::ControlRequest request) {
  commands_.push_back({now_ + after, std::move(request)});
  std::stable_sort(commands_.begin(), commands_.end(),
                   [](const auto& a, const auto& b) { return a.at > b.at; });
}

/// One message of one actor, or the next moment at which something happens; false: nothing is left to do.
bool Simulation::step() {
  ++steps;
  auto jobs = actors().jobs();
  if (jobs == 0)
    return advance();
  std::size_t picked = 0;
  if (options_.faults.shuffled && jobs > 1)
    picked = static_cast<std::size_t>(below(static_cast<std::int64_t>(jobs)));
  actors().run_once(picked);
  return true;
}

bool Simulation::advance() {
  auto next = actors().next_timer();
  bool command_first = !commands_.empty() && (!next || commands_.back().at <= *next);
  if (command_first)
    next = commands_.back().at;
  if (!next)
    return false;
  pass_until(*next);
  if (command_first) {
    auto command = std::move(commands_.back().request);
    commands_.pop_back();
    ask(std::move(command), nullptr);
  }
  return true;
}

void Simulation::run_until(Time time) {
  while (problems.empty()) {
    auto next = actors().next_timer();
    bool later = actors().jobs() == 0 && (!next || *next > time) &&
                 (commands_.empty() || commands_.back().at > time);
    if (later)
      return pass_until(time);
    step();
  }
}

void Simulation::pass_until(Time time) {
  auto from = now_;
  now_ = std::max(now_, time);
  for (auto& [id, watched] : audits_)
    if (watched.audit.phase == pb::PHASE_RUNNING)
      watched.running_ns += (now_ - from).count();
  actors().advance(now_ - from);
  check_limits();
}

void Simulation::run() {
  auto begin = now_;
  next_care_ = now_ + care_interval;
  if (!incarnation_)
    start_head();
  for (const auto& spec : options_.specs)
    submit(spec);
  if (options_.faults.commands)
    draw_commands();
  steps_to_crash_ = options_.faults.crashes > 0 ? 1 + below(600) : -1;
  while (problems.empty() && !(all_ended() && actors().jobs() == 0 && commands_.empty())) {
    bool goes_on = step();
    if (steps_to_crash_ > 0 && --steps_to_crash_ == 0)
      crash_and_come_back();
    if (!goes_on && !all_ended())
      take_care();
    if (now_ >= next_care_ || (!goes_on && commands_.empty())) {
      next_care_ = now_ + care_interval;
      take_care();
    }
    must(steps < steps_max, "it does not come to rest in " + std::to_string(steps_max) + " steps");
    must(now_ - begin < time_max, "it does not come to rest in two hours");
  }
  if (problems.empty())
    check_end();
  kill_head();
}

void Simulation::crash_and_come_back() {
  kill_head();
  ++crashes_;
  auto away = chance(0.3) ? milliseconds(0) : milliseconds(below(chance(0.1) ? 30000 : 3000));
  now_ += away;
  if (options_.faults.lose_replicas && chance(0.3))
    launcher_.lose_all();
  for (auto& [id, watched] : audits_) {
    auto again = std::make_shared<ExperimentCore>(id);
    for (const auto& stored : database_->find(id)->events)
      again->replay(stored.event, nullptr);
    for (const auto& broken : again->check_invariants())
      must(false, "after a crash: " + broken);
  }
  start_head();
  if (crashes_ < options_.faults.crashes)
    steps_to_crash_ = 1 + below(chance(0.5) ? 60 : 1500);
  for (std::size_t i = database_->experiments.size(); i < options_.specs.size(); ++i)
    submit(options_.specs[i]);
  for (const auto& experiment : database_->experiments) {
    if (audits_.at(experiment.id).audit.phase == pb::PHASE_DONE)
      continue;
    if (options_.faults.commands && chance(0.2))
      ask(random_command(experiment.id), nullptr);
    else
      ask(command(experiment.id, "resume"), nullptr);
  }
}

bool Simulation::all_ended() const {
  if (database_->experiments.size() < options_.specs.size())
    return false;
  return std::all_of(audits_.begin(), audits_.end(), [](const auto& entry) {
    auto phase = entry.second.audit.phase;
    return phase == pb::PHASE_DONE || phase == pb::PHASE_TIMEOUT || phase == pb::PHASE_ERROR;
  });
}

/// A user who looks in now and then, and lets go on whatever stands.
void Simulation::take_care() {
  if (options_.faults.lose_replicas && chance(0.1))
    launcher_.lose_all();
  for (const auto& [id, watched] : audits_)
    if (watched.audit.phase == pb::PHASE_STOPPED || watched.audit.phase == pb::PHASE_PAUSED)
      ask(command(id, "resume"), nullptr);
  for (std::size_t i = database_->experiments.size(); i < options_.specs.size(); ++i)
    if (options_.faults.store_refuses)
      submit(options_.specs[i]);
}

pb::ControlRequest command(const std::string& id, const std::string& verb) {
  pb::ControlRequest request;
  request.mutable_command()->set_experiment_id(id);
  request.mutable_command()->set_verb(verb);
  return request;
}

std::string lines(const std::vector<std::string>& problems) {
  std::string all;
  for (const auto& one : problems)
    all += "  " + one + "\n";
  return all;
}

}  // namespace autotune::test
