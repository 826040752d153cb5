#include "tuner/arguments.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace autotune {

namespace {

const ArgumentInfo* find_argument(const std::vector<ArgumentInfo>& table, std::string_view name) {
  auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& a) { return a.name == name; });
  return found == table.end() ? nullptr : &*found;
}

std::string bound(double x, bool whole) {
  return whole ? to_json(Value::integer(static_cast<std::int64_t>(x))) : to_json(Value::real(x));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& w : words)
    text += (text.empty() ? "" : ", ") + w;
  return text.empty() ? "none" : text;
}

bool within(double x, const ArgumentInfo& a) {
  return std::isfinite(x) && x <= a.most && (a.least_excluded ? x > a.least : x >= a.least);
}

bool legal(const Value& value, const ArgumentInfo& a) {
  if (value.is_null())
    return a.nullable;
  switch (a.kind) {
    case ArgumentKind::boolean: return value.as_bool() != nullptr;
    case ArgumentKind::integer: {
      auto x = value.to_integer();
      return x && within(static_cast<double>(*x), a);
    }
    case ArgumentKind::real: {
      auto x = value.to_double();
      return x && within(*x, a);
    }
    case ArgumentKind::word: {
      const auto* text = value.as_string();
      if (text == nullptr)
        return false;
      auto word = lower_case(*text);
      return (a.nullable && word == "none") ||
             std::find(a.words.begin(), a.words.end(), word) != a.words.end();
    }
    case ArgumentKind::text: return value.as_string() != nullptr && !value.as_string()->empty();
    case ArgumentKind::group: return value.as_object() != nullptr;
  }
  return false;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    auto distance = edit_distance(lower_case(name), lower_case(candidate));
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string ArgumentInfo::range() const {
  std::string text;
  switch (kind) {
    case ArgumentKind::boolean: text = "true or false"; break;
    case ArgumentKind::word: text = "one of " + joined(words); break;
    case ArgumentKind::text: text = "a text"; break;
    case ArgumentKind::group: text = "an object"; break;
    case ArgumentKind::integer:
    case ArgumentKind::real: {
      bool whole = kind == ArgumentKind::integer;
      text = whole ? "a whole number" : "a number";
      if (std::isfinite(least) && std::isfinite(most))
        text += std::string(" in ") + (least_excluded ? "(" : "[") + bound(least, whole) + ", " +
                bound(most, whole) + "]";
      else if (std::isfinite(least))
        text += (least_excluded ? " above " : " of at least ") + bound(least, whole);
      break;
    }
  }
  return nullable ? text + " or null" : text;
}

std::vector<AlgorithmError> check_arguments(const Value& given,
                                            const std::vector<ArgumentInfo>& table,
                                            const std::string& path) {
  const auto* object = given.as_object();
  if (object == nullptr)
    return {{path, "must be an object such as {\"optimize_mode\": \"maximize\"}"}};
  std::vector<AlgorithmError> errors;
  std::vector<std::string> names;
  for (const auto& a : table)
    names.push_back(a.name);
  for (const auto& [name, value] : *object) {
    auto here = path + "." + name;
    const auto* argument = find_argument(table, name);
    if (argument == nullptr) {
      auto near = nearest_name(name, names);
      auto known = near.empty() ? "known are: " : "did you mean '" + near + "'? Known are: ";
      errors.push_back({here, "is not an argument; " +
                                  (names.empty() ? "there are none" : known + joined(names))});
    } else if (!legal(value, *argument)) {
      errors.push_back({here, "is " + to_json(value) + ", must be " + argument->range()});
    } else if (argument->kind == ArgumentKind::group) {
      auto inner = check_arguments(value, argument->members, here);
      errors.insert(errors.end(), inner.begin(), inner.end());
    }
  }
  return errors;
}

const Value& Arguments::value(std::string_view name) const {
  if (const auto* given = given_.find(name))
    return *given;
  static const Value none;
  const auto* argument = find_argument(*table_, name);
  return argument == nullptr ? none : argument->fallback;
}

bool Arguments::boolean(std::string_view name) const {
  const auto* x = value(name).as_bool();
  return x != nullptr && *x;
}

std::string Arguments::word(std::string_view name) const {
  const auto* text = value(name).as_string();
  auto word = text == nullptr ? std::string() : lower_case(*text);
  return word == "none" ? std::string() : word;
}

std::string Arguments::text(std::string_view name) const {
  const auto* text = value(name).as_string();
  return text == nullptr ? std::string() : *text;
}

Arguments Arguments::group(std::string_view name) const {
  const auto* argument = find_argument(*table_, name);
  static const std::vector<ArgumentInfo> empty;
  const auto* given = given_.find(name);
  return Arguments(given == nullptr ? Value(Object{}) : *given,
                   argument == nullptr ? empty : argument->members);
}

}  // namespace autotune
