#include "config/node.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace autotune::config {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t i) {
  while (i < text.size() && is_digit(text[i]))
    ++i;
  return i;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_core_number(std::string_view text) {
  std::size_t i = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  auto whole = skip_digits(text, i);
  auto digits = whole - i;
  i = whole;
  if (i < text.size() && text[i] == '.') {
    auto end = skip_digits(text, i + 1);
    digits += end - (i + 1);
    i = end;
  }
  if (digits == 0)
    return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+'))
      ++i;
    auto end = skip_digits(text, i);
    if (end == i)
      return false;
    i = end;
  }
  return i == text.size();
}

/// "+.5e3" -> "0.5e3", "007" -> "7", "1." -> "1.0": what JSON can hold.
std::string json_number(std::string_view text) {
  std::string out;
  if (text[0] == '-')
    out += '-';
  if (text[0] == '-' || text[0] == '+')
    text.remove_prefix(1);
  auto whole_end = skip_digits(text, 0);
  auto first = std::min(text.find_first_not_of('0'), whole_end);
  auto whole = text.substr(first, whole_end - first);
  out += whole.empty() ? "0" : whole;
  text.remove_prefix(whole_end);
  if (!text.empty() && text[0] == '.') {
    auto end = skip_digits(text, 1);
    out += end == 1 ? ".0" : text.substr(0, end);
    text.remove_prefix(end);
  }
  return out.append(text);
}

/// "0x1F", "0o17": the integer, or nothing.
bool to_based_integer(std::string_view text, std::string& out) {
  if (text.size() < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'o'))
    return false;
  std::uint64_t x = 0;
  auto [end, code] =
      std::from_chars(text.data() + 2, text.data() + text.size(), x, text[1] == 'x' ? 16 : 8);
  if (code != std::errc{} || end != text.data() + text.size())
    return false;
  out = std::to_string(x);
  return true;
}

}  // namespace

const Member* Node::find_member(std::string_view name) const {
  for (const auto& member : members)
    if (member.key == name)
      return &member;
  return nullptr;
}

const Node* Node::find(std::string_view name) const {
  const auto* member = find_member(name);
  return member == nullptr ? nullptr : &member->value;
}

Value to_value(const Node& node) {
  switch (node.kind) {
    case Kind::null: return nullptr;
    case Kind::boolean: return node.text == "true";
    case Kind::number: return Number{node.text};
    case Kind::text: return node.text;
    case Kind::array: {
      Array array;
      array.reserve(node.items.size());
      for (const auto& item : node.items)
        array.push_back(to_value(item));
      return array;
    }
    case Kind::object: {
      Object object;
      object.reserve(node.members.size());
      for (const auto& member : node.members)
        object.emplace_back(member.key, to_value(member.value));
      return object;
    }
  }
  return nullptr;
}

std::string_view name_of(const Node& node) {
  switch (node.kind) {
    case Kind::null: return "nothing";
    case Kind::boolean: return "true or false";
    case Kind::number: return "a number";
    case Kind::text: return "text";
    case Kind::array: return "a list";
    case Kind::object: return "a mapping";
  }
  return "something else";
}

bool is_json_number(std::string_view text) {
  if (!is_core_number(text) || text[0] == '+')
    return false;
  if (text[0] == '-')
    text.remove_prefix(1);
  auto whole = skip_digits(text, 0);
  if (whole == 0 || (whole > 1 && text[0] == '0'))
    return false;
  return whole == text.size() || text[whole] != '.' ||
         (whole + 1 < text.size() && is_digit(text[whole + 1]));
}

bool is_finite_number(const std::string& text) {
  auto value = Value(Number{text}).to_double();
  return value && std::isfinite(*value);
}

void resolve_plain(Node& node) {
  const auto& text = node.text;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    node.kind = Kind::null;
    node.text.clear();
  } else if (text == "true" || text == "True" || text == "TRUE") {
    node.kind = Kind::boolean;
    node.text = "true";
  } else if (text == "false" || text == "False" || text == "FALSE") {
    node.kind = Kind::boolean;
    node.text = "false";
  } else if (is_json_number(text) || to_based_integer(text, node.text)) {
    node.kind = Kind::number;
  } else if (is_core_number(text)) {
    node.kind = Kind::number;
    node.text = json_number(text);
  } else {
    node.kind = Kind::text;
  }
  if (node.kind == Kind::number && !is_finite_number(node.text))
    node.kind = Kind::text;  // as .inf is: JSON has no such number
}

std::string quoted(std::string_view text) {
  constexpr std::size_t shown_max = 60;  // a message is one line on a terminal
  std::string out = "'";
  auto end = text.size();
  if (end > shown_max) {
    end = shown_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;
  }
  for (char c : text.substr(0, end))
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  if (end < text.size())
    out += "...";
  return out += '\'';
}

std::string shown(const Node& node) {
  switch (node.kind) {
    case Kind::boolean:
    case Kind::number: return node.text;
    case Kind::text: return quoted(node.text);
    default: return std::string(name_of(node));
  }
}

}  // namespace autotune::config
