// Writes values as YAML in block style.
#pragma once

#include <string>
#include <string_view>

#include "messages/value.hpp"

namespace autotune::config {

/// The value as the lines that follow a key at `indent`: starts behind the key's ':', ends with a newline.
/// Texts that YAML could take for something else are quoted.
void write_yaml(const Value& value, int indent, std::string& out);

/// A name or text as one line of YAML.
std::string yaml_text(std::string_view text);

/// " |-" and the JSON text of an object below it, one member a line.
void write_json_block(const Value& value, int indent, std::string& out);

}  // namespace autotune::config
