#include "config/ignored_fields.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <unordered_set>
#include <utility>

#include "config/kubernetes_fields.hpp"
#include "messages/value.hpp"

namespace autotune {

namespace {

namespace kubernetes = config::kubernetes;

using Honoured = std::span<const std::string_view>;

// Fields that all launchers honour, or that say nothing which could be missed.
constexpr std::array<std::string_view, 4> pod_fields = {"containers", "volumes", "securityContext",
                                                        "terminationGracePeriodSeconds"};
constexpr std::array<std::string_view, 9> container_fields = {
    "name",    "command",   "args",         "workingDir",     "env",
    "envFrom", "resources", "volumeMounts", "securityContext"};
constexpr std::array<std::string_view, 2> container_launcher_fields = {"image", "imagePullPolicy"};
constexpr std::array<std::string_view, 5> volume_fields = {"name", "persistentVolumeClaim",
                                                           "emptyDir", "hostPath", "secret"};
constexpr std::array<std::string_view, 4> mount_fields = {"name", "mountPath", "subPath",
                                                          "readOnly"};
constexpr std::array<std::string_view, 2> env_sources = {"secretKeyRef", "fieldRef"};
constexpr std::array<std::string_view, 2> env_from_fields = {"secretRef", "prefix"};
constexpr std::array<std::string_view, 2> amounts = {"cpu", "memory"};

bool contains(Honoured names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Collector {
 public:
  Collector(std::string_view launcher, bool honor_run_as_user)
      : in_container_(launcher == "container"),
        honor_run_as_user_(honor_run_as_user || in_container_) {}

  void task(const pb::Task& task) {
    auto pod = parse_json(task.template_json());
    const auto* spec = pod ? pod->find("spec") : nullptr;
    if (spec == nullptr)
      return;
    members(*spec, "", pod_fields, kubernetes::pod_spec());
    security(*spec, kubernetes::pod_security_context());
    each(*spec, "volumes", [&](const Value& volume) {
      members(volume, "volumes.", volume_fields, kubernetes::volume());
    });
    containers(*spec, task.container().name());
  }

  std::vector<std::string> take() { return std::move(names_); }

 private:
  void add(std::string name) {
    if (seen_.insert(name).second)
      names_.push_back(std::move(name));
  }

  /// Notes what Kubernetes knows and the launcher does not; what nobody knows is an error elsewhere.
  void members(const Value& value, const std::string& prefix, Honoured honoured,
               kubernetes::Names known) {
    const auto* object = value.as_object();
    if (object == nullptr)
      return;
    for (const auto& [name, member] : *object)
      if (!member.is_null() && !contains(honoured, name) && contains(known, name))
        add(prefix + name);
  }

  template <class Use>
  static void each(const Value& value, std::string_view name, Use use) {
    const auto* list = value.find(name);
    if (list == nullptr || list->as_array() == nullptr)
      return;
    for (const auto& item : *list->as_array())
      use(item);
  }

  void security(const Value& value, kubernetes::Names known) {
    static constexpr std::array<std::string_view, 1> user = {"runAsUser"};
    if (const auto* context = value.find("securityContext"))
      members(*context, "securityContext.", honor_run_as_user_ ? Honoured(user) : Honoured(),
              known);
  }

  void containers(const Value& spec, const std::string& main_name) {
    bool has_main = false;
    each(spec, "containers", [&](const Value& container) {
      const auto* name = container.find("name");
      const auto* text = name == nullptr ? nullptr : name->as_string();
      bool is_main = !has_main && (text == nullptr ? main_name.empty() : *text == main_name);
      if (is_main)
        main(container);
      else
        add(text == nullptr ? "a further container" : "container '" + *text + "'");
      has_main = has_main || is_main;
    });
  }

  void main(const Value& container) {
    std::vector<std::string_view> honoured(container_fields.begin(), container_fields.end());
    if (in_container_)
      honoured.insert(honoured.end(), container_launcher_fields.begin(),
                      container_launcher_fields.end());
    members(container, "", honoured, kubernetes::container());
    security(container, kubernetes::container_security_context());
    each(container, "env", [&](const Value& variable) {
      if (const auto* from = variable.find("valueFrom"))
        members(*from, "env.valueFrom.", env_sources, kubernetes::env_source());
    });
    each(container, "envFrom", [&](const Value& from) {
      members(from, "envFrom.", env_from_fields, kubernetes::env_from());
    });
    each(container, "volumeMounts", [&](const Value& mount) {
      members(mount, "volumeMounts.", mount_fields, kubernetes::volume_mount());
    });
    if (const auto* resources = container.find("resources"))
      amounts_of(*resources);
  }

  void amounts_of(const Value& resources) {
    for (std::string name : {"requests", "limits"}) {
      const auto* object =
          resources.find(name) == nullptr ? nullptr : resources.find(name)->as_object();
      if (object == nullptr)
        continue;
      for (const auto& [key, amount] : *object)
        if (!contains(amounts, key) && !key.ends_with("/gpu"))
          add("resources." + name + "." + key);
    }
    if (resources.find("claims") != nullptr)
      add("resources.claims");
  }

  bool in_container_;
  bool honor_run_as_user_;
  std::vector<std::string> names_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

std::vector<std::string> ignored_fields(const pb::TrainingConfig& training,
                                        std::string_view launcher, bool honor_run_as_user) {
  if (launcher == "kubernetes" || launcher == "simulated")
    return {};
  Collector collector(launcher, honor_run_as_user);
  for (const auto& task : training.tasks())
    collector.task(task);
  return collector.take();
}

}  // namespace autotune
