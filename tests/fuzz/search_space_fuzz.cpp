// Any bytes as the JSON text of a search space: what is accepted obeys the rules and is JSON to others too, and the
// same text in a block of YAML has the same mistakes at the same places.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/json_reader.hpp"
#include "config/search_space_reader.hpp"
#include "config/yaml_reader.hpp"

namespace {

using namespace autotune;

void require(bool condition, const char* what) {
  if (condition)
    return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void check(const std::vector<Parameter>& parameters);

void check(const Parameter& p) {
  require(!p.name.empty(), "a parameter without a name");
  switch (p.type) {
    case ParameterType::choice:
      require(p.choices.empty() != p.branches.empty(), "a choice is plain or nested");
      for (const auto& branch : p.branches)
        check(branch.parameters);
      return;
    case ParameterType::layer_choice: return require(!p.choices.empty(), "no layers");
    case ParameterType::input_choice:
      return require(!p.choices.empty() && !p.n_chosen.empty(), "no inputs");
    case ParameterType::normal:
    case ParameterType::qnormal:
    case ParameterType::lognormal:
    case ParameterType::qlognormal:
      require(std::isfinite(p.mu) && std::isfinite(p.sigma) && p.sigma > 0, "no sigma");
      break;
    default: require(p.low < p.high && std::isfinite(p.high - p.low), "no range"); break;
  }
  bool is_log = p.type == ParameterType::loguniform || p.type == ParameterType::qloguniform;
  require(!is_log || p.low > 0, "no logarithm");
  bool has_step = name_of(p.type).starts_with('q');
  require(has_step ? p.q > 0 && std::isfinite(p.q) : p.q == 0, "no step");
}

void check(const std::vector<Parameter>& parameters) {
  for (const auto& parameter : parameters)
    check(parameter);
}

/// The places of one tree are those of the other, moved down and to the right.
void check_moved(const config::Node& a, const config::Node& b, int lines, int columns) {
  require(a.kind == b.kind && a.text == b.text, "another value in YAML");
  require(a.place.line + lines == b.place.line && a.place.column + columns == b.place.column,
          "another place in YAML");
  for (std::size_t i = 0; i < a.items.size(); ++i)
    check_moved(a.items[i], b.items[i], lines, columns);
  for (std::size_t i = 0; i < a.members.size(); ++i)
    check_moved(a.members[i].value, b.members[i].value, lines, columns);
}

void check_in_yaml(std::string_view text) {
  auto end = text.find_last_not_of(" \t\n");
  if (end == std::string_view::npos || text.find('\r') != std::string_view::npos ||
      config::first_illegal_byte(text) != std::string_view::npos)
    return;
  text = text.substr(0, end + 1);
  std::string yaml = "key: |2-\n  ";
  for (char c : text) {
    yaml += c;
    if (c == '\n')
      yaml += "  ";
  }
  config::Source source(text);
  config::Source yaml_source(yaml);
  auto read = config::read_yaml(yaml_source);
  require(read.mistakes.empty() && read.documents.size() == 1, "a block is no YAML");
  const auto* scalar = read.documents[0].find("key");
  require(scalar != nullptr && scalar->text == text, "a block has another text");
  auto plain = config::read_json(source);
  auto inside = config::read_json_of(yaml_source, *scalar);
  require(plain.root.has_value() == inside.root.has_value() &&
              plain.mistakes.size() == inside.mistakes.size(),
          "other mistakes in YAML");
  for (std::size_t i = 0; i < plain.mistakes.size(); ++i) {
    const auto& a = plain.mistakes[i];
    const auto& b = inside.mistakes[i];
    require(a.message == b.message && a.place.line + 1 == b.place.line &&
                a.place.column + 2 == b.place.column,
            "a mistake is elsewhere in YAML");
  }
  if (plain.root)
    check_moved(*plain.root, *inside.root, 1, 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto space = read_search_space(text);
  if (space) {
    check(space->parameters);
    require(parse_json(text).has_value(), "accepted, but no JSON to others");
  } else {
    require(!space.error().message.empty(), "refused without a word");
  }
  check_in_yaml(text);
  return 0;
}
