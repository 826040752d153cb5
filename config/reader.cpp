#include "config/reader.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "config/nearest_name.hpp"
#include "config/yaml_reader.hpp"

namespace autotune::config {

namespace {

/// What is wrong about a node that should have been something else.
std::string not_this(std::string_view expected, const Node& node) {
  std::string out = "must be " + std::string(expected) + ", not ";
  if (node.kind == Kind::text)
    out += "text ";
  return out + shown(node);
}

/// "20" in quotes where a number belongs.
bool looks_like_number(const Node& node) {
  if (node.kind != Kind::text)
    return false;
  Node plain;
  plain.text = node.text;
  resolve_plain(plain);
  return plain.kind == Kind::number;
}

std::string range_of(std::int64_t min, std::int64_t max) {
  if (max == std::numeric_limits<std::int64_t>::max())
    return "must be at least " + std::to_string(min);
  return "must be from " + std::to_string(min) + " to " + std::to_string(max);
}

}  // namespace

Reader::Reader(const Source& source, std::string file, std::vector<std::string> overrides)
    : places(std::move(file), std::move(overrides)), source_(source) {}

void Reader::error(const Place& place, std::string path, std::string message) {
  add(Severity::error, place, std::move(path), std::move(message));
}

void Reader::warn(const Place& place, std::string path, std::string message) {
  add(Severity::warning, place, std::move(path), std::move(message));
}

void Reader::add(Severity severity, const Place& place, std::string path, std::string message) {
  if (!is_listening()) {
    ++left_out_;
    return;
  }
  diagnostics_.push_back({places.file_of(place), place.line, place.column, severity,
                          std::move(path), std::move(message)});
}

std::vector<Diagnostic> Reader::take_diagnostics() {
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (left_out_ > 0)
    diagnostics_.push_back({places.file_of({}), 0, 0, Severity::error, "",
                            "and " + std::to_string(left_out_) + " more mistakes"});
  return std::move(diagnostics_);
}

Fields::Fields(Reader& reader, const Node& node, std::string path, Names known, Unknown unknown)
    : reader_(reader), node_(node), path_(std::move(path)) {
  reader.places.set(path_, node.place);
  if (!is_mapping()) {
    reader.error(node.place, path_, not_this("a mapping", node));
    return;
  }
  for (const auto& member : node.members) {
    bool is_known = unknown == Unknown::is_accepted ||
                    std::find(known.begin(), known.end(), member.key) != known.end();
    if (is_known)
      reader.places.set(path_of(member.key), member.value.place);
    else
      reader.error(
          member.key_place, path_of(member.key),
          "unknown field" + (reader.is_listening() ? hint_for(member.key, known) : std::string()));
  }
}

const Node* Fields::find(std::string_view name) const {
  const auto* node = node_.find(name);
  return node == nullptr || node->is_null() ? nullptr : node;
}

std::optional<std::int64_t> Fields::whole(std::string_view name, std::int64_t min,
                                          std::int64_t max) const {
  const auto* node = find(name);
  return node == nullptr ? std::nullopt : read_whole(reader_, *node, path_of(name), min, max);
}

std::optional<double> Fields::real(std::string_view name, double min, double max) const {
  const auto* node = find(name);
  auto x = node == nullptr ? std::nullopt : read_real(reader_, *node, path_of(name));
  if (!x || (*x >= min && *x <= max))
    return x;
  auto limit = *x < min ? "at least " + Value::real(min).as_number()->text
                        : "at most " + Value::real(max).as_number()->text;
  reader_.error(node->place, path_of(name), "must be " + limit + ", not " + node->text);
  return std::nullopt;
}

std::optional<bool> Fields::flag(std::string_view name) const {
  const auto* node = find(name);
  if (node == nullptr)
    return std::nullopt;
  if (node->kind == Kind::boolean)
    return node->text == "true";
  error(name, not_this("true or false", *node));
  return std::nullopt;
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const auto* node = find(name);
  return node == nullptr ? std::nullopt : read_text(reader_, *node, path_of(name));
}

std::optional<std::string> Fields::word(std::string_view name, Names known) const {
  const auto* node = find(name);
  return node == nullptr ? std::nullopt : read_word(reader_, *node, path_of(name), known);
}

std::span<const Node> Fields::items(std::string_view name) const {
  const auto* node = find(name);
  if (node == nullptr)
    return {};
  if (node->kind != Kind::array)
    error(name, not_this("a list", *node));
  return node->items;
}

std::vector<std::string> Fields::texts(std::string_view name) const {
  std::vector<std::string> out;
  auto nodes = items(name);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    auto path = path_at(path_of(name), i);
    reader_.places.set(path, nodes[i].place);
    if (auto text = read_text(reader_, nodes[i], path))
      out.push_back(std::move(*text));
  }
  return out;
}

std::vector<std::string> Fields::command_words(std::string_view name, bool has_program) const {
  const auto* node = find(name);
  for (std::size_t i = 0; node != nullptr && i < node->items.size(); ++i) {
    const auto& word = node->items[i];
    if (word.kind != Kind::text)
      continue;  // texts() tells it
    if (i == 0 && has_program && word.text.find_first_not_of(" \t\r\n") == std::string::npos)
      reader_.error(word.place, path_at(path_of(name), i),
                    "must not be blank: the program to run, say python3");
    else if (word.text.find('\0') != std::string::npos)
      reader_.error(word.place, path_at(path_of(name), i),
                    "holds a NUL character, which no argument of a program can; remove it");
  }
  return texts(name);
}

std::optional<std::string> Fields::required_text(std::string_view name,
                                                 std::string_view what) const {
  if (!has(name)) {
    missing(name, what);
    return std::nullopt;
  }
  auto out = text(name);
  if (!out || !out->empty())
    return out;
  error(name, "must not be empty: " + std::string(what));
  return std::nullopt;
}

void Fields::error(std::string_view name, std::string message) const {
  const auto* member = node_.find_member(name);
  reader_.error(member == nullptr ? node_.place : member->value.place, path_of(name),
                std::move(message));
}

void Fields::missing(std::string_view name, std::string_view what) const {
  if (!is_mapping())
    return;  // has been told
  error(name, "is missing: " + std::string(what));
}

std::string path_at(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

std::optional<std::int64_t> read_whole(Reader& reader, const Node& node, const std::string& path,
                                       std::int64_t min, std::int64_t max) {
  auto value = node.kind == Kind::number ? Value(Number{node.text}).to_integer() : std::nullopt;
  if (!value) {
    auto message = looks_like_number(node)
                       ? "must be a whole number; write it without quotes: " + node.text
                       : not_this("a whole number", node);
    reader.error(node.place, path, std::move(message));
    return std::nullopt;
  }
  if (*value >= min && *value <= max)
    return value;
  reader.error(node.place, path, range_of(min, max) + ", not " + node.text);
  return std::nullopt;
}

std::optional<double> read_real(Reader& reader, const Node& node, const std::string& path) {
  auto value = node.kind == Kind::number ? Value(Number{node.text}).to_double() : std::nullopt;
  if (value)
    return value;
  auto message = looks_like_number(node) ? "must be a number; write it without quotes: " + node.text
                                         : not_this("a number", node);
  reader.error(node.place, path, std::move(message));
  return std::nullopt;
}

std::optional<std::string> read_text(Reader& reader, const Node& node, const std::string& path) {
  if (node.kind == Kind::text)
    return node.text;
  auto message = node.kind == Kind::number || node.kind == Kind::boolean
                     ? "must be text; write it in quotes: \"" + node.text + "\""
                     : not_this("text", node);
  reader.error(node.place, path, std::move(message));
  return std::nullopt;
}

std::optional<std::string> read_word(Reader& reader, const Node& node, const std::string& path,
                                     Names known) {
  auto text = read_text(reader, node, path);
  if (!text || std::find(known.begin(), known.end(), *text) != known.end())
    return text;
  auto nearest = nearest_name(*text, known);
  reader.error(node.place, path,
               quoted(*text) + " is unknown; " +
                   (nearest ? "did you mean '" + *nearest + "'?" : "known are " + list_of(known)));
  return std::nullopt;
}

const Node* read_json_field(Reader& reader, const Node& node, const std::string& path,
                            std::optional<Node>& storage) {
  if (node.kind == Kind::object)
    return &node;
  if (node.kind != Kind::text) {
    reader.error(node.place, path, not_this("JSON text or a mapping", node));
    return nullptr;
  }
  auto tree = read_json_of(reader.source(), node);
  for (auto& mistake : tree.mistakes)
    reader.error(mistake.place, path, std::move(mistake.message));
  if (!tree.root)
    return nullptr;
  if (tree.root->kind != Kind::object) {
    reader.error(tree.root->place, path, not_this("a JSON object", *tree.root));
    return nullptr;
  }
  storage = std::move(tree.root);
  return &*storage;
}

}  // namespace autotune::config
