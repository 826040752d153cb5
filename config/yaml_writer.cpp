#include "config/yaml_writer.hpp"

#include <algorithm>

#include "config/node.hpp"

namespace autotune::config {

namespace {

bool is_plain(std::string_view text) {
  auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/';
  };
  auto is_inner = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  if (text.empty() || !is_letter(text[0]) || !std::all_of(text.begin(), text.end(), is_inner))
    return false;
  // Older readers of YAML take these for true and false.
  for (auto word : {"yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF",
                    "y", "Y", "n", "N"})
    if (text == word)
      return false;
  Node node;
  node.text = text;
  resolve_plain(node);
  return node.kind == Kind::text;
}

void write_scalar(const Value& value, std::string& out) {
  const auto* text = value.as_string();
  out += ' ';
  out += text == nullptr ? to_json(value) : yaml_text(*text);
  out += '\n';
}

void write_members(const Object& object, int indent, bool is_first_inline, std::string& out) {
  bool is_inline = is_first_inline;
  for (const auto& [name, member] : object) {
    if (!is_inline)
      out.append(static_cast<std::size_t>(indent), ' ');
    is_inline = false;
    out += yaml_text(name) + ":";
    write_yaml(member, indent, out);
  }
}

}  // namespace

std::string yaml_text(std::string_view text) {
  return is_plain(text) ? std::string(text) : quote_json(text);
}

void write_yaml(const Value& value, int indent, std::string& out) {
  const auto* object = value.as_object();
  const auto* array = value.as_array();
  if (object != nullptr && !object->empty()) {
    out += '\n';
    write_members(*object, indent + 2, false, out);
  } else if (array != nullptr && !array->empty()) {
    out += '\n';
    for (const auto& item : *array) {
      out.append(static_cast<std::size_t>(indent) + 2, ' ');
      out += '-';
      const auto* inner = item.as_object();
      if (inner != nullptr && !inner->empty()) {
        out += ' ';
        write_members(*inner, indent + 4, true, out);
      } else {
        write_yaml(item, indent + 2, out);
      }
    }
  } else {
    write_scalar(value, out);
  }
}

void write_json_block(const Value& value, int indent, std::string& out) {
  const auto* object = value.as_object();
  if (object == nullptr || object->empty()) {
    out += " '" + to_json(value) + "'\n";
    return;
  }
  std::string margin(static_cast<std::size_t>(indent) + 2, ' ');
  out += " |-\n" + margin + "{\n";
  for (std::size_t i = 0; i < object->size(); ++i) {
    const auto& [name, member] = (*object)[i];
    out += margin + "  " + quote_json(name) + ": " + to_json(member);
    out += i + 1 < object->size() ? ",\n" : "\n";
  }
  out += margin + "}\n";
}

}  // namespace autotune::config
