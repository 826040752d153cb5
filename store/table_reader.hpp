// The reader of the tables, whichever database holds them.
#pragma once

#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "store/sql.hpp"
#include "store/store.hpp"

namespace autotune {

/// What a reader works with.
struct TableSource {
  std::unique_ptr<SqlDatabase> database;
  std::string place;               ///< for people: the file, or the server and its database
  std::filesystem::path key_path;  ///< of the key that encrypts secrets
  /// The error of an exception of that database; `doing` as in "read /home/a.sqlite".
  std::function<Error(const std::exception& caught, const std::string& doing)> error_of;
};

/// Each of its methods is one transaction, so that it sees one state of the database.
std::unique_ptr<StoreReader> make_table_reader(TableSource source);

}  // namespace autotune
