#include "store/schema.hpp"

#include <fstream>

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

/// A database as version 1 of the schema made it, with one trial: the text of version 1 is never to change, so it
/// stands here as a copy of its own.
constexpr const char* version_1_fixture = R"sql(
CREATE TABLE experiments (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  phase INTEGER NOT NULL, max_trial_num INTEGER NOT NULL, trial_concurrency INTEGER NOT NULL,
  objective_metric TEXT NOT NULL, goal INTEGER NOT NULL, pending INTEGER NOT NULL DEFAULT 0,
  running INTEGER NOT NULL DEFAULT 0, succeeded INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0, early_stopped INTEGER NOT NULL DEFAULT 0,
  killed INTEGER NOT NULL DEFAULT 0, best_sequence INTEGER, best_value REAL,
  created_at_ms INTEGER NOT NULL DEFAULT 0, started_at_ms INTEGER NOT NULL DEFAULT 0,
  ended_at_ms INTEGER NOT NULL DEFAULT 0, running_ms INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '', stored_bytes INTEGER NOT NULL DEFAULT 0,
  last_event INTEGER NOT NULL DEFAULT 0, last_report INTEGER NOT NULL DEFAULT 0);
CREATE INDEX experiments_by_name ON experiments (name);
CREATE TABLE specs (experiment INTEGER PRIMARY KEY, spec BLOB NOT NULL, options BLOB NOT NULL);
CREATE TABLE events (experiment INTEGER NOT NULL, number INTEGER NOT NULL, sequence INTEGER,
  payload BLOB NOT NULL, PRIMARY KEY (experiment, number)) WITHOUT ROWID;
CREATE TABLE trials (experiment INTEGER NOT NULL, sequence INTEGER NOT NULL, id TEXT NOT NULL,
  state INTEGER NOT NULL, parameters_json TEXT NOT NULL, origin TEXT NOT NULL, final_metrics BLOB,
  attempt INTEGER NOT NULL DEFAULT 0, node TEXT NOT NULL DEFAULT '',
  created_at_ms INTEGER NOT NULL DEFAULT 0, started_at_ms INTEGER NOT NULL DEFAULT 0,
  ended_at_ms INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT '', intermediate_count INTEGER NOT NULL DEFAULT 0,
  first_event INTEGER NOT NULL, last_event INTEGER NOT NULL,
  PRIMARY KEY (experiment, sequence)) WITHOUT ROWID;
CREATE TABLE replicas (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE metrics (experiment INTEGER NOT NULL, sequence INTEGER NOT NULL, attempt INTEGER NOT NULL,
  replica INTEGER NOT NULL, line INTEGER NOT NULL, kind INTEGER NOT NULL, step INTEGER NOT NULL,
  value REAL, named BLOB, at_ms INTEGER NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (experiment, sequence, attempt, replica, line)) WITHOUT ROWID;
CREATE TABLE secrets (experiment_id TEXT NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (experiment_id, name)) WITHOUT ROWID;
CREATE TABLE deleted (last_event INTEGER NOT NULL);
INSERT INTO deleted VALUES (0);
INSERT INTO experiments (key, id, name, phase, max_trial_num, trial_concurrency, objective_metric, goal,
  succeeded, best_sequence, best_value, last_event, last_report)
  VALUES (1, 'old-11111', 'old', 2, 20, 3, 'default', 1, 1, 0, 0.5, 3, 1);
INSERT INTO specs VALUES (1, x'0a036f6c64', x'');
INSERT INTO events VALUES (1, 1, NULL, x'1a070a050a036f6c64'), (1, 3, 0, x'520408001003');
INSERT INTO trials (experiment, sequence, id, state, parameters_json, origin, attempt, first_event, last_event)
  VALUES (1, 0, 'abcde', 3, '{"x": 16}', 'tuner', 1, 3, 3);
INSERT INTO replicas VALUES (1, 'worker-0');
INSERT INTO metrics VALUES (1, 0, 1, 1, 1, 1, 10, 0.25, NULL, 5, 1);
PRAGMA application_id = 0x4154554e;
PRAGMA user_version = 1;
)sql";

constexpr int known_version = 1;

void make(const std::filesystem::path& path, const std::string& sql) {
  SQLite::Database database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec(sql);
}

int version_of(const std::filesystem::path& path) {
  SQLite::Database database(path.string(), SQLite::OPEN_READONLY);
  return database.execAndGet("PRAGMA user_version").getInt();
}

std::filesystem::path backup_of(const std::filesystem::path& path, int version) {
  return path.string() + ".backup-v" + std::to_string(version);
}

}  // namespace

TEST_CASE("a database of version 1 is read and goes on", "[store]") {
  TemporaryFolder folder;
  make(folder.database(), version_1_fixture);
  auto write = writer(folder.database());
  value(write->commit({append("old-11111", {created(1)})}));
  auto read = value(open_reader(folder.database()));
  CHECK(value(read->experiment("old")).best().parameters_json() == R"({"x": 16})");
  CHECK(value(read->trials("old-11111")).size() == 2);
  CHECK(
      value(read->reports("old-11111", 0, pb::REPORT_KIND_UNSPECIFIED)).at(0).metrics(0).value() ==
      0.25);
  auto events = value(read->events("old-11111"));
  REQUIRE(events.size() == 3);
  CHECK(events[0].event.experiment_submitted().spec().name() == "old");
  CHECK(events[1].event.trial_ended().state() == pb::TRIAL_STATE_SUCCEEDED);
  CHECK(events[2].number == 4);
}

TEST_CASE("a new database has the tables of the fixture", "[store]") {
  // Each table's columns as SQLite tells them, so that the text's layout does not matter.
  auto columns = [](const std::filesystem::path& path) {
    SQLite::Database database(path.string(), SQLite::OPEN_READONLY);
    SQLite::Statement rows(
        database,
        "SELECT m.name, c.cid, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk "
        "FROM sqlite_master m JOIN pragma_table_info(m.name) c "
        "WHERE m.type = 'table' ORDER BY m.name, c.cid");
    std::string out;
    while (rows.executeStep())
      for (int i = 0; i < 7; ++i)
        out += rows.getColumn(i).getString() + (i < 6 ? " " : "\n");
    return out;
  };
  TemporaryFolder folder;
  make(folder.path() / "fixture", version_1_fixture);
  SQLite::Database fresh((folder.path() / "fresh").string(),
                         SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  value(migrate(fresh, folder.path() / "fresh", migrations().first(1)));
  CHECK(columns(folder.path() / "fresh") == columns(folder.path() / "fixture"));
}

TEST_CASE("an older schema is migrated after a backup", "[store]") {
  TemporaryFolder folder;
  const auto path = folder.database();
  make(path, version_1_fixture);
  std::vector<Migration> steps(migrations().begin(), migrations().end());
  steps.push_back(
      {known_version + 1, "ALTER TABLE trials ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'"});
  steps.push_back({known_version + 2, "UPDATE trials SET colour = 'red' WHERE sequence = 0"});
  {
    SQLite::Database database(path.string(), SQLite::OPEN_READWRITE);
    value(migrate(database, path, steps));
    CHECK(database.execAndGet("SELECT colour FROM trials").getString() == "red");
    // A second time there is nothing to do, and the backup stays as it is.
    std::filesystem::remove(backup_of(path, 1));
    value(migrate(database, path, steps));
    CHECK_FALSE(std::filesystem::exists(backup_of(path, 1)));
  }
  CHECK(version_of(path) == known_version + 2);
}

TEST_CASE("the backup holds what was there before, even what only the WAL had", "[store]") {
  TemporaryFolder folder;
  const auto path = folder.database();
  auto write = writer(path);
  value(write->commit({append("a-11111", {submitted("a")})}));
  std::vector<Migration> steps(migrations().begin(), migrations().end());
  steps.push_back({known_version + 1, "DELETE FROM events"});
  SQLite::Database database(path.string(), SQLite::OPEN_READWRITE, 1000);
  value(migrate(database, path, steps));
  auto backup = value(open_reader(backup_of(path, known_version)));
  CHECK(value(backup->events("a-11111")).size() == 1);
}

TEST_CASE("a migration that fails changes nothing", "[store]") {
  TemporaryFolder folder;
  const auto path = folder.database();
  make(path, version_1_fixture);
  std::vector<Migration> steps(migrations().begin(), migrations().end());
  steps.push_back({known_version + 1, "DELETE FROM events; DELETE FROM no_such_table"});
  SQLite::Database database(path.string(), SQLite::OPEN_READWRITE);
  CHECK_FALSE(migrate(database, path, steps));
  CHECK(database.execAndGet("SELECT COUNT(*) FROM events").getInt() == 2);
  CHECK(version_of(path) == known_version);
}

TEST_CASE("a newer schema is refused, naming the version that is needed", "[store]") {
  TemporaryFolder folder;
  make(folder.database(), version_1_fixture);
  make(folder.database(), "PRAGMA user_version = 99");
  for (const auto& error :
       {open_writer(folder.database()).error(), open_reader(folder.database()).error()}) {
    CHECK(error.code == ErrorCode::failed_precondition);
    CHECK_THAT(error.message, Catch::Contains("version 99"));
  }
}

TEST_CASE("a reader leaves an older schema alone and says what migrates it", "[store]") {
  TemporaryFolder folder;
  make(folder.database(), version_1_fixture);
  make(folder.database(), "PRAGMA user_version = 0");
  auto read = open_reader(folder.database());
  REQUIRE_FALSE(read);
  CHECK(read.error().code == ErrorCode::failed_precondition);
  CHECK_THAT(read.error().message, Catch::Contains("resume"));
}

TEST_CASE("a file that is no database of ours is a loss that says what to do", "[store]") {
  TemporaryFolder folder;
  SECTION("text") { std::ofstream(folder.database()) << std::string(5000, 'x'); }
  SECTION("a database of another program") {
    make(folder.database(), "CREATE TABLE bookmarks (url TEXT)");
  }
  SECTION("a database with its first page torn") {
    { auto write = writer(folder.database()); }
    std::fstream file(folder.database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file << std::string(3000, '\x55');
  }
  for (const auto& error :
       {open_writer(folder.database()).error(), open_reader(folder.database()).error()}) {
    CHECK(error.code == ErrorCode::data_loss);
    CHECK_THAT(error.message,
               Catch::Contains(folder.database().string()) && Catch::Contains("backup"));
  }
}

TEST_CASE("a truncated database is found out when it is opened", "[store]") {
  TemporaryFolder folder;
  {
    auto write = writer(folder.database());
    value(write->commit({append("a-11111", {submitted("a"), created(0)})}));
  }
  auto bytes = std::filesystem::file_size(folder.database());
  std::filesystem::resize_file(folder.database(), bytes / 2 / 4096 * 4096);
  for (const auto& error :
       {open_writer(folder.database()).error(), open_reader(folder.database()).error()})
    CHECK(error.code == ErrorCode::data_loss);
}

TEST_CASE("a damaged row is a loss that names it, not a wrong answer", "[store]") {
  TemporaryFolder folder;
  {
    auto write = writer(folder.database());
    value(write->commit({append("a-11111", {submitted("a"), created(0), launched(0)}, {})}));
    value(write->commit({AddReports{"a-11111", {report(0, 1, {{"loss", 1}})}}}));
  }
  make(folder.database(),
       "UPDATE events SET payload = x'ffff' WHERE number = 2;"
       "UPDATE metrics SET named = x'01'; UPDATE trials SET final_metrics = x'05'");
  auto read = value(open_reader(folder.database()));
  auto events = read->events("a-11111");
  CHECK(events.error().code == ErrorCode::data_loss);
  CHECK_THAT(events.error().message, Catch::Contains("event 2"));
  auto folded = read->for_each_event("a-11111", [](const pb::Event&) {});
  CHECK(folded.error().code == ErrorCode::data_loss);
  CHECK_THAT(folded.error().message, Catch::Contains("event 2"));
  CHECK(read->trials("a-11111").error().code == ErrorCode::data_loss);
  CHECK(read->reports("a-11111", 0, pb::REPORT_KIND_UNSPECIFIED).error().code ==
        ErrorCode::data_loss);
}

TEST_CASE("a home where nothing has run yet is not found", "[store]") {
  TemporaryFolder folder;
  auto read = open_reader(folder.database());
  REQUIRE_FALSE(read);
  CHECK(read.error().code == ErrorCode::not_found);
  std::ofstream(folder.database()).flush();
  CHECK(open_reader(folder.database()).error().code == ErrorCode::not_found);
}
