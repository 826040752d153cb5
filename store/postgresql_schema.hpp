// The tables in PostgreSQL and their versions.
#pragma once

#include <span>
#include <string>

#include "store/postgresql_session.hpp"

namespace autotune {

/// What brings the tables from version i to i + 1; the first makes them.
struct PostgresqlMigration {
  int to_version = 0;
  const char* sql = "";
};

/// All of this version of AutoTune, in order. Append-only.
std::span<const PostgresqlMigration> postgresql_migrations();

/// Brings the database to the last version of `steps` in one transaction, also where two try at once. Throws StoreFault
/// (failed_precondition) where it is newer, and what libpqxx throws. `uri` is for people.
void migrate_postgresql(PostgresqlSession& session, const std::string& uri,
                        std::span<const PostgresqlMigration> steps = postgresql_migrations());

/// Makes the tables where there are none, and leaves older ones alone: whoever only wants to become the head must not
/// change what the head before still writes. failed_precondition: they are newer. Throws what libpqxx throws.
Result<void> make_postgresql_tables(PostgresqlSession& session, const std::string& uri);

/// Within a transaction: throws StoreFault where the tables are absent (not_found) or of another version.
void check_postgresql_version(PostgresqlSession& session, const std::string& uri);

}  // namespace autotune
