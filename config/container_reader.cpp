#include "config/container_reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "config/kubernetes_fields.hpp"
#include "config/nearest_name.hpp"
#include "config/quantity.hpp"

namespace autotune::config {

namespace {

constexpr std::array<std::string_view, 2> trial_words = {"id", "sequence"};
// Algorithms add these to the parameters of the search space.
constexpr std::array<std::string_view, 3> added_parameters = {"TRIAL_BUDGET", "load_checkpoint_dir",
                                                              "save_checkpoint_dir"};

class ContainerReader {
 public:
  ContainerReader(Reader& reader, const TrainingContext& context, pb::Task& task)
      : reader_(reader), context_(context), task_(task), out_(*task.mutable_container()) {}

  void read(const Node& node, const std::string& path) {
    Fields fields(reader_, node, path, kubernetes::container());
    if (!fields.is_mapping())
      return;
    out_.set_name(fields.text("name").value_or(""));
    out_.set_image(fields.text("image").value_or(""));
    out_.set_working_dir(fields.text("workingDir").value_or(""));
    words(fields, "command", *out_.mutable_command(), true);
    words(fields, "args", *out_.mutable_args(), false);
    require_command(fields);
    env(fields);
    env_from(fields);
    resources(fields);
    volume_mounts(fields);
  }

 private:
  void words(const Fields& fields, std::string_view name,
             google::protobuf::RepeatedPtrField<std::string>& out, bool has_program) {
    for (auto& word : fields.command_words(name, has_program))
      *out.Add() = std::move(word);
    const auto* node = fields.find(name);
    if (node == nullptr)
      return;
    for (std::size_t i = 0; i < node->items.size(); ++i)
      if (node->items[i].kind == Kind::text)
        check_references(node->items[i], path_at(fields.path_of(name), i));
  }

  /// An image brings its own command; without an image there is none.
  void require_command(const Fields& fields) {
    bool has_image = context_.launcher == "kubernetes" || context_.launcher == "container";
    if (out_.command().empty() && !fields.has("command") && !has_image && context_.needs_command)
      fields.missing("command", "what to run; the " + context_.launcher +
                                    " launcher takes no command from an image");
  }

  /// `${parameters.NAME}` and `${trial.NAME}` must name something that will be there.
  void check_references(const Node& node, const std::string& path) {
    const auto& text = node.text;
    for (auto at = text.find("${"); at != std::string::npos; at = text.find("${", at + 2)) {
      auto end = text.find('}', at);
      if (end == std::string::npos)
        return;
      auto inside = std::string_view(text).substr(at + 2, end - at - 2);
      auto dot = inside.find('.');
      auto group = inside.substr(0, dot);
      auto name = dot == std::string_view::npos ? std::string_view() : inside.substr(dot + 1);
      if (group == "trial" && dot != std::string_view::npos)
        check_name("${trial." + std::string(name) + "}", name, trial_words, node, path);
      if (group == "parameters" && dot != std::string_view::npos && context_.has_parameters)
        check_parameter(name, node, path);
    }
  }

  void check_parameter(std::string_view name, const Node& node, const std::string& path) {
    auto is = [&](std::string_view known) {
      return name == known || (name.starts_with(known) && name.substr(known.size(), 1) == ".");
    };
    if (std::any_of(added_parameters.begin(), added_parameters.end(), is) ||
        std::any_of(context_.parameter_names.begin(), context_.parameter_names.end(), is))
      return;
    check_name("${parameters." + std::string(name) + "}", name, context_.parameter_names, node,
               path);
  }

  void check_name(const std::string& reference, std::string_view name, Names known,
                  const Node& node, const std::string& path) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      reader_.error(node.place, path, quoted(reference) + " is unknown" + hint_for(name, known));
  }

  void env(const Fields& fields) {
    auto nodes = fields.items("env");
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Fields one(reader_, nodes[i], path_at(fields.path_of("env"), i), kubernetes::env());
      if (!one.is_mapping())
        continue;
      auto name = one.required_text("name", "the variable's name");
      if (name && (name->find('=') != std::string::npos || name->find('\0') != std::string::npos))
        one.error("name", quoted(*name) + " is no variable's name: it holds a '='");
      auto& variable = *out_.add_env();
      variable.set_name(name.value_or(""));
      variable.set_value(one.text("value").value_or(""));
      if (const auto* value = one.find("value"); value != nullptr && value->kind == Kind::text)
        check_references(*value, one.path_of("value"));
      if (one.has("value") && !variable.value().empty() && one.has("valueFrom"))
        one.error("valueFrom", "cannot stand beside 'value'; remove one");
      value_from(one, variable);
    }
  }

  void value_from(const Fields& one, pb::EnvVar& variable) {
    const auto* node = one.find("valueFrom");
    if (node == nullptr)
      return;
    Fields from(reader_, *node, one.path_of("valueFrom"), kubernetes::env_source());
    if (const auto* ref = from.find("secretKeyRef")) {
      Fields inner(reader_, *ref, from.path_of("secretKeyRef"), kubernetes::key_ref());
      auto& secret = *variable.mutable_secret_ref();
      secret.set_name(inner.required_text("name", "the Secret's name").value_or(""));
      secret.set_key(inner.required_text("key", "the key in the Secret").value_or(""));
      secret.set_optional(inner.flag("optional").value_or(false));
    } else if (const auto* field = from.find("fieldRef")) {
      Fields inner(reader_, *field, from.path_of("fieldRef"), kubernetes::field_ref());
      variable.set_field_path(inner.required_text("fieldPath", "say metadata.name").value_or(""));
    } else if (from.is_mapping() && node->members.empty()) {
      from.missing("secretKeyRef", "write secretKeyRef or fieldRef");
    }
  }

  void env_from(const Fields& fields) {
    auto nodes = fields.items("envFrom");
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Fields one(reader_, nodes[i], path_at(fields.path_of("envFrom"), i), kubernetes::env_from());
      const auto* ref = one.find("secretRef");
      if (ref == nullptr) {
        if (!one.has("configMapRef"))
          one.missing("secretRef", "write secretRef: {name: SECRET}");
        continue;
      }
      Fields inner(reader_, *ref, one.path_of("secretRef"), kubernetes::name_ref());
      auto& from = *out_.add_env_from();
      from.set_secret(inner.required_text("name", "the Secret's name").value_or(""));
      from.set_optional(inner.flag("optional").value_or(false));
      from.set_prefix(one.text("prefix").value_or(""));
    }
  }

  void resources(const Fields& fields) {
    const auto* node = fields.find("resources");
    if (node == nullptr)
      return;
    Fields both(reader_, *node, fields.path_of("resources"), kubernetes::resources());
    if (both.has("limits"))
      amounts(both, "limits", *out_.mutable_limits());
    if (both.has("requests"))
      amounts(both, "requests", *out_.mutable_requests());
    if (out_.has_limits())
      settle(both);
  }

  void amounts(const Fields& both, std::string_view name, pb::Resources& out) {
    const auto& node = *both.find(name);
    auto path = both.path_of(name);
    Fields fields(reader_, node, path, {}, Unknown::is_accepted);
    for (const auto& member : node.members) {
      auto member_path = fields.path_of(member.key);
      if (member.value.is_null())
        continue;
      if (member.key == "cpu")
        out.set_cpu(amount(member.value, member_path));
      else if (member.key == "memory")
        out.set_memory_bytes(memory(member.value, member_path));
      else if (member.key.ends_with("/gpu"))
        out.set_gpus(out.gpus() + gpus(member.value, member_path));
      else if (is_extended(member.key))
        (*out.mutable_others())[member.key] = amount(member.value, member_path);
      else if (auto nearest = misspelt(member.key))
        reader_.error(member.key_place, member_path, "unknown; did you mean '" + *nearest + "'?");
    }
  }

  /// Any extended resource may stand here, but one that is nearly ours is a mistake.
  static std::optional<std::string> misspelt(std::string_view key) {
    static constexpr std::array<std::string_view, 3> ours = {"cpu", "memory", "nvidia.com/gpu"};
    bool is_prefixed = key.find('/') != std::string_view::npos && !key.starts_with("nvidia");
    return is_prefixed || key.starts_with("hugepages") ? std::nullopt : nearest_name(key, ours);
  }

  /// What a cluster's administrator has named; the rest (ephemeral-storage, hugepages-2Mi) is Kubernetes' own.
  static bool is_extended(std::string_view key) {
    return key.find('/') != std::string_view::npos && !misspelt(key);
  }

  template <class Read>
  auto quantity(const Node& node, const std::string& path, Read read) {
    auto result =
        node.kind == Kind::number || node.kind == Kind::text
            ? read(node.text)
            : decltype(read(""))(tl::unexpected(
                  Error{ErrorCode::invalid_argument, "must be a quantity, not " + shown(node)}));
    if (!result)
      reader_.error(node.place, path, result.error().message);
    return result.value_or(0);
  }

  double amount(const Node& node, const std::string& path) {
    return quantity(node, path, read_quantity);
  }

  std::int64_t memory(const Node& node, const std::string& path) {
    auto bytes = quantity(node, path, read_bytes);
    constexpr std::int64_t suspicious = 1 << 20;
    if (bytes > 0 && bytes < suspicious)
      reader_.warn(
          node.place, path,
          "is only " + std::to_string(bytes) + " bytes; the unit may be missing, as in 2Gi");
    return bytes;
  }

  std::int32_t gpus(const Node& node, const std::string& path) {
    constexpr double gpus_max = 1024;
    auto n = quantity(node, path, read_quantity);
    if (n == std::floor(n) && n <= gpus_max)
      return static_cast<std::int32_t>(n);
    reader_.error(node.place, path, "must be a whole number of GPUs, not " + shown(node));
    return 0;
  }

  /// As in Kubernetes: a limit without a request is also the request, and no request exceeds its limit.
  void settle(const Fields& both) {
    auto& requests = *out_.mutable_requests();
    const auto& limits = out_.limits();
    auto check = [&](bool exceeds, std::string_view name) {
      if (!exceeds)
        return;
      auto path = both.path_of("requests") + "." + std::string(name);
      reader_.error(reader_.places.place_of(path), path,
                    "must not exceed limits." + std::string(name));
    };
    check(limits.cpu() > 0 && requests.cpu() > limits.cpu(), "cpu");
    check(limits.memory_bytes() > 0 && requests.memory_bytes() > limits.memory_bytes(), "memory");
    check(limits.gpus() > 0 && requests.gpus() > limits.gpus(), "nvidia.com/gpu");
    for (const auto& [name, limit] : limits.others()) {
      auto& asked = (*requests.mutable_others())[name];
      check(asked > limit, name);
      if (asked <= 0)
        asked = limit;
    }
    if (requests.cpu() <= 0)
      requests.set_cpu(limits.cpu());
    if (requests.memory_bytes() == 0)
      requests.set_memory_bytes(limits.memory_bytes());
    if (requests.gpus() == 0)
      requests.set_gpus(limits.gpus());
  }

  void volume_mounts(const Fields& fields) {
    auto nodes = fields.items("volumeMounts");
    std::vector<std::string_view> known;
    for (const auto& volume : task_.volumes())
      known.push_back(volume.name());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Fields one(reader_, nodes[i], path_at(fields.path_of("volumeMounts"), i),
                 kubernetes::volume_mount());
      if (!one.is_mapping())
        continue;
      auto& mount = *out_.add_volume_mounts();
      mount.set_name(one.required_text("name", "a volume's name").value_or(""));
      mount.set_mount_path(one.required_text("mountPath", "an absolute path").value_or(""));
      mount.set_sub_path(one.text("subPath").value_or(""));
      mount.set_read_only(one.flag("readOnly").value_or(false));
      if (!mount.name().empty() &&
          std::find(known.begin(), known.end(), mount.name()) == known.end())
        one.error("name",
                  "no volume is named " + quoted(mount.name()) + hint_for(mount.name(), known));
      if (!mount.mount_path().empty() && mount.mount_path().front() != '/')
        one.error("mountPath", "must be an absolute path, not " + quoted(mount.mount_path()));
    }
  }

  Reader& reader_;
  const TrainingContext& context_;
  pb::Task& task_;
  pb::Container& out_;
};

}  // namespace

void read_container(Reader& reader, const Node& node, const std::string& path,
                    const TrainingContext& context, pb::Task& task) {
  ContainerReader(reader, context, task).read(node, path);
}

}  // namespace autotune::config
