// A PostgreSQL server of the test's own, in a temporary folder: nobody else's is touched.
#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

namespace autotune::test {

/// Runs until it is destroyed, or this process dies. PostgreSQL refuses root: then it is the user postgres', or nobody's.
class PostgresServer {
 public:
  /// Fails the test with "skipped: ..." where PostgreSQL is not installed or not built in, which ctest shows as a skip.
  PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;
  ~PostgresServer();

  /// "postgresql://autotune@/postgres?host=FOLDER".
  std::string uri() const { return uri_of(folder_); }
  /// The same database by another folder with a socket, say a proxy's.
  static std::string uri_of(const std::filesystem::path& socket_folder);
  /// Where its socket lies.
  const std::filesystem::path& folder() const { return folder_; }
  /// Ends it at once, as a loss of power does.
  void kill();
  /// Starts it again with what it had stored.
  void start();

 private:
  std::filesystem::path folder_;
  std::string programs_;
  pid_t server_ = -1;
};

}  // namespace autotune::test
