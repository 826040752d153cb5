// Reads JSON text into a tree of values that know where they were written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.hpp"

namespace autotune::config {

/// Something that keeps a text from being read any further, or a name that stands twice.
struct Mistake {
  Place place;
  std::string message;
};

/// What was read, as far as it went, and what was wrong on the way.
struct ReadTree {
  std::optional<Node> root;  ///< nothing where the text cannot be read
  std::vector<Mistake> mistakes;
};

/// Reads one JSON document (RFC 8259; at most `json_depth_max` levels deep). Only its first syntax error is told,
/// names that stand twice are all told.
ReadTree read_json(const Source& source);

/// The same for JSON text that is a YAML scalar: `offsets[i]` is where byte i of `text` stands in `source`
/// (one more entry for the end).
ReadTree read_embedded_json(const Source& source, std::string_view text,
                            const std::vector<std::uint32_t>& offsets);

inline constexpr std::size_t name_bytes_max = 500;  // YAML's parser takes no name beyond a thousand
inline constexpr int json_depth_max = 100;          // the deepest honest file has a dozen

}  // namespace autotune::config
