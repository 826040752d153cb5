// Where in the file each byte of a YAML scalar's content was written.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace autotune::config {

/// One offset per byte of `content` and one for its end. `start` is where the scalar begins in `file`: at `|`,
/// `>`, a quote, or the first byte of a plain text. Bytes that are not white space are exact; where file and
/// content cannot be brought together (they always can for what YAML's rules produce) the rest is at `start`.
std::vector<std::uint32_t> scalar_offsets(std::string_view file, std::size_t start,
                                          std::string_view content);

}  // namespace autotune::config
