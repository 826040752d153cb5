// `--set PATH=VALUE`: changes a document before it is read.
#pragma once

#include <string>
#include <vector>

#include "config/json_reader.hpp"
#include "config/node.hpp"

namespace autotune::config {

/// Sets the field that `text`, the override numbered `index`, names in `document`, a value of `source`. The path is
/// dotted, with [index] into lists and ["name"] for names that hold dots; it also leads into JSON text
/// ("spec.searchSpace.lr._value[1]=0.1"). VALUE is YAML; an empty one removes the field. What is missing on the way
/// is made, so that an unknown name is found when the document is read.
std::vector<Mistake> apply_override(const Source& source, const std::string& text, int index,
                                    Node& document);

}  // namespace autotune::config
