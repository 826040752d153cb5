#include "store/schema.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include <sqlite3.h>

#include "store/sqlite_error.hpp"

namespace autotune {
namespace {

// The tables are clustered by experiment, so that an experiment is read, and deleted, as one range.
// `number` of events rises within the database, that of metrics within the experiment: the order of commit.
// Counts and the best trial are kept in the row of their experiment; the spec, which is large and hardly
// changes, stands apart so that these updates stay small.
constexpr const char* version_1 = R"sql(
CREATE TABLE experiments (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  phase INTEGER NOT NULL,
  max_trial_num INTEGER NOT NULL,
  trial_concurrency INTEGER NOT NULL,
  objective_metric TEXT NOT NULL,
  goal INTEGER NOT NULL,
  pending INTEGER NOT NULL DEFAULT 0,
  running INTEGER NOT NULL DEFAULT 0,
  succeeded INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  early_stopped INTEGER NOT NULL DEFAULT 0,
  killed INTEGER NOT NULL DEFAULT 0,
  best_sequence INTEGER,
  best_value REAL,
  created_at_ms INTEGER NOT NULL DEFAULT 0,
  started_at_ms INTEGER NOT NULL DEFAULT 0,
  ended_at_ms INTEGER NOT NULL DEFAULT 0,
  running_ms INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  stored_bytes INTEGER NOT NULL DEFAULT 0,
  last_event INTEGER NOT NULL DEFAULT 0,
  last_report INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX experiments_by_name ON experiments (name);

CREATE TABLE specs (
  experiment INTEGER PRIMARY KEY,
  spec BLOB NOT NULL,
  options BLOB NOT NULL
);

CREATE TABLE events (
  experiment INTEGER NOT NULL,
  number INTEGER NOT NULL,
  sequence INTEGER,
  payload BLOB NOT NULL,
  PRIMARY KEY (experiment, number)
) WITHOUT ROWID;

CREATE TABLE trials (
  experiment INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  id TEXT NOT NULL,
  state INTEGER NOT NULL,
  parameters_json TEXT NOT NULL,
  origin TEXT NOT NULL,
  final_metrics BLOB,
  attempt INTEGER NOT NULL DEFAULT 0,
  node TEXT NOT NULL DEFAULT '',
  created_at_ms INTEGER NOT NULL DEFAULT 0,
  started_at_ms INTEGER NOT NULL DEFAULT 0,
  ended_at_ms INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT '',
  intermediate_count INTEGER NOT NULL DEFAULT 0,
  first_event INTEGER NOT NULL,
  last_event INTEGER NOT NULL,
  PRIMARY KEY (experiment, sequence)
) WITHOUT ROWID;

CREATE TABLE replicas (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

-- value: the one number "default", NULL for NaN; where there are others, `named` holds them all.
CREATE TABLE metrics (
  experiment INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  replica INTEGER NOT NULL,
  line INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  step INTEGER NOT NULL,
  value REAL,
  named BLOB,
  at_ms INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (experiment, sequence, attempt, replica, line)
) WITHOUT ROWID;

CREATE TABLE secrets (
  experiment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (experiment_id, name)
) WITHOUT ROWID;

-- The highest event number of experiments that were deleted: a number is never given twice.
CREATE TABLE deleted (
  last_event INTEGER NOT NULL
);
INSERT INTO deleted VALUES (0);
)sql";

constexpr Migration all_migrations[] = {{1, version_1}};

int pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(std::string("PRAGMA ") + name).getInt();
}

tl::unexpected<Error> newer(const std::filesystem::path& path, int found, int known) {
  return fail(ErrorCode::failed_precondition,
              path.string() + " has schema version " + std::to_string(found) +
                  ", this autotune knows up to version " + std::to_string(known) +
                  ": use an autotune that knows version " + std::to_string(found) +
                  ", or another --home");
}

tl::unexpected<Error> foreign(const std::filesystem::path& path) {
  return fail(ErrorCode::data_loss,
              path.string() +
                  " is a SQLite database, but none of AutoTune's: move it away, or put a "
                  "backup (*.backup-*) in its place");
}

bool has_tables(SQLite::Database& database) {
  return database.execAndGet("SELECT COUNT(*) FROM sqlite_master").getInt() > 0;
}

/// Copies the database, its WAL included, beside itself.
Result<void> back_up(SQLite::Database& database, const std::filesystem::path& path, int version) {
  auto copy = path;
  copy += ".backup-v" + std::to_string(version);
  std::error_code ignored;
  std::filesystem::remove(copy, ignored);
  try {
    SQLite::Statement statement(database, "VACUUM INTO ?");
    statement.bind(1, copy.string());
    while (statement.executeStep()) {
    }
  } catch (const SQLite::Exception& e) {
    std::filesystem::remove(copy, ignored);
    return tl::unexpected(
        store_error(e, "copy " + path.string() + " to " + copy.string() + " before its migration"));
  }
  return {};
}

}  // namespace

std::span<const Migration> migrations() { return all_migrations; }

Result<void> migrate(SQLite::Database& database, const std::filesystem::path& path,
                     std::span<const Migration> steps) {
  try {
    const int last = steps.back().to_version;
    const int found = pragma(database, "user_version");
    const bool empty = found == 0 && !has_tables(database);
    if (!empty && pragma(database, "application_id") != application_id)
      return foreign(path);
    if (found > last)
      return newer(path, found, last);
    if (found == last)
      return {};
    if (!empty)
      if (auto done = back_up(database, path, found); !done)
        return done;
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    for (const auto& step : steps)
      if (step.to_version > found)
        database.exec(step.sql);
    database.exec("PRAGMA application_id = " + std::to_string(application_id));
    database.exec("PRAGMA user_version = " + std::to_string(last));
    transaction.commit();
    return {};
  } catch (const std::exception& e) {
    return tl::unexpected(store_error(e, "prepare the tables of " + path.string()));
  }
}

Result<void> check_whole(const std::filesystem::path& path) {
  std::error_code error;
  auto wal = path;
  wal += "-wal";
  if (std::filesystem::file_size(wal, error) > 0 && !error)
    return {};
  const auto bytes = std::filesystem::file_size(path, error);
  std::array<unsigned char, 32> header{};
  std::ifstream in(path, std::ios::binary);
  if (error || !in.read(reinterpret_cast<char*>(header.data()), header.size()))
    return {};
  // https://www.sqlite.org/fileformat.html: magic, page size at 16 (1 stands for 65536), pages at 28.
  if (std::memcmp(header.data(), "SQLite format 3", 16) != 0)
    return {};
  std::uint64_t page = header[16] << 8 | header[17];
  if (page == 1)
    page = 65536;
  const auto pages = std::uint64_t{header[28]} << 24 | std::uint64_t{header[29]} << 16 |
                     std::uint64_t{header[30]} << 8 | header[31];
  if (bytes >= page * pages)
    return {};
  return fail(ErrorCode::data_loss,
              path.string() + " is torn: it has " + std::to_string(bytes) + " bytes of " +
                  std::to_string(page * pages) +
                  "; put a backup (*.backup-*) in its place, or move it away");
}

Result<void> check_version(SQLite::Database& database, const std::filesystem::path& path) {
  try {
    const int last = migrations().back().to_version;
    const int found = pragma(database, "user_version");
    if (found == 0 && !has_tables(database))
      return fail(ErrorCode::not_found,
                  path.string() + " is empty: nothing has been run there yet");
    if (pragma(database, "application_id") != application_id)
      return foreign(path);
    if (found > last)
      return newer(path, found, last);
    if (found < last)
      return fail(
          ErrorCode::failed_precondition,
          path.string() + " has schema version " + std::to_string(found) +
              ", this autotune reads version " + std::to_string(last) +
              ": any command that writes (run, resume, server) migrates it, after a backup");
    return {};
  } catch (const std::exception& e) {
    return tl::unexpected(store_error(e, "read " + path.string()));
  }
}

}  // namespace autotune
