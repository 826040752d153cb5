// Reads `searchSpace`: {name: {"_type": T, "_value": V}}, with every rule about its values.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "config/node.hpp"
#include "config/reader.hpp"
#include "messages/result.hpp"
#include "messages/search_space.hpp"

namespace autotune {

/// The search space that JSON text describes, for specs that are stored and for embedders. The error holds all
/// mistakes, one a line, each with the line and column in the text.
Result<SearchSpace> read_search_space(std::string_view json);

namespace config {

struct ReadSpace {
  SearchSpace space;
  std::unordered_set<std::string> unreadable;  ///< names of parameters that are wrong, on any level
};

/// The search space that a mapping describes; what is wrong is told and left out.
ReadSpace read_search_space(Reader& reader, const Node& node, const std::string& path);

}  // namespace config

}  // namespace autotune
