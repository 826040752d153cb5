#include "launchers/process_attempt.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "launchers/process_tree.hpp"
#include "launchers/text_expansion.hpp"
#include "launchers/volumes.hpp"

namespace autotune {

namespace {

constexpr std::size_t ports_file_bytes_max = 64 * 1024;

AttemptContext context_of(const ProcessLauncherOptions& options, const PreparedAttempt& attempt) {
  return {&attempt.plan, &attempt.folder, attempt.ports.ports(), &options.base_environment,
          options.sdk_path};
}

bool reads_stdout(const PreparedAttempt& attempt, const PreparedReplica& replica) {
  return attempt.plan.metrics_collector().kind() == "stdout" &&
         decides_trial(attempt.plan.training_config(), replica.place);
}

/// The user that a replica runs as, where that is honoured.
std::optional<uid_t> user_of(const PreparedAttempt& attempt, const PreparedReplica& replica) {
  if (!attempt.plan.options().honor_run_as_user() || !replica.place.task->has_run_as_user() ||
      ::geteuid() != 0)
    return std::nullopt;
  return static_cast<uid_t>(replica.place.task->run_as_user());
}

/// The environment's value of a name, for the path of a collector.
std::optional<std::string> value_in(const std::vector<std::string>& environment,
                                    std::string_view name) {
  for (const auto& entry : environment)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  return std::nullopt;
}

/// The file or folder that the collector reads: expanded as an argument is, relative to where the program starts,
/// and found on this machine where a volume is mounted there.
Result<std::string> collected_path(const PreparedAttempt& attempt, const ReplicaCommand& command,
                                   const PlacedVolumes& volumes,
                                   const std::string& replica_folder) {
  const auto& how = attempt.plan.metrics_collector();
  if (how.kind() == "stdout")
    return replica_folder + "/stdout";
  TextExpansion expansion(
      {attempt.plan.parameters_json(), attempt.plan.trial_id(), attempt.plan.sequence()});
  auto path = expansion.expand(
      how.path(), [&](std::string_view name) { return value_in(command.environment, name); });
  if (!path)
    return fail(path.error().code, "metricsCollector.path: " + path.error().message);
  if (path->empty())
    return fail(ErrorCode::invalid_argument,
                "metricsCollector of kind " + how.kind() + " wants a path");
  if ((*path)[0] != '/')
    *path = command.folder + "/" + *path;
  return volumes.outside(*path);
}

}  // namespace

bool same_key(const pb::ReplicaKey& a, const pb::ReplicaKey& b) {
  return a.sequence() == b.sequence() && a.attempt() == b.attempt() && a.restart() == b.restart() &&
         a.replica() == b.replica() && a.experiment_id() == b.experiment_id();
}

pb::ReplicaKey PreparedAttempt::key(const PreparedReplica& replica, int restart) const {
  pb::ReplicaKey key;
  key.set_experiment_id(plan.experiment_id());
  key.set_sequence(plan.sequence());
  key.set_attempt(plan.attempt());
  key.set_replica(replica.place.name);
  key.set_restart(restart);
  return key;
}

Result<PreparedAttempt> lay_out(const std::string& home, const pb::AttemptPlan& plan) {
  auto folder = JobFolder::of(home, plan);
  if (!folder)
    return tl::unexpected(folder.error());
  PreparedAttempt attempt;
  attempt.plan = plan;
  attempt.folder = std::move(*folder);
  for (const auto& secret : plan.secrets())
    for (const auto& [key, value] : secret.data())
      attempt.secrets.hide(value);
  // The places point into this plan, which keeps its address when the attempt is moved.
  for (auto& place : replicas_of(attempt.plan)) {
    auto name = place.name;
    attempt.replicas[name].place = std::move(place);
  }
  if (attempt.replicas.empty())
    return fail(ErrorCode::invalid_argument, "trainingConfig asks for no replica");
  return attempt;
}

Result<void> take_ports(PreparedAttempt& attempt) {
  auto count = ports_needed(attempt.plan.training_config());
  if (count == 0)
    return {};
  auto path = attempt.folder.attempt() + "/ports";
  if (auto text = read_whole_file(path, ports_file_bytes_max)) {
    std::vector<std::uint16_t> before;
    const char* at = text->data();
    const char* end = at + text->size();
    for (std::uint16_t port = 0; at != end; at = at == end ? at : at + 1) {
      auto [stop, code] = std::from_chars(at, end, port);
      if (code != std::errc{})
        break;
      before.push_back(port);
      at = stop;
    }
    if (before.size() == count) {
      attempt.ports = PortReservation::retake(before);
      return {};
    }
  }
  auto taken = PortReservation::take(count);
  if (!taken)
    return tl::unexpected(taken.error());
  attempt.ports = std::move(*taken);
  std::string text;
  for (auto port : attempt.ports.ports())
    text += std::to_string(port) + "\n";
  return write_whole_file(path, text);
}

pb::KeeperStart frame_of(const ProcessLauncherOptions& options, const PreparedAttempt& attempt,
                         const PreparedReplica& replica, const pb::ReplicaKey& key) {
  pb::KeeperStart frame;
  *frame.mutable_key() = key;
  frame.set_folder(attempt.folder.replica(replica.place.name));
  auto grace = replica.place.task->termination_grace_period_ms();
  frame.set_grace_ms(grace > 0 ? grace : options.grace.count());
  frame.set_marker(marker_of(options.home, key));
  auto& limits = *frame.mutable_limits();
  const auto& asked = replica.place.task->container().limits();
  limits.set_memory_bytes(asked.memory_bytes());
  limits.set_cpu(asked.cpu());
  limits.set_pids_max(options.processes_max);
  limits.set_own_cgroup(options.cgroup_per_trial);
  auto share = attempt.plan.log_limit_bytes();  // of a quota
  limits.set_log_bytes(share > 0 ? std::min(share, options.log_bytes_max) : options.log_bytes_max);
  limits.set_keep_log_offsets(reads_stdout(attempt, replica));
  return frame;
}

Result<std::vector<std::string>> build_command(const ProcessLauncherOptions& options,
                                               PreparedAttempt& attempt, PreparedReplica& replica,
                                               bool can_mount) {
  auto context = context_of(options, attempt);
  auto command = command_of(context, replica.place);
  if (!command)
    return tl::unexpected(command.error());
  PlacedVolumes volumes;
  if (!replica.place.task->container().volume_mounts().empty()) {
    auto placed = place_volumes(context, replica.place, can_mount);
    if (!placed)
      return tl::unexpected(placed.error());
    volumes = std::move(*placed);
  }
  auto folder = attempt.folder.replica(replica.place.name);
  const auto& how = attempt.plan.metrics_collector();
  if (!how.kind().empty() && how.kind() != "sdk" &&
      decides_trial(attempt.plan.training_config(), replica.place)) {
    auto path = collected_path(attempt, *command, volumes, folder);
    if (!path)
      return tl::unexpected(path.error());
    replica.collected_from = std::move(*path);
    auto checked = make_collector(how, replica.collected_from, folder + "/collected.jsonl");
    if (!checked)
      return tl::unexpected(checked.error());
    replica.collector = std::move(*checked);
  }
  auto& start = replica.command.emplace();
  for (auto& word : command->argv)
    start.add_argv(volumes.volumes.empty() ? std::move(word) : volumes.map(word));
  auto& block = *start.mutable_environment();
  for (const auto& entry : command->environment) {
    block += entry.starts_with("PWD=") ? volumes.map(entry) : entry;
    block += '\0';
  }
  start.set_cwd(volumes.map(command->folder));
  for (auto& mount : volumes.mounts())
    *start.add_mounts() = std::move(mount);
  if (auto user = user_of(attempt, replica))
    start.set_run_as_user(*user);
  command->notices.insert(command->notices.end(), volumes.notices.begin(), volumes.notices.end());
  return std::move(command->notices);
}

Result<void> hand_to_user(const PreparedAttempt& attempt) {
  for (const auto& [name, replica] : attempt.replicas) {
    auto user = user_of(attempt, replica);
    if (!user)
      continue;
    const auto& trial = attempt.folder.trial();
    auto folder = attempt.folder.replica(name);
    // What lies above is ours and may be passed through; what is the trial's becomes that user's.
    auto experiment = trial.substr(0, trial.rfind('/'));
    ::chmod(experiment.c_str(), 0711);
    ::chmod(experiment.substr(0, experiment.rfind('/')).c_str(), 0711);
    for (const auto& path : {trial, attempt.folder.attempt(), attempt.folder.parameters(), folder})
      if (::lchown(path.c_str(), *user, static_cast<gid_t>(-1)) != 0)
        return fail(ErrorCode::invalid_argument, "runAsUser " + std::to_string(*user) +
                                                     ": cannot hand over " + path + ": " +
                                                     std::strerror(errno));
    for (auto slash = trial.find('/', 1); slash != std::string::npos;
         slash = trial.find('/', slash + 1)) {
      auto above = trial.substr(0, slash);
      struct stat status {};
      if (::stat(above.c_str(), &status) == 0 && status.st_uid != *user &&
          (status.st_mode & S_IXOTH) == 0)
        return fail(
            ErrorCode::invalid_argument,
            "runAsUser " + std::to_string(*user) + " cannot pass through " + above +
                " to the trial's folder: let others pass (chmod o+x), or take another --home");
    }
  }
  return {};
}

Result<ReportReader*> reader_of(PreparedAttempt& attempt, PreparedReplica& replica) {
  const auto& how = attempt.plan.metrics_collector();
  bool collects = !how.kind().empty() && how.kind() != "sdk";
  auto folder = attempt.folder.replica(replica.place.name);
  if (!replica.reader)
    replica.reader.emplace(
        collects ? folder + "/collected.jsonl" : attempt.folder.reports(replica.place.name),
        attempt.key(replica, 0), ReportLimits{}, attempt.secrets);
  return &*replica.reader;
}

}  // namespace autotune
