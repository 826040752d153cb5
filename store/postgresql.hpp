// The store in a PostgreSQL database: the second back-end of `store.hpp`, for heads on several machines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune {

struct PostgresqlWriterOptions {
  /// Of the head's lease (head_lease.hpp): no commit takes place once another head has taken over.
  std::uint64_t epoch = 0;
  std::filesystem::path key_path;  ///< of the key that encrypts secrets; made at its first use
  bool durable = true;             ///< false: the last commits may be lost with the server's power
};

/// Whether this program was built with PostgreSQL. failed_precondition says which package was missing.
Result<void> check_postgresql();

/// invalid_argument: `uri` is no "postgresql://HOST/DATABASE", or holds a password, which would be seen by whoever lists
/// processes and files.
Result<void> check_postgresql_uri(const std::string& uri);

/// Opens the tables for writing; makes them where they are absent, migrates older ones. A commit whose answer was lost is
/// found out about before anything else is written, so that nothing is there twice.
/// Errors: failed_precondition (a newer schema, another head's epoch, no right to the database), unavailable.
Result<std::unique_ptr<StoreWriter>> open_postgresql_writer(const std::string& uri,
                                                            const PostgresqlWriterOptions& options);

/// Opens the tables for reading. not_found: nothing has been run there yet; else as above.
Result<std::unique_ptr<StoreReader>> open_postgresql_reader(const std::string& uri,
                                                            const std::filesystem::path& key_path);

}  // namespace autotune
