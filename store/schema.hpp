// The tables of the database and their versions.
#pragma once

#include <filesystem>
#include <span>

#include <SQLiteCpp/SQLiteCpp.h>

#include "messages/result.hpp"

namespace autotune {

/// What brings a database from version i to i + 1; the first makes an empty one.
struct Migration {
  int to_version = 0;
  const char* sql = "";
};

/// All migrations of this version of AutoTune, in order. Append-only.
std::span<const Migration> migrations();

/// Marks a SQLite file as ours ("ATUN").
inline constexpr int application_id = 0x4154554e;

/// Brings an open database to the last version of `steps`; an older one is first copied to
/// `<path>.backup-v<version>`. Errors: failed_precondition (newer), data_loss (a file of someone else),
/// resource_exhausted (no room for the copy; nothing was changed).
Result<void> migrate(SQLite::Database& database, const std::filesystem::path& path,
                     std::span<const Migration> steps = migrations());

/// data_loss where the file is shorter than its own header says (a torn copy); fine where it is absent, or where a
/// WAL still holds what is missing.
Result<void> check_whole(const std::filesystem::path& path);

/// For readers, who change nothing: fine where the database has the version of this program.
Result<void> check_version(SQLite::Database& database, const std::filesystem::path& path);

}  // namespace autotune
