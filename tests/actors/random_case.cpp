// Draws what a simulation does: experiments, what their trials do, what users ask, what goes wrong.
#include <algorithm>

#include "simulation.hpp"

namespace autotune::test {

using std::chrono::milliseconds;

namespace {

class Dice {
 public:
  explicit Dice(std::mt19937_64& random) : random_(random) {}
  bool chance(double probability) {
    return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability;
  }
  /// 0 .. n-1
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  int between(int low, int high) { return low + below(high - low + 1); }
  template <class T>
  T one_of(std::initializer_list<T> all) {
    return *(all.begin() + below(static_cast<int>(all.size())));
  }

 private:
  std::mt19937_64& random_;
};

void add_task(pb::TrainingConfig& training, const std::string& role, int replicas, Dice& dice) {
  auto* task = training.add_tasks();
  task->set_role(role);
  task->set_replicas(replicas);
  task->set_restart_policy(dice.one_of({pb::RESTART_POLICY_NEVER, pb::RESTART_POLICY_NEVER,
                                        pb::RESTART_POLICY_ON_FAILURE, pb::RESTART_POLICY_ALWAYS,
                                        pb::RESTART_POLICY_EXIT_CODE}));
  task->set_termination_grace_period_ms(dice.one_of({0, 0, 300, 2000}));
}

void draw_training(pb::TrainingConfig& training, Dice& dice) {
  switch (dice.below(6)) {
    case 0:
      training.set_type("tensorflow");
      add_task(training, "ps", 1, dice);
      add_task(training, "worker", dice.between(1, 2), dice);
      break;
    case 1:
      training.set_type("tensorflow");
      add_task(training, "worker", dice.between(1, 3), dice);
      add_task(training, "chief", 1, dice);
      break;
    case 2:
      training.set_type("pytorch");
      add_task(training, "master", 1, dice);
      add_task(training, "worker", 1, dice);
      break;
    default:
      training.set_type("generic");
      add_task(training, "worker", 1, dice);
      break;
  }
  auto& policy = *training.mutable_run_policy();
  policy.set_backoff_limit(dice.between(0, 3));
  policy.set_clean_up_policy(dice.one_of(
      {pb::CLEAN_UP_POLICY_NONE, pb::CLEAN_UP_POLICY_ALL, pb::CLEAN_UP_POLICY_UNFINISHED}));
  if (dice.chance(0.15))
    policy.set_active_deadline_seconds(dice.between(2, 40) / 10.0);
}

void draw_search(pb::ExperimentSpec& spec, Dice& dice) {
  if (dice.chance(0.25)) {
    spec.set_search_space_json(
        R"({"a":{"_type":"choice","_value":[1,2,3]},"b":{"_type":"choice","_value":["x","y"]}})");
    spec.mutable_tuner()->set_name(dice.one_of({"GridSearch", "GridSearch", "Random"}));
    if (dice.chance(0.3))
      spec.set_max_trial_num(0);
  } else {
    spec.set_search_space_json(
        R"({"a":{"_type":"uniform","_value":[0,1]},"b":{"_type":"choice","_value":["x","y"]}})");
    spec.mutable_tuner()->set_name(dice.one_of({"Random", "Random", "TPE"}));
  }
  spec.mutable_tuner()->set_class_args_json("{}");
  for (int i = dice.chance(0.2) ? dice.between(1, 2) : 0; i > 0; --i)
    spec.add_initial_trials_json(dice.chance(0.5) ? R"({"a":1,"b":"x"})" : R"({"b":"y"})");
}

/// What a replica does, from nothing but who it is.
class RandomBehaviour {
 public:
  RandomBehaviour(std::uint64_t seed, bool endless, bool talkative)
      : seed_(seed), endless_(endless), talkative_(talkative) {}

  Result<SimulatedRun> operator()(const pb::AttemptPlan& plan, const pb::ReplicaKey& key) const {
    auto mixed = seed_ * 31 + std::hash<std::string>{}(key.replica());
    for (auto part : {key.sequence(), static_cast<std::int64_t>(key.attempt()),
                      static_cast<std::int64_t>(key.restart())})
      mixed = (mixed ^ static_cast<std::uint64_t>(part + 1)) * 0x9e3779b97f4a7c15ULL;
    std::mt19937_64 random(mixed ^ (mixed >> 29));
    Dice dice(random);
    SimulatedRun run;
    run.duration = milliseconds(dice.chance(0.2) ? dice.between(0, 20) : dice.between(20, 3000));
    bool decides = is_decider(plan, key);
    bool cleaned =
        plan.training_config().run_policy().clean_up_policy() != pb::CLEAN_UP_POLICY_NONE;
    if (!decides && endless_ && cleaned && dice.chance(0.5))
      run.duration = std::chrono::hours(100);
    if (dice.chance(0.25))
      run.exit_code = dice.one_of({1, 2, 130, 137, 143});
    else if (dice.chance(0.05))
      run.signal = dice.one_of({9, 11, 15});
    int count = dice.chance(0.5)                 ? 0
                : talkative_ && dice.chance(0.2) ? dice.between(150, 2500)
                                                 : dice.between(1, 6);
    for (int i = 0; i < count; ++i)
      run.reports.push_back({run.duration * (i + 1) / (count + 1),
                             pb::REPORT_KIND_INTERMEDIATE,
                             i * 10,
                             {{"default", dice.below(1000) / 1000.0}}});
    if ((decides && dice.chance(0.9)) || dice.chance(0.1))
      run.reports.push_back({run.duration,
                             pb::REPORT_KIND_FINAL,
                             count * 10,
                             {{"default", dice.below(1000000) / 1000.0}, {"loss", 0.5}}});
    return run;
  }

 private:
  static bool is_decider(const pb::AttemptPlan& plan, const pb::ReplicaKey& key) {
    auto index = deciding_replica(plan.training_config());
    for (const auto& task : plan.training_config().tasks())
      for (int i = 0; i < task.replicas(); ++i, --index)
        if (index == 0)
          return key.replica() == task.role() + "-" + std::to_string(i);
    return false;
  }

  std::uint64_t seed_;
  bool endless_;
  bool talkative_;
};

}  // namespace

pb::ExperimentSpec random_spec(std::mt19937_64& random, std::size_t gpus) {
  Dice dice(random);
  pb::ExperimentSpec spec;
  spec.set_name("sim");
  spec.set_trial_concurrency(dice.between(1, 8));
  spec.set_max_trial_num(dice.between(1, 12));
  spec.set_seed(dice.below(1000000));
  if (dice.chance(0.3))
    spec.set_max_exec_seconds(dice.between(1, 12));
  auto* goal = spec.mutable_objective()->add_goals();
  goal->set_metric("default");
  goal->set_goal(dice.one_of({pb::GOAL_MAXIMIZE, pb::GOAL_MINIMIZE}));
  draw_search(spec, dice);
  draw_training(*spec.mutable_training_config(), dice);
  auto& policy = *spec.mutable_trial_policy();
  policy.set_max_retries(dice.one_of({0, 0, 1, 2}));
  policy.set_backoff_seconds(dice.between(1, 20) / 10.0);
  for (const char* kind : {"Failed", "DeadlineExceeded", "NoFinalResult"})
    if (dice.chance(0.5))
      policy.add_retry_on(kind);
  if (dice.chance(0.2))
    policy.set_max_trial_seconds(dice.between(2, 40) / 10.0);
  if (dice.chance(0.15)) {
    spec.mutable_assessor()->set_name("Medianstop");
    spec.mutable_assessor()->set_class_args_json(R"({"start_step":2})");
  }
  if (gpus > 0 && spec.training_config().tasks_size() == 1)
    spec.mutable_training_config()
        ->mutable_tasks(0)
        ->mutable_container()
        ->mutable_limits()
        ->set_gpus(dice.between(0, static_cast<int>(gpus)));
  return spec;
}

SimulationOptions random_options(std::uint64_t seed) {
  std::mt19937_64 random(seed ^ 0x51b0a7ULL);
  Dice dice(random);
  SimulationOptions options;
  options.seed = seed;
  auto& faults = options.faults;
  bool clean = dice.chance(0.15);
  faults.shuffled = !clean;
  faults.commands = dice.chance(0.5);
  if (!clean) {
    faults.crashes = dice.chance(0.6) ? dice.between(1, 5) : 0;
    faults.lose_replicas = dice.chance(0.2);
    faults.store_fails = dice.chance(0.25);
    faults.store_refuses = dice.chance(0.1);
    faults.launcher.failed_spawn = dice.chance(0.3) ? 0.1 : 0;
    faults.launcher.lost = dice.chance(0.3) ? 0.15 : 0;
    faults.launcher.late_events = dice.chance(0.3) ? 0.3 : 0;
    faults.launcher.doubled_events = dice.chance(0.3) ? 0.3 : 0;
    faults.launcher.ignores_term = dice.chance(0.2) ? 0.3 : 0;
  }
  bool two = dice.chance(0.15);
  // After a crash the first of two experiments to be resumed does not know which GPUs the other's trials hold.
  if (dice.chance(0.2) && !(two && faults.crashes > 0))
    options.gpus = {"0", "1"};
  for (int i = two ? 2 : 1; i > 0; --i)
    options.specs.push_back(random_spec(random, options.gpus.size()));
  options.behaviour = RandomBehaviour(seed, dice.chance(0.5), dice.chance(0.2));
  return options;
}

/// `id` is the experiment's name here: it is not yet known when the plan is made.
void Simulation::draw_commands() {
  for (auto n = 1 + below(6); n > 0; --n)
    plan(milliseconds(below(8000)), random_command("sim"));
}

pb::ControlRequest Simulation::random_command(const std::string& id) {
  pb::ControlRequest request;
  auto edit = [&](const std::string& path, std::int64_t value) {
    request.mutable_edit()->set_experiment_id(id);
    request.mutable_edit()->set_path(path);
    request.mutable_edit()->set_value(std::to_string(value));
    return request;
  };
  switch (below(9)) {
    case 0: return command(id, "stop");
    case 1: return command(id, "stop-now");
    case 2: return command(id, "pause");
    case 3: return command(id, "resume");
    case 4: {
      request = command(id, "stop");
      request.mutable_command()->set_sequence(below(8));
      return request;
    }
    case 5: return edit("spec.trialConcurrency", 1 + below(8));
    case 6: return edit("spec.maxTrialNum", 1 + below(14));
    case 7: return edit("spec.maxExecSeconds", 1 + below(20));
    default:
      request.mutable_enqueue()->set_experiment_id(id);
      request.mutable_enqueue()->set_parameters_json(chance(0.5) ? R"({"a":1,"b":"x"})"
                                                                 : R"({"b":"y"})");
      return request;
  }
}

}  // namespace autotune::test
