#include "config/search_space_reader.hpp"

#include <array>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "config/json_reader.hpp"
#include "config/nearest_name.hpp"

namespace autotune {

namespace config {

namespace {

constexpr std::array<ParameterType, 12> all_types = {
    ParameterType::choice,     ParameterType::randint,      ParameterType::uniform,
    ParameterType::quniform,   ParameterType::loguniform,   ParameterType::qloguniform,
    ParameterType::normal,     ParameterType::qnormal,      ParameterType::lognormal,
    ParameterType::qlognormal, ParameterType::layer_choice, ParameterType::input_choice,
};

constexpr std::array<std::string_view, 2> entry_fields = {"_type", "_value"};

bool is_quantized(ParameterType type) {
  return type == ParameterType::quniform || type == ParameterType::qloguniform ||
         type == ParameterType::qnormal || type == ParameterType::qlognormal;
}

bool is_normal(ParameterType type) {
  return type == ParameterType::normal || type == ParameterType::qnormal ||
         type == ParameterType::lognormal || type == ParameterType::qlognormal;
}

bool is_log(ParameterType type) {
  return type == ParameterType::loguniform || type == ParameterType::qloguniform;
}

bool is_branch(const Node& node) {
  return node.kind == Kind::object && node.find("_name") != nullptr;
}

class SpaceReader {
 public:
  explicit SpaceReader(Reader& reader) : reader_(reader) {}

  std::unordered_set<std::string> unreadable;

  std::vector<Parameter> parameters(const Node& node, const std::string& path, bool is_nested) {
    std::vector<Parameter> out;
    reader_.places.set(path, node.place);
    if (node.kind != Kind::object) {
      reader_.error(node.place, path, "must be a mapping of parameters, not " + shown(node));
      return out;
    }
    for (const auto& member : node.members) {
      if (is_nested && member.key == "_name")
        continue;
      if (auto one = parameter(member, path + "." + member.key))
        out.push_back(std::move(*one));
      else
        unreadable.insert(member.key);
    }
    return out;
  }

 private:
  std::optional<Parameter> parameter(const Member& member, const std::string& path) {
    if (member.key.empty()) {
      reader_.error(member.key_place, path, "a parameter needs a name");
      return std::nullopt;
    }
    const auto& node = member.value;
    if (node.kind != Kind::object) {
      reader_.error(node.place, path,
                    R"(must be {"_type": ..., "_value": ...}, not )" + shown(node));
      return std::nullopt;
    }
    Fields fields(reader_, node, path, entry_fields);
    Parameter out;
    out.name = member.key;
    auto type = type_of(fields);
    const auto* value = fields.find("_value");
    if (value == nullptr)
      fields.missing("_value", type ? "write " + form_of(*type) : "the values of the parameter");
    if (!type || value == nullptr)
      return std::nullopt;
    out.type = *type;
    return values(out, *value, path + "._value") ? std::optional(std::move(out)) : std::nullopt;
  }

  std::optional<ParameterType> type_of(const Fields& fields) {
    std::array<std::string_view, all_types.size()> names;
    for (std::size_t i = 0; i < names.size(); ++i)
      names[i] = autotune::name_of(all_types[i]);
    const auto* node = fields.find("_type");
    if (node == nullptr) {
      fields.missing("_type", "known are " + list_of(names));
      return std::nullopt;
    }
    if (node->kind == Kind::text && node->text == "qlognoraml") {
      reader_.warn(node->place, fields.path_of("_type"),
                   "'qlognoraml' is taken as 'qlognormal', of which it is a misspelling");
      return ParameterType::qlognormal;
    }
    auto word = read_word(reader_, *node, fields.path_of("_type"), names);
    for (auto type : all_types)
      if (word && autotune::name_of(type) == *word)
        return type;
    return std::nullopt;
  }

  static std::string form_of(ParameterType type) {
    if (type == ParameterType::choice || type == ParameterType::layer_choice)
      return "a list of values";
    if (type == ParameterType::input_choice)
      return R"({"candidates": [...], "n_chosen": 1})";
    if (type == ParameterType::randint)
      return "[lower, upper], upper excluded";
    std::string bounds = is_normal(type) ? "[mu, sigma" : "[low, high";
    return bounds + (is_quantized(type) ? ", q]" : "]");
  }

  bool values(Parameter& out, const Node& value, const std::string& path) {
    if (out.type == ParameterType::input_choice)
      return input_choice(out, value, path);
    if (value.kind != Kind::array) {
      reader_.error(value.place, path,
                    "must be " + form_of(out.type) + " for " +
                        std::string(autotune::name_of(out.type)) + ", not " + shown(value));
      return false;
    }
    if (out.type == ParameterType::choice || out.type == ParameterType::layer_choice)
      return choices(out, value, path);
    return numbers(out, value, path);
  }

  bool choices(Parameter& out, const Node& value, const std::string& path) {
    if (value.items.empty()) {
      reader_.error(value.place, path, "must not be empty: nothing could be chosen");
      return false;
    }
    std::size_t with_name = 0;
    for (const auto& item : value.items)
      with_name += is_branch(item) ? 1 : 0;
    if (out.type == ParameterType::choice && with_name == value.items.size())
      return branches(out, value, path);
    if (out.type == ParameterType::choice && with_name > 0)
      reader_.warn(value.place, path,
                   "some elements have '_name' and others have not, so none opens a nested space");
    plain_choices(out, value, path);
    return true;
  }

  void plain_choices(Parameter& out, const Node& value, const std::string& path) {
    std::unordered_map<std::string, std::size_t> seen;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      const auto& item = value.items[i];
      reader_.places.set(path_at(path, i), item.place);
      out.choices.push_back(to_value(item));
      auto [first, is_new] = seen.emplace(to_json(out.choices.back()), i);
      if (!is_new)
        reader_.warn(item.place, path_at(path, i),
                     shown(item) + " stands already at [" + std::to_string(first->second) +
                         "], so it is chosen more often");
    }
  }

  bool branches(Parameter& out, const Node& value, const std::string& path) {
    std::unordered_set<std::string> names;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      const auto& item = value.items[i];
      auto item_path = path_at(path, i);
      const auto& name = *item.find("_name");
      reader_.places.set(item_path + "._name", name.place);
      auto text = read_text(reader_, name, item_path + "._name");
      if (text && !names.insert(*text).second)
        reader_.error(name.place, item_path + "._name",
                      quoted(*text) + " names another element already; names must differ");
      Branch branch;
      branch.name = text.value_or("");
      branch.parameters = parameters(item, item_path, true);
      out.branches.push_back(std::move(branch));
    }
    return true;
  }

  bool input_choice(Parameter& out, const Node& value, const std::string& path) {
    static constexpr std::array<std::string_view, 2> known = {"candidates", "n_chosen"};
    Fields fields(reader_, value, path, known);
    auto candidates = fields.items("candidates");
    for (const auto& candidate : candidates)
      out.choices.push_back(to_value(candidate));
    if (!fields.has("candidates"))
      fields.missing("candidates", "the list of inputs to choose from");
    else if (candidates.empty() && fields.find("candidates")->kind == Kind::array)
      fields.error("candidates", "must not be empty: nothing could be chosen");
    const auto* n = fields.find("n_chosen");
    if (n == nullptr)
      fields.missing("n_chosen", "0, 1 or [0, 1]");
    else if (!read_chosen(out, *n))
      fields.error("n_chosen",
                   "must be 0, 1 or [0, 1], not " + to_json(to_value(*n)).substr(0, 60));
    return !out.choices.empty() && !out.n_chosen.empty();
  }

  static bool read_chosen(Parameter& out, const Node& n) {
    auto text = to_json(to_value(n));
    if (text == "0" || text == "[0]")
      out.n_chosen = {0};
    else if (text == "1" || text == "[1]")
      out.n_chosen = {1};
    else if (text == "[0,1]" || text == "[1,0]")
      out.n_chosen = {0, 1};
    return !out.n_chosen.empty();
  }

  bool numbers(Parameter& out, const Node& value, const std::string& path) {
    std::size_t wanted = is_quantized(out.type) ? 3 : 2;
    if (value.items.size() != wanted) {
      reader_.error(value.place, path,
                    "must be " + form_of(out.type) + " for " +
                        std::string(autotune::name_of(out.type)) + ": " + std::to_string(wanted) +
                        " numbers, not " + std::to_string(value.items.size()));
      return false;
    }
    std::array<double, 3> x{};
    bool ok = true;
    for (std::size_t i = 0; i < wanted; ++i) {
      auto item_path = path_at(path, i);
      reader_.places.set(item_path, value.items[i].place);
      auto number = out.type == ParameterType::randint
                        ? read_bound(value.items[i], item_path)
                        : read_real(reader_, value.items[i], item_path);
      ok = ok && number;
      x[i] = number.value_or(0);
    }
    if (!ok)
      return false;
    return is_normal(out.type) ? normal(out, x, value, path) : bounds(out, x, value, path);
  }

  std::optional<double> read_bound(const Node& node, const std::string& path) {
    constexpr std::int64_t whole_max = 1LL << 53;  // beyond it a double skips whole numbers
    auto x = read_whole(reader_, node, path, -whole_max, whole_max);
    return x ? std::optional(static_cast<double>(*x)) : std::nullopt;
  }

  bool normal(Parameter& out, const std::array<double, 3>& x, const Node& value,
              const std::string& path) {
    out.mu = x[0];
    out.sigma = x[1];
    out.q = x[2];
    bool ok = true;
    if (out.sigma <= 0) {
      tell(value, path, 1, "sigma must be greater than 0, not ");
      ok = false;
    }
    return step(out, value, path) && ok;
  }

  bool bounds(Parameter& out, const std::array<double, 3>& x, const Node& value,
              const std::string& path) {
    out.low = x[0];
    out.high = x[1];
    out.q = x[2];
    bool ok = true;
    if (out.low >= out.high) {
      bool is_randint = out.type == ParameterType::randint;
      reader_.error(value.items[0].place, path_at(path, 0),
                    "the lower bound must be below the upper one" +
                        std::string(is_randint ? " (which is excluded)" : "") + ", but " +
                        value.items[0].text + " >= " + value.items[1].text);
      ok = false;
    }
    if (is_log(out.type) && out.low <= 0) {
      tell(value, path, 0,
           std::string(autotune::name_of(out.type)) +
               " needs a lower bound greater than 0, for it takes its logarithm; it is ");
      ok = false;
    }
    if (ok && !std::isfinite(out.high - out.low)) {
      tell(value, path, 1, "the bounds are too far apart: ");
      ok = false;
    }
    return step(out, value, path) && ok;
  }

  bool step(const Parameter& out, const Node& value, const std::string& path) {
    if (!is_quantized(out.type) || out.q > 0)
      return true;
    tell(value, path, 2, "the step q must be greater than 0, not ");
    return false;
  }

  void tell(const Node& value, const std::string& path, std::size_t i, const std::string& what) {
    reader_.error(value.items[i].place, path_at(path, i), what + value.items[i].text);
  }

  Reader& reader_;
};

}  // namespace

ReadSpace read_search_space(Reader& reader, const Node& node, const std::string& path) {
  SpaceReader read(reader);
  ReadSpace out;
  out.space.parameters = read.parameters(node, path, false);
  out.unreadable = std::move(read.unreadable);
  if (node.kind == Kind::object && node.members.empty())
    reader.error(
        node.place, path,
        R"(has no parameter; write at least one: {"lr": {"_type": "loguniform", "_value": [0.0001, 0.1]}})");
  return out;
}

}  // namespace config

Result<SearchSpace> read_search_space(std::string_view json) {
  config::Source source(json);
  config::Reader reader(source, "", {});
  auto tree = config::read_json(source);
  for (auto& mistake : tree.mistakes)
    reader.error(mistake.place, "", std::move(mistake.message));
  SearchSpace space;
  if (tree.root)
    space = config::read_search_space(reader, *tree.root, "searchSpace").space;
  std::string mistakes;
  for (const auto& d : reader.take_diagnostics()) {
    if (d.severity != Severity::error)
      continue;
    mistakes += mistakes.empty() ? "" : "\n";
    mistakes += std::to_string(d.line) + ":" + std::to_string(d.column) + ": " +
                (d.path.empty() ? "" : d.path + ": ") + d.message;
  }
  if (!mistakes.empty())
    return fail(ErrorCode::invalid_argument, std::move(mistakes));
  return space;
}

}  // namespace autotune
