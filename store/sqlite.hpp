// The store in one SQLite file: opens the writer and the readers of `store.hpp`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune {

enum class Synchronous {
  full,    ///< what was acknowledged survives power loss
  normal,  ///< it survives the death of the process; the last commits may be lost with the power
};

struct WriterOptions {
  Synchronous synchronous = Synchronous::full;
  /// Bytes kept in the file `reserve` beside the database, given up when the disk is full. 0: none.
  std::int64_t reserve_bytes = std::int64_t{4} << 20;
  /// The key that encrypts secrets; empty: `secret.key` beside the database. Made at its first use.
  std::filesystem::path key_path;
  /// How long a commit waits for another process that holds the database, say a reader that recovers the WAL.
  std::chrono::milliseconds busy_timeout{5000};
};

struct ReaderOptions {
  std::filesystem::path key_path;  ///< as in `WriterOptions`
};

/// `<home>/autotune.sqlite`.
std::filesystem::path database_path(const std::filesystem::path& home);

/// Opens the database for writing, makes it where it is absent, migrates an older one after a backup copy.
/// The caller holds the home's lock (`home_lock.hpp`).
/// Errors: failed_precondition (a newer schema), data_loss (no database of ours), resource_exhausted,
/// unavailable (the folder cannot be written).
Result<std::unique_ptr<StoreWriter>> open_writer(const std::filesystem::path& path,
                                                 const WriterOptions& options = {});

/// Opens the database for reading, beside a writer or alone, on a read-only or a full disk too.
/// Errors: not_found (no such file), failed_precondition (another schema), data_loss, unavailable.
Result<std::unique_ptr<StoreReader>> open_reader(const std::filesystem::path& path,
                                                 const ReaderOptions& options = {});

}  // namespace autotune
