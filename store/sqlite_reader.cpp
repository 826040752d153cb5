#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>

#include "store/read_only_database.hpp"
#include "store/schema.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_error.hpp"
#include "store/sqlite_session.hpp"
#include "store/table_reader.hpp"

namespace autotune {
namespace {

/// A session together with the database that it reads.
class ReadSession final : public SqlDatabase {
 public:
  explicit ReadSession(ReadOnlyDatabase database)
      : database_(std::move(database)), session_(*database_, SqliteSession::Role::reader) {}

  std::unique_ptr<SqlStatement> prepare(std::string_view sql) override {
    return session_.prepare(sql);
  }
  void begin() override { session_.begin(); }
  void commit() override { session_.commit(); }
  void roll_back() noexcept override { session_.roll_back(); }

 private:
  ReadOnlyDatabase database_;
  SqliteSession session_;
};

}  // namespace

Result<std::unique_ptr<StoreReader>> open_reader(const std::filesystem::path& path,
                                                 const ReaderOptions& options) {
  if (auto whole = check_whole(path); !whole)
    return tl::unexpected(whole.error());
  auto database = ReadOnlyDatabase::open(path);
  if (!database)
    return tl::unexpected(database.error());
  if (auto fine = check_version(**database, path); !fine)
    return tl::unexpected(fine.error());
  return make_table_reader(
      {std::make_unique<ReadSession>(std::move(*database)), path.string(),
       options.key_path.empty() ? path.parent_path() / "secret.key" : options.key_path,
       store_error});
}

}  // namespace autotune
