#include "config/overrides.hpp"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "config/yaml_reader.hpp"

namespace autotune::config {

namespace {

/// A step down: into a member, or into a list.
using Step = std::variant<std::string, std::size_t>;

constexpr std::size_t steps_max = 50;  // far deeper than any field

/// `[3]` or `["name"]`, without what stands before; nothing where it is neither.
std::optional<Step> bracket_step(std::string_view inside) {
  if (inside.size() >= 2 && inside.front() == '"' && inside.back() == '"')
    return Step(std::string(inside.substr(1, inside.size() - 2)));
  std::size_t index = 0;
  auto [end, code] = std::from_chars(inside.data(), inside.data() + inside.size(), index);
  if (code != std::errc{} || end != inside.data() + inside.size())
    return std::nullopt;
  return Step(index);
}

/// The steps of "spec.tasks[0].type"; nothing where the path has no such form.
std::optional<std::vector<Step>> steps_of(std::string_view path) {
  std::vector<Step> steps;
  while (!path.empty() && steps.size() < steps_max) {
    if (path.front() == '[') {
      auto close = path.find(path.substr(1, 1) == "\"" ? "\"]" : "]", 2);
      if (close == std::string_view::npos)
        return std::nullopt;
      close = path.find(']', close);
      auto step = bracket_step(path.substr(1, close - 1));
      if (!step)
        return std::nullopt;
      steps.push_back(std::move(*step));
      path.remove_prefix(close + 1);
      continue;
    }
    if (!steps.empty()) {
      if (path.front() != '.')
        return std::nullopt;
      path.remove_prefix(1);
    }
    auto name = path.substr(0, path.find_first_of(".["));
    if (name.empty())
      return std::nullopt;
    steps.emplace_back(std::string(name));
    path.remove_prefix(name.size());
  }
  return path.empty() && !steps.empty() ? std::optional(std::move(steps)) : std::nullopt;
}

/// Where the '=' stands that ends the path: not one inside of ["..."].
std::size_t end_of_path(std::string_view text) {
  bool in_quotes = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"')
      in_quotes = !in_quotes;
    if (text[i] == '=' && !in_quotes)
      return i;
  }
  return std::string_view::npos;
}

class Setter {
 public:
  Setter(const Source& source, int index) : source_(source), place_{0, 0, index} {}

  /// The node at the end of the steps, made where it is missing; null after a mistake.
  Node* reach(Node& document, const std::vector<Step>& steps) {
    auto* node = &document;
    std::string path;
    for (const auto& step : steps) {
      if (!open(*node, path, step))
        return nullptr;
      node = std::holds_alternative<std::string>(step)
                 ? member(*node, path, std::get<std::string>(step))
                 : item(*node, path, std::get<std::size_t>(step));
      if (node == nullptr)
        return nullptr;
    }
    return node;
  }

  void fail(std::string message) { mistakes_.push_back({place_, std::move(message)}); }
  std::vector<Mistake> take() { return std::move(mistakes_); }

 private:
  /// Makes the node one into which the step can lead.
  bool open(Node& node, const std::string& path, const Step& step) {
    if (node.kind == Kind::text && !open_json(node, path))
      return false;
    if (node.is_null()) {
      node.kind = std::holds_alternative<std::string>(step) ? Kind::object : Kind::array;
      node.place = place_;
    }
    if (node.kind == Kind::object || node.kind == Kind::array)
      return true;
    fail(path + " holds " + std::string(name_of(node)) + "; nothing can be set below it");
    return false;
  }

  bool open_json(Node& node, const std::string& path) {
    auto tree = read_json_of(source_, node);
    if (!tree.root || !tree.mistakes.empty()) {
      fail(path + " holds text that is not JSON; nothing can be set below it");
      return false;
    }
    node = std::move(*tree.root);
    return true;
  }

  Node* member(Node& node, std::string& path, const std::string& name) {
    if (node.kind != Kind::object) {
      fail(path + " is a list; write " + path + "[0] for its first element");
      return nullptr;
    }
    path += path.empty() ? name : "." + name;
    for (auto& member : node.members)
      if (member.key == name)
        return &member.value;
    Node value;
    value.place = place_;
    node.members.push_back({name, place_, std::move(value)});
    return &node.members.back().value;
  }

  Node* item(Node& node, std::string& path, std::size_t index) {
    if (node.kind != Kind::array) {
      fail(path + " is no list; write " + path + ".NAME");
      return nullptr;
    }
    auto size = node.items.size();
    if (index > size) {
      fail(path + " has " + std::to_string(size) + " elements; the next one would be [" +
           std::to_string(size) + "]");
      return nullptr;
    }
    path += "[" + std::to_string(index) + "]";
    if (index == size) {
      node.items.emplace_back();
      node.items.back().place = place_;
    }
    return &node.items[index];
  }

  const Source& source_;
  Place place_;
  std::vector<Mistake> mistakes_;
};

}  // namespace

std::vector<Mistake> apply_override(const Source& source, const std::string& text, int index,
                                    Node& document) {
  Setter setter(source, index);
  auto equals = end_of_path(text);
  if (equals == std::string::npos) {
    setter.fail("has no '='; write PATH=VALUE, say spec.maxTrialNum=20");
    return setter.take();
  }
  auto steps = steps_of(std::string_view(text).substr(0, equals));
  if (!steps) {
    setter.fail("has no path before '='; write names with dots, and [0] for the first of a list");
    return setter.take();
  }
  const auto* first = std::get_if<std::string>(&steps->front());
  if (first == nullptr || (*first != "spec" && *first != "metadata")) {
    setter.fail("a path starts with spec. or metadata., say spec.maxTrialNum=20");
    return setter.take();
  }
  Source value(std::string_view(text).substr(equals + 1), index);
  auto read = read_yaml(value);
  if (!read.mistakes.empty())
    return std::move(read.mistakes);
  if (read.documents.size() > 1) {
    setter.fail("VALUE holds more than one document");
    return setter.take();
  }
  Node node;
  node.place = {0, 0, index};
  if (!read.documents.empty())
    node = std::move(read.documents.front());
  if (auto* target = setter.reach(document, *steps))
    *target = std::move(node);
  return setter.take();
}

}  // namespace autotune::config
