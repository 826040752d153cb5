// Files that only their owner reads, and that are there whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "messages/result.hpp"

namespace autotune {

/// Makes the folder, and those above it, where it is absent; its own mode becomes 0700 in any case.
/// resource_exhausted: no room; unavailable: it cannot be made or is another user's.
Result<void> make_private_folder(const std::filesystem::path& folder);

/// Puts `text` into the file (mode 0600), in place of what was there: written beside it, synced, renamed. Who reads
/// meanwhile, and who comes after a loss of power, finds the old text or the new one.
Result<void> replace_private_file(const std::filesystem::path& path, std::string_view text);

/// As `replace_private_file`, but leaves a file alone that is there already; true where it is ours.
Result<bool> create_private_file(const std::filesystem::path& path, std::string_view text);

/// All of the file. not_found: it is absent; data_loss: it is longer than `bytes_max`.
Result<std::string> read_small_file(const std::filesystem::path& path,
                                    std::size_t bytes_max = 64 * 1024);

}  // namespace autotune
