#include "config/pod_template.hpp"

#include <array>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

#include "config/container_reader.hpp"
#include "config/kubernetes_fields.hpp"
#include "messages/ids.hpp"

namespace autotune::config {

namespace {

constexpr std::int64_t user_id_max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t grace_seconds_default = 5;  // Kubernetes' 30 would slow down every stop
constexpr std::int64_t grace_seconds_max = 86'400;

constexpr std::array<std::string_view, 4> supported_sources = {"persistentVolumeClaim", "emptyDir",
                                                               "hostPath", "secret"};

class PodReader {
 public:
  PodReader(Reader& reader, const PodContext& context, pb::Task& task)
      : reader_(reader), context_(context), task_(task) {}

  void read(const Node& node, const std::string& path) {
    task_.set_template_json(to_json(to_value(node)));
    Fields fields(reader_, node, path, kubernetes::pod_template());
    task_.set_termination_grace_period_ms(grace_seconds_default * 1000);
    const auto* spec = fields.find("spec");
    if (spec == nullptr)
      return fields.missing("spec", "what the pod runs: {containers: [...]}");
    Fields pod(reader_, *spec, fields.path_of("spec"), kubernetes::pod_spec());
    if (!pod.is_mapping())
      return;
    auto grace = pod.whole("terminationGracePeriodSeconds", 0, grace_seconds_max);
    task_.set_termination_grace_period_ms(
        static_cast<std::int32_t>(grace.value_or(grace_seconds_default) * 1000));
    user_of(pod, kubernetes::pod_security_context());
    node_selector(pod);
    volumes(pod);
    containers(pod);
    init_containers(pod);
  }

 private:
  void user_of(const Fields& fields, Names known) {
    const auto* node = fields.find("securityContext");
    if (node == nullptr)
      return;
    Fields context(reader_, *node, fields.path_of("securityContext"), known);
    if (auto user = context.whole("runAsUser", 0, user_id_max))
      task_.set_run_as_user(*user);
  }

  void node_selector(const Fields& pod) {
    const auto* node = pod.find("nodeSelector");
    if (node == nullptr)
      return;
    Fields fields(reader_, *node, pod.path_of("nodeSelector"), {}, Unknown::is_accepted);
    for (const auto& member : node->members)
      if (auto text = read_text(reader_, member.value, fields.path_of(member.key)))
        (*task_.mutable_node_selector())[member.key] = *text;
  }

  void volumes(const Fields& pod) {
    auto nodes = pod.items("volumes");
    std::unordered_set<std::string> names;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Fields fields(reader_, nodes[i], path_at(pod.path_of("volumes"), i), kubernetes::volume());
      if (!fields.is_mapping())
        continue;
      auto name = fields.required_text("name", "volumeMounts refer to a volume by it");
      if (name && !names.insert(*name).second)
        fields.error("name", quoted(*name) + " names another volume already");
      auto& volume = *task_.add_volumes();
      volume.set_name(name.value_or(""));
      source(fields, volume);
    }
  }

  void source(const Fields& fields, pb::Volume& volume) {
    std::vector<std::string_view> sources;
    for (auto known : kubernetes::volume())
      if (known != "name" && fields.has(known))
        sources.push_back(known);
    if (sources.empty()) {
      // `emptyDir:` without a value is Kubernetes' `emptyDir: {}`.
      if (fields.node().find_member("emptyDir") != nullptr)
        volume.set_empty_dir(true);
      else
        fields.missing(
            "persistentVolumeClaim",
            "a volume needs a source: persistentVolumeClaim, emptyDir, hostPath or secret");
    } else if (sources.size() > 1) {
      fields.error(sources[1], "is a second source; " + std::string(sources[0]) +
                                   " stands there already, and a volume has one");
    } else {
      one_source(fields, sources[0], volume);
    }
  }

  void one_source(const Fields& fields, std::string_view kind, pb::Volume& volume) {
    Names known;
    if (kind == supported_sources[0])
      known = kubernetes::claim_source();
    else if (kind == supported_sources[1])
      known = kubernetes::empty_dir_source();
    else if (kind == supported_sources[2])
      known = kubernetes::host_path_source();
    else if (kind == supported_sources[3])
      known = kubernetes::secret_source();
    else
      return;  // for Kubernetes alone
    Fields inner(reader_, *fields.find(kind), fields.path_of(kind), known);
    if (!inner.is_mapping())
      return;
    if (kind == "persistentVolumeClaim")
      volume.set_claim_name(inner.required_text("claimName", "the claim's name").value_or(""));
    else if (kind == "emptyDir")
      volume.set_empty_dir(true);
    else if (kind == "hostPath")
      volume.set_host_path(absolute(inner, "path").value_or(""));
    else
      volume.set_secret_name(inner.required_text("secretName", "the Secret's name").value_or(""));
  }

  static std::optional<std::string> absolute(const Fields& fields, std::string_view name) {
    auto path = fields.required_text(name, "an absolute path");
    if (path && path->front() != '/') {
      fields.error(name, "must be an absolute path, not " + quoted(*path));
      return std::nullopt;
    }
    return path;
  }

  void containers(const Fields& pod) {
    if (!pod.has("containers"))
      return pod.missing("containers", "a list with the container that trains");
    auto nodes = pod.items("containers");
    if (nodes.empty()) {
      if (pod.find("containers")->kind == Kind::array)
        pod.error("containers", "must not be empty: one container trains");
      return;
    }
    auto main = main_of(nodes);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      auto path = path_at(pod.path_of("containers"), i);
      if (i == main)
        read_main(nodes[i], path);
      else
        Fields(reader_, nodes[i], path, kubernetes::container());
    }
  }

  std::size_t main_of(std::span<const Node> nodes) const {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto* name = nodes[i].find("name");
      if (name != nullptr && !context_.main_name.empty() && name->text == context_.main_name)
        return i;
    }
    return 0;
  }

  void read_main(const Node& node, const std::string& path) {
    read_container(reader_, node, path, context_.training, task_);
    if (node.kind != Kind::object)
      return;
    const auto* security = node.find("securityContext");
    if (security == nullptr || security->is_null())
      return;
    // The container's own user goes before the pod's.
    Fields context(reader_, *security, path + ".securityContext",
                   kubernetes::container_security_context());
    if (auto user = context.whole("runAsUser", 0, user_id_max))
      task_.set_run_as_user(*user);
  }

  void init_containers(const Fields& pod) {
    auto nodes = pod.items("initContainers");
    for (std::size_t i = 0; i < nodes.size(); ++i)
      Fields(reader_, nodes[i], path_at(pod.path_of("initContainers"), i), kubernetes::container());
  }

  Reader& reader_;
  const PodContext& context_;
  pb::Task& task_;
};

}  // namespace

void read_pod_template(Reader& reader, const Node& node, const std::string& path,
                       const PodContext& context, pb::Task& task) {
  PodReader(reader, context, task).read(node, path);
}

}  // namespace autotune::config
