#include "store/postgresql_schema.hpp"

#include "store/fault.hpp"

namespace autotune {
namespace {

// The same tables and names as in schema.cpp, so that statements are the same. `head` has one row: who may write.
constexpr const char* version_1 = R"sql(
CREATE TABLE experiments (
  key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  phase INTEGER NOT NULL,
  max_trial_num BIGINT NOT NULL,
  trial_concurrency INTEGER NOT NULL,
  objective_metric TEXT NOT NULL,
  goal INTEGER NOT NULL,
  pending BIGINT NOT NULL DEFAULT 0,
  running BIGINT NOT NULL DEFAULT 0,
  succeeded BIGINT NOT NULL DEFAULT 0,
  failed BIGINT NOT NULL DEFAULT 0,
  early_stopped BIGINT NOT NULL DEFAULT 0,
  killed BIGINT NOT NULL DEFAULT 0,
  best_sequence BIGINT,
  best_value DOUBLE PRECISION,
  created_at_ms BIGINT NOT NULL DEFAULT 0,
  started_at_ms BIGINT NOT NULL DEFAULT 0,
  ended_at_ms BIGINT NOT NULL DEFAULT 0,
  running_ms BIGINT NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  stored_bytes BIGINT NOT NULL DEFAULT 0,
  last_event BIGINT NOT NULL DEFAULT 0,
  last_report BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX experiments_by_name ON experiments (name);

CREATE TABLE specs (
  experiment BIGINT PRIMARY KEY,
  spec BYTEA NOT NULL,
  options BYTEA NOT NULL
);

CREATE TABLE events (
  experiment BIGINT NOT NULL,
  number BIGINT NOT NULL,
  sequence BIGINT,
  payload BYTEA NOT NULL,
  PRIMARY KEY (experiment, number)
);

CREATE TABLE trials (
  experiment BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  id TEXT NOT NULL,
  state INTEGER NOT NULL,
  parameters_json TEXT NOT NULL,
  origin TEXT NOT NULL,
  final_metrics BYTEA,
  attempt INTEGER NOT NULL DEFAULT 0,
  node TEXT NOT NULL DEFAULT '',
  created_at_ms BIGINT NOT NULL DEFAULT 0,
  started_at_ms BIGINT NOT NULL DEFAULT 0,
  ended_at_ms BIGINT NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT '',
  intermediate_count BIGINT NOT NULL DEFAULT 0,
  first_event BIGINT NOT NULL,
  last_event BIGINT NOT NULL,
  PRIMARY KEY (experiment, sequence)
);

CREATE TABLE replicas (
  key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE metrics (
  experiment BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  attempt INTEGER NOT NULL,
  replica BIGINT NOT NULL,
  line BIGINT NOT NULL,
  kind INTEGER NOT NULL,
  step BIGINT NOT NULL,
  value DOUBLE PRECISION,
  named BYTEA,
  at_ms BIGINT NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (experiment, sequence, attempt, replica, line)
);

CREATE TABLE secrets (
  experiment_id TEXT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  sealed BYTEA NOT NULL,
  PRIMARY KEY (experiment_id, name)
);

CREATE TABLE deleted (
  last_event BIGINT NOT NULL
);
INSERT INTO deleted VALUES (0);

-- Who may write: the head of this epoch. last_commit is the number of its newest transaction; key_check is sealed by the
-- heads' key of secrets, authority is the fingerprint of their cluster: by these another head knows that it has the same.
CREATE TABLE head (
  epoch BIGINT NOT NULL,
  holder TEXT NOT NULL,
  until TIMESTAMPTZ NOT NULL,
  last_commit BIGINT NOT NULL,
  key_check BYTEA,
  authority TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX head_is_one ON head ((true));
INSERT INTO head VALUES (0, '', '-infinity', 0);
)sql";

constexpr PostgresqlMigration all_migrations[] = {{1, version_1}};

/// 0: there are no tables.
int version_of(PostgresqlSession& session) {
  if (session.execute("SELECT to_regclass('autotune.schema_version') IS NULL")[0][0].as<bool>())
    return 0;
  auto found = session.execute("SELECT version FROM autotune.schema_version");
  return found.empty() ? 0 : found[0][0].as<int>();
}

[[noreturn]] void refuse_newer(const std::string& uri, int found, int known) {
  throw StoreFault(ErrorCode::failed_precondition,
                   uri + " has schema version " + std::to_string(found) +
                       ", this autotune knows up to version " + std::to_string(known) +
                       ": use an autotune that knows version " + std::to_string(found) +
                       ", or another database");
}

}  // namespace

std::span<const PostgresqlMigration> postgresql_migrations() { return all_migrations; }

void migrate_postgresql(PostgresqlSession& session, const std::string& uri,
                        std::span<const PostgresqlMigration> steps) {
  constexpr const char* only_one = "SELECT pg_advisory_xact_lock(1096045902)";  // "ATUN"
  const int last = steps.back().to_version;
  session.begin();
  session.execute(only_one);
  const int found = version_of(session);
  if (found > last)
    refuse_newer(uri, found, last);
  if (found < last) {
    // The database's owner may have made the schema for a user who may not.
    if (session.execute("SELECT to_regnamespace('autotune') IS NULL")[0][0].as<bool>())
      session.execute("CREATE SCHEMA autotune");
    if (found == 0)
      session.execute(
          "CREATE TABLE autotune.schema_version (version INTEGER NOT NULL); "
          "INSERT INTO autotune.schema_version VALUES (0)");
    for (const auto& step : steps)
      if (step.to_version > found)
        session.execute(step.sql);
    session.execute("UPDATE autotune.schema_version SET version = " + std::to_string(last));
  }
  session.commit();
}

Result<void> make_postgresql_tables(PostgresqlSession& session, const std::string& uri) try {
  session.begin();
  const int found = version_of(session);
  session.roll_back();
  if (found > postgresql_migrations().back().to_version)
    refuse_newer(uri, found, postgresql_migrations().back().to_version);
  if (found == 0)
    migrate_postgresql(session, uri);
  return {};
} catch (const StoreFault& fault) {
  session.roll_back();
  return tl::unexpected(fault.error);
}

void check_postgresql_version(PostgresqlSession& session, const std::string& uri) {
  const int known = postgresql_migrations().back().to_version;
  const int found = version_of(session);
  if (found == 0)
    throw StoreFault(ErrorCode::not_found, uri + " is empty: nothing has been run there yet");
  if (found > known)
    refuse_newer(uri, found, known);
  if (found < known)
    throw StoreFault(ErrorCode::failed_precondition,
                     uri + " has schema version " + std::to_string(found) +
                         ", this autotune reads version " + std::to_string(known) +
                         ": any command that writes (run, resume, server) migrates it; make a copy "
                         "by pg_dump before that");
}

}  // namespace autotune
