#include "config/spec_printer.hpp"

#include <cmath>
#include <map>
#include <utility>

#include "config/yaml_writer.hpp"
#include "messages/value.hpp"

namespace autotune {

namespace {

Value number(double x) {
  constexpr double whole_max = 9007199254740992.0;  // 2^53
  if (std::trunc(x) == x && std::abs(x) <= whole_max)
    return Value::integer(static_cast<std::int64_t>(x));
  return Value::real(x);
}

Value json_or_empty(const std::string& text) {
  auto value = parse_json(text);
  return value ? std::move(*value) : Value(Object{});
}

Value texts(const google::protobuf::RepeatedPtrField<std::string>& list) {
  Array out;
  for (const auto& text : list)
    out.emplace_back(text);
  return out;
}

Value texts_by_name(const google::protobuf::Map<std::string, std::string>& map) {
  Object out;
  for (const auto& [name, text] : std::map<std::string, std::string>(map.begin(), map.end()))
    out.emplace_back(name, text);
  return out;
}

std::string word(pb::Goal goal) { return goal == pb::GOAL_MAXIMIZE ? "maximize" : "minimize"; }

std::string word(pb::RestartPolicy policy) {
  switch (policy) {
    case pb::RESTART_POLICY_ON_FAILURE: return "OnFailure";
    case pb::RESTART_POLICY_ALWAYS: return "Always";
    case pb::RESTART_POLICY_EXIT_CODE: return "ExitCode";
    default: return "Never";
  }
}

std::string word(pb::CleanUpPolicy policy) {
  switch (policy) {
    case pb::CLEAN_UP_POLICY_NONE: return "None";
    case pb::CLEAN_UP_POLICY_ALL: return "All";
    default: return "Unfinished";
  }
}

Value metadata(const pb::ExperimentSpec& spec) {
  Object out{{"name", spec.name()}};
  if (!spec.namespace_().empty())
    out.emplace_back("namespace", spec.namespace_());
  if (!spec.labels().empty())
    out.emplace_back("labels", texts_by_name(spec.labels()));
  if (!spec.annotations().empty())
    out.emplace_back("annotations", texts_by_name(spec.annotations()));
  return out;
}

Value aistore(const pb::Aistore& store) {
  Object out{{"secret", store.secret()}, {"folder", store.folder()}};
  if (!store.url().empty())
    out.emplace_back("url", store.url());
  return out;
}

Value task(const pb::Task& task) {
  return Object{{"type", task.role()},
                {"replicas", Value::integer(task.replicas())},
                {"restartPolicy", word(task.restart_policy())},
                {"template", json_or_empty(task.template_json())}};
}

Value training_config(const pb::TrainingConfig& config) {
  Object out{{"type", config.type()}};
  Object policy{{"backoffLimit", Value::integer(config.run_policy().backoff_limit())},
                {"cleanUpPolicy", word(config.run_policy().clean_up_policy())}};
  if (config.run_policy().active_deadline_seconds() > 0)
    policy.emplace_back("activeDeadlineSeconds",
                        number(config.run_policy().active_deadline_seconds()));
  out.emplace_back("runPolicy", std::move(policy));
  Object scheduler;
  if (!config.queue().empty())
    scheduler.emplace_back("queue", config.queue());
  if (!config.priority().empty())
    scheduler.emplace_back("priority", config.priority());
  if (!scheduler.empty())
    out.emplace_back("scheduler", Object{{"t9kScheduler", std::move(scheduler)}});
  if (!config.torchrun_config_json().empty())
    out.emplace_back("torchrunConfig", json_or_empty(config.torchrun_config_json()));
  Array tasks;
  for (const auto& one : config.tasks())
    tasks.push_back(task(one));
  out.emplace_back("tasks", std::move(tasks));
  return out;
}

Value goal(const pb::ObjectiveGoal& goal) {
  Object out{{"metric", goal.metric()}};
  if (goal.goal() != pb::GOAL_UNSPECIFIED)
    out.emplace_back("goal", word(goal.goal()));
  return out;
}

Value objective(const pb::Objective& objective) {
  Object out;
  if (objective.goals_size() == 1) {
    out = *goal(objective.goals(0)).as_object();
  } else {
    Array goals;
    for (const auto& one : objective.goals())
      goals.push_back(goal(one));
    out.emplace_back("goals", std::move(goals));
  }
  if (!objective.constraints().empty())
    out.emplace_back("constraints", texts(objective.constraints()));
  return out;
}

Value trial_policy(const pb::TrialPolicy& policy) {
  Object out{{"maxRetries", Value::integer(policy.max_retries())},
             {"retryOn", texts(policy.retry_on())},
             {"backoffSeconds", number(policy.backoff_seconds())}};
  if (policy.max_trial_seconds() > 0)
    out.emplace_back("maxTrialSeconds", number(policy.max_trial_seconds()));
  return out;
}

Value metrics_collector(const pb::MetricsCollector& collector) {
  Object out{{"kind", collector.kind()}};
  if (!collector.path().empty())
    out.emplace_back("path", collector.path());
  if (!collector.pattern().empty())
    out.emplace_back("pattern", collector.pattern());
  if (!collector.tag().empty())
    out.emplace_back("tag", collector.tag());
  return out;
}

Value launcher(const pb::LauncherChoice& choice) {
  auto options = json_or_empty(choice.options_json());
  if (options.as_object() == nullptr || options.as_object()->empty())
    return choice.kind();
  Object out{{"kind", choice.kind()}};
  for (auto& member : *options.as_object())
    out.push_back(std::move(member));
  return out;
}

class Printer {
 public:
  std::string print(const pb::ExperimentSpec& spec) {
    out_ = "apiVersion: tensorstack.dev/v1beta1\nkind: AutoTuneExperiment\nmetadata:";
    config::write_yaml(metadata(spec), 0, out_);
    out_ += "spec:\n";
    limits(spec);
    field("searchSpace");
    config::write_json_block(json_or_empty(spec.search_space_json()), 2, out_);
    if (spec.has_training_config())
      field("trainingConfig", training_config(spec.training_config()));
    algorithms(spec);
    if (spec.has_seed())
      field("seed", Value::integer(spec.seed()));
    field("objective", objective(spec.objective()));
    field("trialPolicy", trial_policy(spec.trial_policy()));
    field("metricsCollector", metrics_collector(spec.metrics_collector()));
    if (!spec.launcher().kind().empty())
      field("launcher", launcher(spec.launcher()));
    Array trials;
    for (const auto& text : spec.initial_trials_json())
      trials.push_back(json_or_empty(text));
    if (!trials.empty())
      field("initialTrials", trials);
    return std::move(out_);
  }

 private:
  void field(std::string_view name) { out_.append("  ").append(name).append(":"); }

  void field(std::string_view name, const Value& value) {
    field(name);
    config::write_yaml(value, 2, out_);
  }

  void limits(const pb::ExperimentSpec& spec) {
    if (spec.max_exec_seconds() > 0)
      field("maxExecSeconds", number(spec.max_exec_seconds()));
    if (spec.max_trial_num() > 0)
      field("maxTrialNum", Value::integer(spec.max_trial_num()));
    field("trialConcurrency", Value::integer(spec.trial_concurrency()));
    if (spec.storage_bytes() > 0)
      field("storage", Value::integer(spec.storage_bytes()));
    if (spec.has_aistore())
      field("aistore", aistore(spec.aistore()));
  }

  void algorithms(const pb::ExperimentSpec& spec) {
    if (spec.has_tuner())
      algorithm("tuner", "builtinTunerName", spec.tuner());
    if (spec.has_advisor())
      algorithm("advisor", "builtinAdvisorName", spec.advisor());
    if (spec.has_assessor())
      algorithm("assessor", "builtinAssessorName", spec.assessor());
  }

  void algorithm(std::string_view name, std::string_view name_field,
                 const pb::Algorithm& algorithm) {
    field(name);
    out_ += '\n';
    bool is_program = !algorithm.command().empty();
    out_.append("    ").append(is_program ? "command" : name_field).append(":");
    config::write_yaml(is_program ? texts(algorithm.command()) : Value(algorithm.name()), 4, out_);
    out_ += "    classArgs:";
    config::write_json_block(json_or_empty(algorithm.class_args_json()), 4, out_);
  }

  std::string out_;
};

}  // namespace

std::string print_spec(const pb::ExperimentSpec& spec) { return Printer().print(spec); }

}  // namespace autotune
