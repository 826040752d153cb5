// The keys that all heads of one PostgreSQL store must have: of its secrets, and of the cluster's authority.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "messages/result.hpp"

namespace autotune {

/// Whether this home has the keys of the store's heads. The first head makes its own and leaves word of them in the
/// database: nothing from which they could be made, only by which they are recognised. Keys are carried from head to head
/// by their operator. failed_precondition: which file is missing or another one, and where to take it from.
Result<void> check_shared_keys(const std::string& uri, const std::filesystem::path& home,
                               bool with_authority, std::int64_t now_s);

}  // namespace autotune
