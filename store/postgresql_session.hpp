// A connection to PostgreSQL as `SqlDatabase`.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include <pqxx/pqxx>

#include "messages/result.hpp"
#include "store/sql.hpp"

namespace autotune {

/// Spans by which a connection that hangs becomes one that is lost.
struct PostgresqlLimits {
  /// To be let in, per address of the server.
  std::chrono::seconds connect{3};
  /// For the server to acknowledge what was sent to it.
  std::chrono::milliseconds silence{5000};
  /// A transaction in which we say nothing for so long is rolled back by the server: a frozen head must not keep locks.
  std::chrono::milliseconds idle_in_transaction{2000};
  /// For a lock that another transaction has.
  std::chrono::milliseconds lock{4000};
  /// Statements that need no answer are sent together up to this.
  std::size_t gathered_bytes_max = std::size_t{1} << 20;
};

/// Connects at the first transaction, and anew at the first one after a loss. Throws what libpqxx throws.
class PostgresqlSession final : public SqlDatabase {
 public:
  enum class Role { writer, reader };
  /// `durable`: a commit is on the server's disk before it is acknowledged.
  PostgresqlSession(std::string uri, Role role, bool durable = true, PostgresqlLimits limits = {});
  ~PostgresqlSession() override;

  std::unique_ptr<SqlStatement> prepare(std::string_view sql) override;
  void begin() override;
  /// Throws pqxx::in_doubt_error where the connection broke before the answer.
  void commit() override;
  void roll_back() noexcept override;
  /// The next transaction connects anew.
  void disconnect() noexcept;

  /// Runs a text as it stands, after all that waits.
  pqxx::result execute(const std::string& sql);
  /// To be run before the next text or the commit.
  void gather(const std::string& sql);

 private:
  void connect();

  std::string uri_;
  Role role_;
  bool durable_;
  PostgresqlLimits limits_;
  std::unique_ptr<pqxx::connection> connection_;
  std::unique_ptr<pqxx::quiet_errorhandler> quiet_;
  std::unique_ptr<pqxx::transaction_base> transaction_;
  std::string gathered_;
};

/// The error of an exception of libpqxx, or of StoreFault; `doing` says what was tried.
Error postgresql_error(const std::exception& caught, const std::string& doing);

}  // namespace autotune
