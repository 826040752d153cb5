#include "store/sqlite_session.hpp"

#include <string>

#include <sqlite3.h>

#include "store/fault.hpp"

namespace autotune {
namespace {

class SqliteStatement final : public SqlStatement {
 public:
  SqliteStatement(SQLite::Database& database, std::string_view sql)
      : statement_(database, std::string(sql)) {
    // SQLite counts named values in the order of their first use: "$2" must be the second.
    for (int i = 1; i <= statement_.getBindParameterCount(); ++i)
      if (statement_.getIndex(("$" + std::to_string(i)).c_str()) != i)
        throw StoreFault(ErrorCode::internal,
                         "the values of a statement are out of order: " + std::string(sql));
  }

  void set(int at, std::int64_t value) override { statement_.bind(at, value); }
  void set_real(int at, double value) override { statement_.bind(at, value); }
  void set_text(int at, const std::string& value) override { statement_.bindNoCopy(at, value); }
  void set_bytes(int at, std::string_view value) override {
    // SQLite takes a null pointer for NULL, and an empty string's data for an empty blob.
    statement_.bindNoCopy(at, static_cast<const void*>(value.data() == nullptr ? "" : value.data()),
                          static_cast<int>(value.size()));
  }
  void set_null(int at) override { statement_.bind(at); }

  void run() override { run_counted(); }
  std::int64_t run_counted() override {
    try {
      auto changed = statement_.exec();
      statement_.tryReset();
      return changed;
    } catch (...) {
      statement_.tryReset();
      throw;
    }
  }
  bool step() override { return statement_.executeStep(); }
  void reset() override { statement_.tryReset(); }

  bool is_null(int column) override { return statement_.getColumn(column).isNull(); }
  std::int64_t integer(int column) override { return statement_.getColumn(column).getInt64(); }
  double real(int column) override { return statement_.getColumn(column).getDouble(); }
  std::string_view text(int column) override { return bytes(column); }
  std::string_view bytes(int column) override {
    auto found = statement_.getColumn(column);
    const auto* data = static_cast<const char*>(found.getBlob());
    return {data == nullptr ? "" : data, static_cast<std::size_t>(found.getBytes())};
  }

 private:
  SQLite::Statement statement_;
};

const char* begin_sql(SqliteSession::Role role) {
  return role == SqliteSession::Role::writer ? "BEGIN IMMEDIATE" : "BEGIN";
}

}  // namespace

SqliteSession::SqliteSession(SQLite::Database& database, Role role)
    : database_(database), begin_(database, begin_sql(role)), commit_(database, "COMMIT") {}

std::unique_ptr<SqlStatement> SqliteSession::prepare(std::string_view sql) {
  return std::make_unique<SqliteStatement>(database_, sql);
}

void SqliteSession::begin() {
  begin_.tryReset();
  begin_.exec();
}

void SqliteSession::commit() {
  commit_.tryReset();
  commit_.exec();
}

void SqliteSession::roll_back() noexcept {
  begin_.tryReset();
  commit_.tryReset();
  // SQLite has rolled back by itself after some errors, a full disk among them.
  if (sqlite3_get_autocommit(database_.getHandle()) == 0)
    sqlite3_exec(database_.getHandle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace autotune
