// Kubernetes quantities: "2000m", "1.5G", "100Mi".
#pragma once

#include <cstdint>
#include <string_view>

#include "messages/result.hpp"

namespace autotune::config {

/// The number that the quantity stands for: "2000m" -> 2, "100Mi" -> 104857600. Finite and not negative.
Result<double> read_quantity(std::string_view text);

/// Whole bytes, rounded up, at most 2^63 - 1.
Result<std::int64_t> read_bytes(std::string_view text);

}  // namespace autotune::config
