#include "config/initial_trials.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "config/nearest_name.hpp"

namespace autotune::config {

namespace {

/// A number as people write it: 0.0001, not 1e-04.
std::string text_of(double x) {
  std::array<char, 64> buffer{};
  bool is_handy = x == 0 || (std::abs(x) >= 1e-6 && std::abs(x) < 1e15);
  auto format = is_handy ? std::chars_format::fixed : std::chars_format::scientific;
  auto end = std::to_chars(buffer.begin(), buffer.end(), x, format).ptr;
  return {buffer.begin(), end};
}

/// One level of the search space, prepared for many look-ups.
class Level {
 public:
  explicit Level(const std::vector<Parameter>& parameters) {
    for (const auto& parameter : parameters) {
      names_.push_back(parameter.name);
      by_name_.emplace(parameter.name, &parameter);
    }
  }
  const Parameter* find(std::string_view name) const {
    auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }
  Names names() const { return names_; }

 private:
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, const Parameter*> by_name_;
};

class TrialReader {
 public:
  TrialReader(Reader& reader, const std::unordered_set<std::string>& unreadable)
      : reader_(reader), unreadable_(unreadable) {}

  void check(const Node& node, const std::string& path, const Level& level, bool is_nested) {
    for (const auto& member : node.members) {
      if (is_nested && member.key == "_name")
        continue;
      auto member_path = path + "." + member.key;
      reader_.places.set(member_path, member.value.place);
      const auto* parameter = level.find(member.key);
      if (parameter != nullptr)
        check_value(member.value, member_path, *parameter);
      else if (!unreadable_.contains(member.key))
        reader_.error(
            member.key_place, member_path,
            "the search space has no such parameter" +
                (reader_.is_listening() ? hint_for(member.key, level.names()) : std::string()));
    }
  }

 private:
  void check_value(const Node& node, const std::string& path, const Parameter& parameter) {
    switch (parameter.type) {
      case ParameterType::choice:
        if (parameter.branches.empty())
          check_choice(node, path, parameter);
        else
          check_branch(node, path, parameter);
        return;
      case ParameterType::layer_choice:
      case ParameterType::input_choice: return;  // the algorithm that knows them judges
      case ParameterType::randint:
        read_whole(reader_, node, path, static_cast<std::int64_t>(parameter.low),
                   static_cast<std::int64_t>(parameter.high) - 1);
        return;
      default: check_real(node, path, parameter);
    }
  }

  void check_choice(const Node& node, const std::string& path, const Parameter& parameter) {
    auto& known = choices_[&parameter];
    if (known.empty())
      for (const auto& choice : parameter.choices)
        known.insert(to_json(choice));
    auto value = to_value(node);
    if (known.contains(to_json(value)) ||
        std::find(parameter.choices.begin(), parameter.choices.end(), value) !=
            parameter.choices.end())
      return;
    std::string list;
    for (std::size_t i = 0; i < parameter.choices.size() && i < 12; ++i)
      list += (i > 0 ? ", " : "") + to_json(parameter.choices[i]).substr(0, 40);
    reader_.error(node.place, path,
                  shown(node) + " is none of the choices " + list +
                      (parameter.choices.size() > 12 ? ", ..." : ""));
  }

  void check_branch(const Node& node, const std::string& path, const Parameter& parameter) {
    const auto* name = node.find("_name");
    if (name == nullptr || name->kind != Kind::text) {
      reader_.error(node.place, path, R"(must be a mapping with "_name", as in the search space)");
      return;
    }
    std::vector<std::string_view> names;
    for (const auto& branch : parameter.branches) {
      if (branch.name == name->text)
        return check(node, path, Level(branch.parameters), true);
      names.push_back(branch.name);
    }
    reader_.error(name->place, path + "._name",
                  quoted(name->text) + " is unknown" + hint_for(name->text, names));
  }

  void check_real(const Node& node, const std::string& path, const Parameter& parameter) {
    auto x = read_real(reader_, node, path);
    if (!x)
      return;
    bool is_unbounded =
        parameter.type == ParameterType::normal || parameter.type == ParameterType::qnormal;
    bool is_positive =
        parameter.type == ParameterType::lognormal || parameter.type == ParameterType::qlognormal;
    if (is_unbounded)
      return;
    if (is_positive) {
      if (*x < 0)
        reader_.error(node.place, path, "must not be negative, as " + node.text + " is");
      return;
    }
    if (*x < parameter.low || *x > parameter.high)
      reader_.error(node.place, path,
                    "must be from " + text_of(parameter.low) + " to " + text_of(parameter.high) +
                        ", not " + node.text);
  }

  Reader& reader_;
  const std::unordered_set<std::string>& unreadable_;
  std::unordered_map<const Parameter*, std::unordered_set<std::string>> choices_;
};

}  // namespace

void read_initial_trials(const Fields& spec_fields, const ReadSpace& read_space,
                         pb::ExperimentSpec& spec) {
  auto nodes = spec_fields.items("initialTrials");
  if (nodes.empty())
    return;
  auto& reader = spec_fields.reader();
  Level level(read_space.space.parameters);
  TrialReader trials(reader, read_space.unreadable);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    auto path = path_at(spec_fields.path_of("initialTrials"), i);
    reader.places.set(path, nodes[i].place);
    std::optional<Node> storage;
    const auto* set = read_json_field(reader, nodes[i], path, storage);
    if (set == nullptr)
      continue;
    // A search space that could not be read would make every name look wrong.
    if (!read_space.space.parameters.empty())
      trials.check(*set, path, level, false);
    spec.add_initial_trials_json(to_json(to_value(*set)));
  }
}

}  // namespace autotune::config
