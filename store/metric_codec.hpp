// A list of named numbers as bytes in a row: SQLite would turn NaN into NULL.
#pragma once

#include <string>
#include <string_view>

#include "messages/objective.hpp"

namespace autotune {

/// Per metric: the name's length (4 bytes), the name, the number's 8 bytes; little endian.
std::string encode_metrics(const Metrics& metrics);

/// Appends to `metrics`; false where the bytes are none of `encode_metrics`.
bool decode_metrics(std::string_view bytes, Metrics& metrics);

}  // namespace autotune
