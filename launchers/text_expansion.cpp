#include "launchers/text_expansion.hpp"

namespace autotune {

namespace {

/// A parameter as a flag wants it: a string without quotes, all else as JSON.
std::string plain(const Value& value) {
  const auto* text = value.as_string();
  return text != nullptr ? *text : to_json(value);
}

/// The value at a dotted path; names that hold dots themselves are found too.
const Value* at_path(const Value& value, std::string_view path) {
  const auto* object = value.as_object();
  if (object == nullptr)
    return nullptr;
  for (const auto& [name, member] : *object) {
    if (name == path)
      return &member;
    if (path.size() > name.size() && path.starts_with(name) && path[name.size()] == '.')
      if (const auto* found = at_path(member, path.substr(name.size() + 1)))
        return found;
  }
  return nullptr;
}

std::string names_in(const Value& value) {
  std::string names;
  if (const auto* object = value.as_object())
    for (const auto& member : *object)
      names += (names.empty() ? "" : ", ") + member.first;
  return names.empty() ? "none" : names;
}

}  // namespace

Result<std::string> TextExpansion::expand(std::string_view text, const Lookup& lookup) {
  std::string out;
  while (!text.empty()) {
    auto dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos)
      break;
    text.remove_prefix(dollar);
    char next = text.size() > 1 ? text[1] : '\0';
    auto end = next == '(' ? text.find(')') : next == '{' ? text.find('}') : std::string_view::npos;
    if (next == '$') {
      out += '$';
      text.remove_prefix(2);
      continue;
    }
    if (end == std::string_view::npos) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    auto name = text.substr(2, end - 2);
    std::optional<std::string> value;
    if (next == '(') {
      value = lookup(name);
    } else {
      auto found = of_trial(name);
      if (!found)
        return tl::unexpected(found.error());
      value = *found;
    }
    // What is no name of ours may well be one of the shell's: only the dollar is done with.
    out += value ? *value : "$";
    text.remove_prefix(value ? end + 1 : 1);
  }
  return out;
}

Result<std::optional<std::string>> TextExpansion::of_trial(std::string_view name) {
  if (name == "trial.id")
    return trial_.trial_id;
  if (name == "trial.sequence")
    return std::to_string(trial_.sequence);
  constexpr std::string_view prefix = "parameters.";
  if (!name.starts_with(prefix))
    return std::optional<std::string>();
  auto found = parameter(name.substr(prefix.size()));
  if (!found)
    return tl::unexpected(found.error());
  return std::optional(*found);
}

Result<std::string> TextExpansion::parameter(std::string_view path) {
  if (!parameters_) {
    auto read = parse_json(trial_.parameters_json);
    if (!read)
      return fail(ErrorCode::invalid_argument,
                  "the trial's parameters are no JSON: " + read.error().message);
    parameters_ = std::move(*read);
  }
  if (const auto* found = at_path(*parameters_, path))
    return plain(*found);
  return fail(ErrorCode::invalid_argument, "${parameters." + std::string(path) +
                                               "} is no parameter of this trial; it has " +
                                               names_in(*parameters_));
}

}  // namespace autotune
