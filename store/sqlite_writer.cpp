// The one writer: each commit is one transaction over events, reports and the rows that queries read.
#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/stat.h>

#include "store/reserve.hpp"
#include "store/schema.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_error.hpp"
#include "store/sqlite_session.hpp"
#include "store/table_writer.hpp"

namespace autotune {
namespace {

constexpr int cache_kib = 32 * 1024;              // pages in memory
constexpr std::int64_t wal_bytes_max = 64 << 20;  // what the WAL is cut to after a checkpoint

/// An experiment that pauses or ends: what a full disk must still take.
bool holds_halt(const std::vector<StoreWrite>& writes) {
  for (const auto& write : writes)
    if (const auto* append = std::get_if<AppendEvents>(&write))
      for (const auto& event : append->events)
        if (event.has_phase_changed() && event.phase_changed().phase() != pb::PHASE_RUNNING)
          return true;
  return false;
}

class SqliteWriter final : public StoreWriter {
 public:
  /// `full`: the disk had no room to open it, and the reserve has been given up for that.
  SqliteWriter(SQLite::Database database, std::filesystem::path path, const WriterOptions& options,
               Reserve reserve, bool full)
      : database_(std::move(database)),
        path_(std::move(path)),
        reserve_(std::move(reserve)),
        session_(database_, SqliteSession::Role::writer),
        tables_(session_,
                options.key_path.empty() ? path_.parent_path() / "secret.key" : options.key_path) {
    // Without room for it the home can still be read, and written in the room that is left.
    given_up_ = !reserve_.take() && full;
  }

  Result<void> commit(const std::vector<StoreWrite>& writes) override {
    const bool halts = holds_halt(writes);
    // What the reserve gave up is for halts alone; the rest waits until the disk has room again.
    if (given_up_ && !halts)
      if (auto room = restore_reserve(); !room)
        return room;
    auto done = write_all(writes);
    if (done || done.error().code != ErrorCode::resource_exhausted || !halts || !reserve_.held())
      return done;
    if (auto released = release_reserve(); !released)
      return done;
    return write_all(writes);
  }

  Result<void> release_reserve() override {
    given_up_ = reserve_.held();
    return reserve_.release();
  }

  Result<void> restore_reserve() override {
    auto taken = reserve_.take();
    given_up_ = given_up_ && !taken;
    return taken;
  }

 private:
  Result<void> write_all(const std::vector<StoreWrite>& writes) {
    try {
      session_.begin();
      tables_.write(writes);
      session_.commit();
      tables_.settle();
      return {};
    } catch (const std::exception& e) {
      auto error = store_error(e, "write to " + path_.string());
      tables_.forget();
      session_.roll_back();
      return tl::unexpected(std::move(error));
    }
  }

  SQLite::Database database_;
  std::filesystem::path path_;
  Reserve reserve_;
  SqliteSession session_;
  TableWriter tables_;
  bool given_up_ = false;  ///< the reserve was given back, and not yet taken again
};

Result<SQLite::Database> open_database(const std::filesystem::path& path,
                                       const WriterOptions& options) {
  try {
    // No locks of SQLite's own: the writer is used by one thread at a time.
    SQLite::Database database(path.string(),
                              SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX,
                              static_cast<int>(options.busy_timeout.count()));
    // Whoever may look into the home's folder need not read the trials' parameters.
    ::chmod(path.c_str(), 0600);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(options.synchronous == Synchronous::full ? "PRAGMA synchronous = FULL"
                                                           : "PRAGMA synchronous = NORMAL");
    database.exec("PRAGMA temp_store = MEMORY");
    database.exec("PRAGMA cache_size = -" + std::to_string(cache_kib));
    database.exec("PRAGMA journal_size_limit = " + std::to_string(wal_bytes_max));
    if (auto ready = migrate(database, path); !ready)
      return tl::unexpected(ready.error());
    return database;
  } catch (const std::exception& e) {
    return tl::unexpected(store_error(e, "open " + path.string()));
  }
}

}  // namespace

std::filesystem::path database_path(const std::filesystem::path& home) {
  return home / "autotune.sqlite";
}

Result<std::unique_ptr<StoreWriter>> open_writer(const std::filesystem::path& path,
                                                 const WriterOptions& options) {
  if (auto whole = check_whole(path); !whole)
    return tl::unexpected(whole.error());
  Reserve reserve(path.parent_path() / "reserve", options.reserve_bytes);
  auto database = open_database(path, options);
  const bool full = !database && database.error().code == ErrorCode::resource_exhausted;
  if (full && reserve.release())
    database = open_database(path, options);
  if (!database)
    return tl::unexpected(database.error());
  try {
    return std::make_unique<SqliteWriter>(std::move(*database), path, options, std::move(reserve),
                                          full);
  } catch (const std::exception& e) {
    return tl::unexpected(store_error(e, "open " + path.string()));
  }
}

}  // namespace autotune
