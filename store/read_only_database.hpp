// A database opened for reading, wherever it lies.
#pragma once

#include <filesystem>
#include <memory>

#include <SQLiteCpp/SQLiteCpp.h>

#include "messages/result.hpp"

namespace autotune {

/// Beside a writer, or alone; where its folder cannot be written (a read-only or full disk, another user's home) and
/// the WAL's index cannot be made, it reads the file as it lies, or a copy in the temporary folder with its WAL.
class ReadOnlyDatabase {
 public:
  static Result<ReadOnlyDatabase> open(const std::filesystem::path& path);

  SQLite::Database& operator*() { return *database_; }

 private:
  struct RemoveFolder {
    void operator()(const std::filesystem::path* folder) const;
  };

  ReadOnlyDatabase() = default;
  // The copy goes after the connection to it.
  std::unique_ptr<const std::filesystem::path, RemoveFolder> copy_;
  std::unique_ptr<SQLite::Database> database_;
};

}  // namespace autotune
