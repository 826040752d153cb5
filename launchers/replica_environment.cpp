#include "launchers/replica_environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "launchers/text_expansion.hpp"
#include "messages/value.hpp"

namespace autotune {

namespace {

constexpr std::string_view localhost = "127.0.0.1";

/// Whether a NAME=VALUE is of this name.
bool is_named(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

/// An environment under construction: the last value of a name wins, the order of first mention stays. Of a few dozen
/// entries at most, so that looking at all of them is the fastest way to find one.
class Environment {
 public:
  void set(std::string_view name, std::string_view value) {
    std::string entry;
    entry.reserve(name.size() + 1 + value.size());
    entry.append(name).append(1, '=').append(value);
    for (auto& before : entries_)
      if (is_named(before, name)) {
        before = std::move(entry);
        return;
      }
    entries_.push_back(std::move(entry));
  }
  std::optional<std::string> find(std::string_view name) const {
    for (const auto& entry : entries_)
      if (is_named(entry, name))
        return entry.substr(name.size() + 1);
    return std::nullopt;
  }
  bool has(std::string_view name) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const auto& entry) { return is_named(entry, name); });
  }
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::vector<std::string> entries_;
};

/// The last value of a name, as a shell would keep it.
std::string value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (auto entry = environment.rbegin(); entry != environment.rend(); ++entry)
    if (is_named(*entry, name))
      return entry->substr(name.size() + 1);
  return {};
}

/// Variables of a trial around us (a trial may run `autotune run`) that the inner one must not inherit.
bool is_of_a_trial(std::string_view entry) {
  constexpr std::string_view names[] = {"AUTOTUNE_EXPERIMENT_", "AUTOTUNE_TRIAL_",
                                        "AUTOTUNE_REPLICA", "AUTOTUNE_PARAMETERS",
                                        "AUTOTUNE_REPORT"};
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view name) { return entry.starts_with(name); });
}

/// A replica's address in the order of `replicas_of`.
std::string address(const AttemptContext& attempt, std::size_t place) {
  return std::string(localhost) + ":" +
         std::to_string(place < attempt.ports.size() ? attempt.ports[place] : 0);
}

/// `{"cluster": {role: ["host:port", ...]}, "task": {"type": role, "index": i}}`. An evaluator is no member of the
/// cluster, as TensorFlow wants it.
std::string tf_config(const AttemptContext& attempt, const ReplicaPlace& replica) {
  std::string cluster;
  std::size_t place = 0;
  for (const auto& task : attempt.plan->training_config().tasks()) {
    std::string hosts;
    for (int i = 0; i < task.replicas(); ++i, ++place)
      hosts += (i > 0 ? ", " : "") + quote_json(address(attempt, place));
    if (task.role() != "evaluator" && task.replicas() > 0)
      cluster += (cluster.empty() ? "" : ", ") + quote_json(task.role()) + ": [" + hosts + "]";
  }
  return "{\"cluster\": {" + cluster +
         "}, \"task\": {\"type\": " + quote_json(replica.task->role()) +
         ", \"index\": " + std::to_string(replica.index) + "}}";
}

/// torchrun reads its options from PET_<NAME>, so a command needs no change.
void set_torchrun(const AttemptContext& attempt, const ReplicaPlace& replica, int nodes,
                  Environment& environment) {
  auto config = parse_json(attempt.plan->training_config().torchrun_config_json());
  if (!config || config->as_object() == nullptr)
    return;
  const auto* enabled = config->find("enabled");
  if (enabled != nullptr && enabled->as_bool() != nullptr && !*enabled->as_bool())
    return;
  auto port = std::to_string(attempt.ports.empty() ? 0 : attempt.ports[0]);
  environment.set("PET_NNODES", std::to_string(nodes));
  environment.set("PET_NODE_RANK", std::to_string(replica.rank));
  environment.set("PET_MASTER_ADDR", localhost);
  environment.set("PET_MASTER_PORT", port);
  environment.set("PET_RDZV_ENDPOINT", std::string(localhost) + ":" + port);
  environment.set("PET_RDZV_ID", attempt.plan->experiment_id() + "-" + attempt.plan->trial_id() +
                                     "-" + std::to_string(attempt.plan->attempt()));
  constexpr std::pair<const char*, const char*> names[] = {
      {"procPerNode", "PET_NPROC_PER_NODE"},  {"nprocPerNode", "PET_NPROC_PER_NODE"},
      {"nProcPerNode", "PET_NPROC_PER_NODE"}, {"maxRestarts", "PET_MAX_RESTARTS"},
      {"rdzvBackend", "PET_RDZV_BACKEND"},    {"rdzvConf", "PET_RDZV_CONF"}};
  for (const auto& [theirs, variable] : names)
    if (const auto* value = config->find(theirs))
      environment.set(variable,
                      value->as_string() != nullptr ? *value->as_string() : to_json(*value));
}

void set_framework(const AttemptContext& attempt, const ReplicaPlace& replica,
                   Environment& environment) {
  const auto& training = attempt.plan->training_config();
  if (training.type() == "tensorflow") {
    environment.set("TF_CONFIG", tf_config(attempt, replica));
  } else if (training.type() == "pytorch" || training.type() == "xgboost") {
    int world = 0;
    for (const auto& task : training.tasks())
      world += task.replicas();
    environment.set("MASTER_ADDR", localhost);
    environment.set("MASTER_PORT", std::to_string(attempt.ports.empty() ? 0 : attempt.ports[0]));
    environment.set("RANK", std::to_string(replica.rank));
    environment.set("WORLD_SIZE", std::to_string(world));
    // Each replica sees its own GPUs only, so it is the first on "its" machine.
    environment.set("LOCAL_RANK", "0");
    if (!training.torchrun_config_json().empty())
      set_torchrun(attempt, replica, world, environment);
  }
}

Result<void> set_gpus(const AttemptContext& attempt, const ReplicaPlace& replica,
                      Environment& environment) {
  const auto& plan = *attempt.plan;
  int before = 0;
  for (const auto& one : replicas_of(plan)) {
    if (one.name == replica.name)
      break;
    before += one.task->container().limits().gpus();
  }
  int wanted = replica.task->container().limits().gpus();
  if (wanted <= 0)
    return {};
  if (before + wanted > plan.gpus_size())
    return fail(ErrorCode::invalid_argument, replica.name + " wants " + std::to_string(wanted) +
                                                 " GPUs, but this attempt was given " +
                                                 std::to_string(plan.gpus_size()) +
                                                 " for all its replicas");
  std::string ids;
  for (int i = before; i < before + wanted; ++i)
    ids += (ids.empty() ? "" : ",") + plan.gpus(i);
  environment.set("CUDA_VISIBLE_DEVICES", ids);
  environment.set("NVIDIA_VISIBLE_DEVICES", ids);
  return {};
}

void set_trial(const AttemptContext& attempt, const ReplicaPlace& replica,
               Environment& environment) {
  const auto& plan = *attempt.plan;
  environment.set("AUTOTUNE_EXPERIMENT_ID", plan.experiment_id());
  environment.set("AUTOTUNE_EXPERIMENT_NAME", plan.experiment_name());
  environment.set("AUTOTUNE_TRIAL_ID", plan.trial_id());
  environment.set("AUTOTUNE_TRIAL_SEQUENCE", std::to_string(plan.sequence()));
  environment.set("AUTOTUNE_TRIAL_ATTEMPT", std::to_string(plan.attempt()));
  environment.set("AUTOTUNE_REPLICA", replica.name);
  environment.set("AUTOTUNE_TRIAL_DIR", attempt.folder->trial());
  environment.set("AUTOTUNE_PARAMETERS", attempt.folder->parameters());
  environment.set("AUTOTUNE_REPORTS", attempt.folder->reports(replica.name));
}

/// What the downward API gives on one machine.
std::optional<std::string> field_value(const AttemptContext& attempt, const ReplicaPlace& replica,
                                       const std::string& path) {
  const auto& plan = *attempt.plan;
  if (path == "metadata.name")
    return plan.experiment_id() + "-" + plan.trial_id() + "-" + replica.name;
  if (path == "metadata.namespace")
    return "default";
  if (path == "metadata.uid")
    return plan.experiment_id() + "-" + std::to_string(plan.sequence()) + "-" +
           std::to_string(plan.attempt()) + "-" + replica.name;
  if (path == "status.podIP" || path == "status.hostIP" || path == "status.podIPs")
    return std::string(localhost);
  if (path == "spec.nodeName") {
    char name[HOST_NAME_MAX + 1] = {};
    ::gethostname(name, sizeof name - 1);
    return name;
  }
  return std::nullopt;
}

const pb::SecretDocument* find_secret(const pb::AttemptPlan& plan, const std::string& name) {
  for (const auto& secret : plan.secrets())
    if (secret.name() == name)
      return &secret;
  return nullptr;
}

std::string known_secrets(const pb::AttemptPlan& plan) {
  std::string names;
  for (const auto& secret : plan.secrets())
    names += (names.empty() ? "" : ", ") + secret.name();
  return names.empty() ? "none" : names;
}

Result<void> set_container(const AttemptContext& attempt, const ReplicaPlace& replica,
                           TextExpansion& expansion, Environment& environment,
                           std::vector<std::string>& notices) {
  const auto& plan = *attempt.plan;
  const auto& container = replica.task->container();
  for (const auto& from : container.env_from()) {
    const auto* secret = find_secret(plan, from.secret());
    if (secret == nullptr && !from.optional())
      return fail(ErrorCode::invalid_argument,
                  "envFrom names the Secret '" + from.secret() +
                      "', which is unknown; known are: " + known_secrets(plan));
    if (secret != nullptr)
      for (const auto& [key, value] : secret->data())
        environment.set(from.prefix() + key, value);
  }
  for (const auto& variable : container.env()) {
    if (variable.has_secret_ref()) {
      auto value = secret_value(plan, variable.secret_ref().name(), variable.secret_ref().key());
      if (value)
        environment.set(variable.name(), *value);
      else if (!variable.secret_ref().optional())
        return fail(ErrorCode::invalid_argument,
                    "env " + variable.name() + ": " + value.error().message);
    } else if (!variable.field_path().empty()) {
      auto value = field_value(attempt, replica, variable.field_path());
      environment.set(variable.name(), value.value_or(std::string()));
      if (!value)
        notices.push_back("env " + variable.name() + " is empty: fieldPath " +
                          variable.field_path() + " exists on Kubernetes only");
    } else {
      auto value = expansion.expand(variable.value(),
                                    [&](std::string_view name) { return environment.find(name); });
      if (!value)
        return fail(value.error().code, "env " + variable.name() + ": " + value.error().message);
      environment.set(variable.name(), *value);
    }
  }
  return {};
}

/// Without ".", ".." and a slash at the end, as a shell wants $PWD.
std::string without_detours(const std::string& folder) {
  if (!folder.ends_with('/') && folder.find("/.") == std::string::npos &&
      folder.find("//") == std::string::npos)
    return folder;
  auto path = std::filesystem::path(folder).lexically_normal().string();
  if (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

std::string start_folder(const AttemptContext& attempt, const pb::Container& container) {
  const auto& wanted = container.working_dir();
  const auto& base = attempt.plan->options().folder();
  if (!wanted.empty() && wanted[0] == '/')
    return wanted;
  const auto& folder = base.empty() ? attempt.folder->trial() : base;
  return wanted.empty() ? folder : folder + "/" + wanted;
}

}  // namespace

std::vector<ReplicaPlace> replicas_of(const pb::AttemptPlan& plan) {
  int masters = 0;
  for (const auto& task : plan.training_config().tasks())
    if (task.role() == "master")
      masters += task.replicas();
  std::vector<ReplicaPlace> found;
  int next_master = 0;
  int next_other = masters;
  for (const auto& task : plan.training_config().tasks()) {
    auto& rank = task.role() == "master" ? next_master : next_other;
    for (int i = 0; i < task.replicas(); ++i)
      found.push_back({&task, i, rank++, task.role() + "-" + std::to_string(i)});
  }
  return found;
}

std::size_t ports_needed(const pb::TrainingConfig& training) {
  if (training.type() == "pytorch" || training.type() == "xgboost")
    return 1;
  if (training.type() != "tensorflow")
    return 0;
  std::size_t count = 0;
  for (const auto& task : training.tasks())
    count += static_cast<std::size_t>(std::max(0, task.replicas()));
  return count;
}

bool decides_trial(const pb::TrainingConfig& training, const ReplicaPlace& replica) {
  auto has = [&](const std::string& role) {
    return std::any_of(training.tasks().begin(), training.tasks().end(), [&](const pb::Task& task) {
      return task.role() == role && task.replicas() > 0;
    });
  };
  const std::string leader = training.type() == "tensorflow" ? "chief" : "master";
  auto role = has(leader) ? leader : has("worker") ? "worker" : training.tasks(0).role();
  return replica.task->role() == role && replica.index == 0;
}

Result<ReplicaCommand> command_of(const AttemptContext& attempt, const ReplicaPlace& replica) {
  const auto& plan = *attempt.plan;
  const auto& container = replica.task->container();
  if (container.command().empty() && container.args().empty())
    return fail(
        ErrorCode::invalid_argument,
        "the container of role '" + replica.task->role() +
            "' has no command: an image's own entry point is only known where images are used "
            "(launcher kubernetes or container)");
  ReplicaCommand command;
  Environment own;  // what $(NAME) may name
  set_framework(attempt, replica, own);
  if (auto set = set_gpus(attempt, replica, own); !set)
    return tl::unexpected(set.error());
  set_trial(attempt, replica, own);
  TextExpansion expansion({plan.parameters_json(), plan.trial_id(), plan.sequence()});
  if (auto set = set_container(attempt, replica, expansion, own, command.notices); !set)
    return tl::unexpected(set.error());
  set_trial(attempt, replica, own);  // these are a promise: a container's env does not change them
  auto lookup = [&](std::string_view name) { return own.find(name); };
  for (const auto* texts : {&container.command(), &container.args()}) {
    for (const auto& text : *texts) {
      auto expanded = expansion.expand(text, lookup);
      if (!expanded)
        return tl::unexpected(expanded.error());
      command.argv.push_back(std::move(*expanded));
    }
  }
  command.folder = start_folder(attempt, container);
  const auto& base = *attempt.base_environment;
  if (!own.find("PWD"))
    own.set("PWD", without_detours(command.folder));  // the one of base is where we were started
  if (!attempt.sdk_path.empty()) {
    auto already = own.find("PYTHONPATH").value_or(value_of(base, "PYTHONPATH"));
    own.set("PYTHONPATH", already.empty() ? attempt.sdk_path : already + ":" + attempt.sdk_path);
  }
  command.environment.reserve(base.size() + own.entries().size());
  for (const auto& entry : base) {
    auto equals = entry.find('=');
    if (equals != std::string::npos && !is_of_a_trial(entry) &&
        !own.has(std::string_view(entry).substr(0, equals)))
      command.environment.push_back(entry);
  }
  for (const auto& entry : own.entries())
    command.environment.push_back(entry);
  return command;
}

Result<std::string> secret_value(const pb::AttemptPlan& plan, const std::string& name,
                                 const std::string& key) {
  const auto* secret = find_secret(plan, name);
  if (secret == nullptr)
    return fail(ErrorCode::not_found,
                "the Secret '" + name + "' is unknown; known are: " + known_secrets(plan));
  auto found = secret->data().find(key);
  if (found != secret->data().end())
    return found->second;
  std::string keys;
  for (const auto& one : secret->data())
    keys += (keys.empty() ? "" : ", ") + one.first;
  return fail(ErrorCode::not_found, "the Secret '" + name + "' has no key '" + key +
                                        "'; it has: " + (keys.empty() ? "none" : keys));
}

std::string find_sdk() {
  if (const char* given = std::getenv("AUTOTUNE_SDK_PATH"); given != nullptr && *given != '\0')
    return given;
  char path[PATH_MAX];
  auto n = ::readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0)
    return {};
  std::string folder(path, static_cast<std::size_t>(n));
  folder.erase(folder.rfind('/'));
  for (const char* beside : {"/../../sdk/python", "/../share/autotune/python", "/../sdk/python"}) {
    char resolved[PATH_MAX];
    if (::realpath((folder + beside).c_str(), resolved) != nullptr &&
        ::access((std::string(resolved) + "/t9k").c_str(), F_OK) == 0)
      return resolved;
  }
  return {};
}

}  // namespace autotune
