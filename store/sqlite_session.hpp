// A connection to SQLite as `SqlDatabase`.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include "store/sql.hpp"

namespace autotune {

/// Uses a database that lives longer. Throws what SQLiteCpp throws.
class SqliteSession final : public SqlDatabase {
 public:
  /// Of a writer, whose transactions keep other writers out from their beginning, or of a reader.
  enum class Role { writer, reader };
  SqliteSession(SQLite::Database& database, Role role);

  std::unique_ptr<SqlStatement> prepare(std::string_view sql) override;
  void begin() override;
  void commit() override;
  void roll_back() noexcept override;

 private:
  SQLite::Database& database_;
  SQLite::Statement begin_;
  SQLite::Statement commit_;
};

}  // namespace autotune
