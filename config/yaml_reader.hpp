// Reads YAML (or JSON) text into trees of values that know where they were written.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/json_reader.hpp"
#include "config/node.hpp"

namespace autotune::config {

inline constexpr std::size_t file_bytes_max =
    16U << 20;  // a file that people write is a thousandth of it
inline constexpr std::size_t nodes_max = 1'000'000;  // values in one file
inline constexpr std::size_t alias_nodes_max =
    100'000;  // values that anchors keep and aliases repeat
inline constexpr std::size_t documents_max = 10'000;
inline constexpr int yaml_depth_max = 100;

/// The documents of a text, as far as they could be read, and what was wrong on the way.
struct ReadDocuments {
  std::vector<Node> documents;  ///< without empty ones
  std::vector<Mistake> mistakes;
};

/// Reads all documents of the source: YAML 1.2's core schema, anchors, aliases and merge keys. Names that stand
/// twice in one mapping are mistakes. Reading stops at the first mistake of syntax.
ReadDocuments read_yaml(const Source& source);

/// Reads the JSON text that `scalar`, a value of `source`, holds. Places are those of the file.
ReadTree read_json_of(const Source& source, const Node& scalar);

}  // namespace autotune::config
