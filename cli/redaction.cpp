#include "cli/redaction.hpp"

#include <algorithm>
#include <cctype>

namespace autotune::cli {

namespace {

const std::string removed(Redaction::mark);

/// Calls `visit` with each member of each object, depth first; members may be changed.
template <class Visit>
void each_member(Value& value, const Visit& visit) {
  if (auto* object = std::get_if<Object>(&value.data))
    for (auto& [name, member] : *object) {
      visit(name, member);
      each_member(member, visit);
    }
  else if (auto* array = std::get_if<Array>(&value.data))
    for (auto& item : *array)
      each_member(item, visit);
}

/// The `value` of each entry of each list named `env`.
template <class Visit>
void each_variable(Value& value, const Visit& visit) {
  each_member(value, [&](const std::string& name, Value& member) {
    auto* list = std::get_if<Array>(&member.data);
    if (name != "env" || list == nullptr)
      return;
    for (auto& entry : *list)
      if (auto* object = entry.as_object())
        for (auto& [key, content] : *object)
          if (key == "value")
            visit(content);
  });
}

void remove_from_template(std::string& json) {
  auto value = parse_json(json);
  if (!value) {
    json.clear();
    return;
  }
  each_variable(*value, [](Value& content) { content = removed; });
  each_member(*value, [](const std::string& name, Value& member) {
    if (name == "annotations")
      member = Object{};
  });
  json = to_json(*value);
}

std::string shortened(const std::string& override_text) {
  auto equals = override_text.find('=');
  bool inside =
      override_text.rfind("spec.trainingConfig", 0) == 0 || override_text.rfind("spec", 0) != 0;
  return inside && equals != std::string::npos ? override_text.substr(0, equals + 1) + removed
                                               : override_text;
}

}  // namespace

void remove_environment(pb::ExperimentSpec& spec) {
  spec.clear_annotations();
  for (auto& task : *spec.mutable_training_config()->mutable_tasks()) {
    for (auto& variable : *task.mutable_container()->mutable_env())
      if (!variable.value().empty())
        variable.set_value(removed);
    if (!task.template_json().empty())
      remove_from_template(*task.mutable_template_json());
  }
}

void remove_environment(pb::RunOptions& options) {
  for (auto& text : *options.mutable_overrides())
    text = shortened(text);
}

void remove_environment(pb::Event& event) {
  if (!event.has_experiment_submitted())
    return;
  remove_environment(*event.mutable_experiment_submitted()->mutable_spec());
  remove_environment(*event.mutable_experiment_submitted()->mutable_options());
}

void remove_credentials(Value& value) {
  each_member(value, [](std::string name, Value& member) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    for (const char* word : {"token", "secret", "password", "passwd", "key", "credential"})
      if (name.find(word) != std::string::npos)
        member = removed;
  });
}

std::vector<std::string> environment_values(const pb::ExperimentSpec& spec) {
  std::vector<std::string> values;
  for (const auto& task : spec.training_config().tasks()) {
    for (const auto& variable : task.container().env())
      values.push_back(variable.value());
    if (auto value = parse_json(task.template_json()))
      each_variable(*value, [&](const Value& content) {
        if (const auto* text = content.as_string())
          values.push_back(*text);
      });
  }
  return values;
}

}  // namespace autotune::cli
