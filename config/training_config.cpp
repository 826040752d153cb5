#include "config/training_config.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

#include "config/nearest_name.hpp"
#include "config/pod_template.hpp"
#include "messages/ids.hpp"

namespace autotune::config {

namespace {

constexpr std::array<std::string_view, 4> types = {"tensorflow", "pytorch", "xgboost", "generic"};
constexpr std::array<std::string_view, 4> tensorflow_roles = {"chief", "worker", "ps", "evaluator"};
constexpr std::array<std::string_view, 2> master_roles = {"master", "worker"};
constexpr std::array<std::string_view, 4> restart_policies = {"Never", "OnFailure", "Always",
                                                              "ExitCode"};
constexpr std::array<std::string_view, 3> clean_up_policies = {"None", "All", "Unfinished"};

constexpr std::int64_t replicas_max = 10'000;
constexpr double seconds_max = 1e9;  // thirty years

class TrainingReader {
 public:
  TrainingReader(Reader& reader, const TrainingContext& context, pb::TrainingConfig& out)
      : reader_(reader), context_(context), out_(out) {}

  void read(const Node& node, const std::string& path) {
    static constexpr std::array<std::string_view, 5> known = {"type", "tasks", "scheduler",
                                                              "runPolicy", "torchrunConfig"};
    Fields fields(reader_, node, path, known);
    if (!fields.is_mapping())
      return;
    if (auto type = fields.word("type", types))
      out_.set_type(*type);
    else if (!fields.has("type"))
      fields.missing("type", list_of(types));
    tasks(fields);
    scheduler(fields);
    run_policy(fields);
    torchrun(fields);
  }

 private:
  void tasks(const Fields& fields) {
    if (!fields.has("tasks"))
      return fields.missing("tasks", "a list with a role of the trial in each element");
    auto nodes = fields.items("tasks");
    if (nodes.empty() && fields.find("tasks")->kind == Kind::array)
      fields.error("tasks", "must not be empty: a trial needs something to run");
    bool all_read = true;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      all_read = task(nodes[i], path_at(fields.path_of("tasks"), i)) && all_read;
    if (all_read && !nodes.empty())
      require_decider(fields);
  }

  /// The replica that decides the trial must be there.
  void require_decider(const Fields& fields) {
    auto decides = [](const pb::Task& task) {
      return task.role() == "chief" || task.role() == "master" || task.role() == "worker";
    };
    if (out_.type().empty() || out_.type() == "generic" ||
        std::any_of(out_.tasks().begin(), out_.tasks().end(), decides))
      return;
    std::string lead = out_.type() == "tensorflow" ? "chief" : "master";
    fields.error("tasks", "has neither " + lead + " nor worker, which decide how a trial ends");
  }

  bool task(const Node& node, const std::string& path) {
    static constexpr std::array<std::string_view, 4> known = {"type", "replicas", "template",
                                                              "restartPolicy"};
    Fields fields(reader_, node, path, known);
    if (!fields.is_mapping())
      return false;
    auto& task = *out_.add_tasks();
    bool has_role = role(fields, task);
    task.set_replicas(static_cast<int>(fields.whole("replicas", 1, replicas_max).value_or(1)));
    if (task.replicas() > 1 && (task.role() == "chief" || task.role() == "master"))
      fields.error("replicas", "must be 1 for the role " + task.role());
    task.set_restart_policy(restart_policy(fields));
    const auto* pod = fields.find("template");
    if (pod == nullptr)
      fields.missing("template", "what the replicas run: {spec: {containers: [...]}}");
    else
      read_pod_template(reader_, *pod, fields.path_of("template"), {context_, out_.type()}, task);
    return has_role;
  }

  bool role(const Fields& fields, pb::Task& task) {
    auto roles = roles_of(out_.type());
    if (!fields.has("type")) {
      if (out_.type() != "generic") {
        fields.missing("type", "the role, one of " + list_of(roles));
        return false;
      }
      task.set_role("worker");
    }
    auto role = roles.empty() ? fields.text("type") : fields.word("type", roles);
    if (role)
      task.set_role(*role);
    if (task.role().empty() || !is_dns_label(task.role())) {
      if (role)
        fields.error("type", quoted(*role) + " is no role name; use a-z, 0-9 and '-'");
      return false;
    }
    if (!roles_seen_.insert(task.role()).second)
      fields.error("type", "the role " + task.role() +
                               " stands here a second time; raise 'replicas' of the first");
    return true;
  }

  static Names roles_of(std::string_view type) {
    if (type == "tensorflow")
      return tensorflow_roles;
    if (type == "pytorch" || type == "xgboost")
      return master_roles;
    return {};
  }

  static pb::RestartPolicy restart_policy(const Fields& fields) {
    auto word = fields.word("restartPolicy", restart_policies).value_or("Never");
    auto at = std::find(restart_policies.begin(), restart_policies.end(), word);
    return static_cast<pb::RestartPolicy>(pb::RESTART_POLICY_NEVER +
                                          (at - restart_policies.begin()));
  }

  void scheduler(const Fields& fields) {
    static constexpr std::array<std::string_view, 1> known = {"t9kScheduler"};
    static constexpr std::array<std::string_view, 2> known_inside = {"queue", "priority"};
    const auto* node = fields.find("scheduler");
    if (node == nullptr)
      return;
    Fields outer(reader_, *node, fields.path_of("scheduler"), known);
    const auto* inside = outer.find("t9kScheduler");
    if (inside == nullptr)
      return;
    Fields inner(reader_, *inside, outer.path_of("t9kScheduler"), known_inside);
    out_.set_queue(inner.text("queue").value_or(""));
    const auto* priority = inner.find("priority");
    if (priority != nullptr && priority->kind == Kind::number)
      out_.set_priority(priority->text);
    else
      out_.set_priority(inner.text("priority").value_or(""));
  }

  void run_policy(const Fields& fields) {
    static constexpr std::array<std::string_view, 3> known = {
        "backoffLimit", "activeDeadlineSeconds", "cleanUpPolicy"};
    auto& policy = *out_.mutable_run_policy();
    policy.set_backoff_limit(3);
    policy.set_clean_up_policy(pb::CLEAN_UP_POLICY_UNFINISHED);
    const auto* node = fields.find("runPolicy");
    if (node == nullptr)
      return;
    Fields inner(reader_, *node, fields.path_of("runPolicy"), known);
    auto limit = inner.whole("backoffLimit", 0, std::numeric_limits<std::int32_t>::max());
    policy.set_backoff_limit(static_cast<std::int32_t>(limit.value_or(3)));
    auto deadline = inner.real("activeDeadlineSeconds", 0, seconds_max);
    if (deadline && *deadline <= 0)
      inner.error("activeDeadlineSeconds", "must be greater than 0; leave it out for no limit");
    policy.set_active_deadline_seconds(deadline.value_or(0));
    auto word = inner.word("cleanUpPolicy", clean_up_policies).value_or("Unfinished");
    auto at = std::find(clean_up_policies.begin(), clean_up_policies.end(), word);
    policy.set_clean_up_policy(static_cast<pb::CleanUpPolicy>(pb::CLEAN_UP_POLICY_NONE +
                                                              (at - clean_up_policies.begin())));
  }

  /// What torchrun takes is torchrun's business; the launcher hands it on.
  void torchrun(const Fields& fields) {
    const auto* node = fields.find("torchrunConfig");
    if (node == nullptr)
      return;
    if (node->kind != Kind::object)
      fields.error("torchrunConfig", "must be a mapping, not " + shown(*node));
    else if (!out_.type().empty() && out_.type() != "pytorch")
      fields.error("torchrunConfig", "belongs to type pytorch, not " + out_.type());
    else
      out_.set_torchrun_config_json(to_json(to_value(*node)));
  }

  Reader& reader_;
  const TrainingContext& context_;
  pb::TrainingConfig& out_;
  std::unordered_set<std::string> roles_seen_;
};

}  // namespace

void read_training_config(Reader& reader, const Node& node, const std::string& path,
                          const TrainingContext& context, pb::TrainingConfig& out) {
  TrainingReader(reader, context, out).read(node, path);
}

}  // namespace autotune::config
