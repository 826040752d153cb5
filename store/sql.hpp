// What store/ asks of a database, in the SQL that SQLite and PostgreSQL have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace autotune {

/// A prepared statement. Its values are called $1, $2, ... in the order in which its text names them first. All of its
/// functions throw.
class SqlStatement {
 public:
  virtual ~SqlStatement() = default;

  /// Texts and bytes must live until the statement has run.
  virtual void set(int at, std::int64_t value) = 0;
  virtual void set_real(int at, double value) = 0;
  virtual void set_text(int at, const std::string& value) = 0;
  virtual void set_bytes(int at, std::string_view value) = 0;
  virtual void set_null(int at) = 0;

  /// Runs what gives no rows. It may wait and go with others, before the next that answers or the commit; what is wrong
  /// with it is thrown there.
  virtual void run() = 0;
  /// Runs what gives no rows, now; how many rows it changed.
  virtual std::int64_t run_counted() = 0;
  /// Goes to the next row, at first to the first one; false after the last.
  virtual bool step() = 0;
  /// Makes it ready to run again, perhaps with other values.
  virtual void reset() = 0;

  // Columns of the row from 0 on. NULL is 0 and empty; views are valid until the next step or reset.
  virtual bool is_null(int column) = 0;
  virtual std::int64_t integer(int column) = 0;
  virtual double real(int column) = 0;
  virtual std::string_view text(int column) = 0;
  virtual std::string_view bytes(int column) = 0;

  std::int32_t small(int column) { return static_cast<std::int32_t>(integer(column)); }
};

/// A connection to a database. One thread at a time; statements live no longer than it.
class SqlDatabase {
 public:
  virtual ~SqlDatabase() = default;

  virtual std::unique_ptr<SqlStatement> prepare(std::string_view sql) = 0;
  /// Begins a transaction: of a writer, or of a reader that sees one state of the database.
  virtual void begin() = 0;
  virtual void commit() = 0;
  /// Ends the transaction if there is one; never throws.
  virtual void roll_back() noexcept = 0;
};

}  // namespace autotune
