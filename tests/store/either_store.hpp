// A store of either back-end, for the tests of what both promise.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "store/postgresql.hpp"
#include "tests/store/postgres_server.hpp"
#include "tests/store/support.hpp"

namespace autotune::test {

/// Empty, and gone at the end: SQLite's, or, with AUTOTUNE_TEST_STORE=postgresql in the environment, PostgreSQL's. CMake
/// runs the tests with both.
class EitherStore {
 public:
  EitherStore() {
    const char* asked = std::getenv("AUTOTUNE_TEST_STORE");
    if (asked != nullptr && std::string(asked) == "postgresql")
      server_ = std::make_unique<PostgresServer>();
    write = new_writer();
    read = new_reader();
  }

  std::unique_ptr<StoreWriter> new_writer() const {
    if (!server_)
      return writer(folder.database());
    PostgresqlWriterOptions options;
    options.key_path = key();
    return value(open_postgresql_writer(server_->uri(), options));
  }
  std::unique_ptr<StoreReader> new_reader() const {
    return value(server_ ? open_postgresql_reader(server_->uri(), key())
                         : open_reader(folder.database()));
  }
  void commit(const std::vector<StoreWrite>& writes) { value(write->commit(writes)); }
  std::filesystem::path key() const { return folder.path() / "secret.key"; }

 private:
  TemporaryFolder folder;
  std::unique_ptr<PostgresServer> server_;

 public:
  std::unique_ptr<StoreWriter> write;  // go before the server does
  std::unique_ptr<StoreReader> read;
};

}  // namespace autotune::test
