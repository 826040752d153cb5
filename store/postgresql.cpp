#include "store/postgresql.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "store/fault.hpp"
#include "store/postgresql_schema.hpp"
#include "store/postgresql_session.hpp"
#include "store/table_reader.hpp"
#include "store/table_writer.hpp"

namespace autotune {
namespace {

class PostgresqlWriter final : public StoreWriter {
 public:
  /// Within a transaction of `session`, which it reads from.
  PostgresqlWriter(std::unique_ptr<PostgresqlSession> session, std::string uri,
                   const PostgresqlWriterOptions& options)
      : session_(std::move(session)),
        uri_(std::move(uri)),
        epoch_(options.epoch),
        tables_(*session_, options.key_path) {}

  Result<void> commit(const std::vector<StoreWrite>& writes) override {
    while (true) {
      if (auto clear = find_out(); !clear)
        return clear;
      // What turned out to be durable comes again, since the caller was not told so: it is what begins `writes`.
      const auto known = std::min(durable_, writes.size());
      Result<void> done;
      if (known < writes.size())
        done = write_all({writes.begin() + static_cast<std::ptrdiff_t>(known), writes.end()});
      if (done)
        durable_ -= known;
      if (!doubt_)
        return done;
    }
  }

 private:
  struct Doubt {
    std::int64_t number = 0;  // of the transaction
    std::size_t writes = 0;   // in it
  };

  Result<void> write_all(const std::vector<StoreWrite>& writes) {
    const auto doing = "write to " + uri_;
    try {
      session_->begin();
      claim(++number_);
      tables_.write(writes);
      session_->commit();
      tables_.settle();
      return {};
    } catch (const pqxx::in_doubt_error& e) {
      doubt_ = Doubt{number_, writes.size()};
      session_->disconnect();
      return tl::unexpected(postgresql_error(e, doing));
    } catch (const std::exception& e) {
      auto error = postgresql_error(e, doing);
      tables_.forget();
      session_->roll_back();
      if (error.code == ErrorCode::unavailable)
        session_->disconnect();
      return tl::unexpected(std::move(error));
    }
  }

  /// The row of `head` stays locked until the transaction ends: nobody takes over within it.
  void claim(std::int64_t number) {
    auto claimed = session_->execute("UPDATE head SET last_commit = " + std::to_string(number) +
                                     " WHERE epoch = " + std::to_string(epoch_));
    if (claimed.affected_rows() == 0)
      throw_superseded();
  }

  [[noreturn]] void throw_superseded() {
    auto now = session_->execute("SELECT epoch, holder FROM head");
    throw StoreFault(ErrorCode::unavailable, "cannot write to " + uri_ + ": " + now[0][1].c_str() +
                                                 " has taken over with epoch " + now[0][0].c_str() +
                                                 ", ours is " + std::to_string(epoch_));
  }

  /// Whether a commit whose answer was lost took place. Until that is known, nothing else may be written.
  Result<void> find_out() {
    if (!doubt_)
      return {};
    try {
      session_->begin();
      // Waits until that transaction has ended, one way or the other: it has the row's lock.
      auto head = session_->execute(
          "SELECT last_commit FROM head WHERE epoch = " + std::to_string(epoch_) + " FOR UPDATE");
      if (head.empty())
        throw_superseded();
      const bool took_place = head[0][0].as<std::int64_t>() == doubt_->number;
      session_->commit();
      if (took_place) {
        durable_ += doubt_->writes;
        tables_.settle();
      } else {
        tables_.forget();
      }
      doubt_.reset();
      return {};
    } catch (const std::exception& e) {
      auto error = postgresql_error(e, "find out about a commit to " + uri_);
      error.code = ErrorCode::unavailable;
      session_->disconnect();
      return tl::unexpected(std::move(error));
    }
  }

  std::unique_ptr<PostgresqlSession> session_;
  std::string uri_;
  std::uint64_t epoch_;
  TableWriter tables_;
  std::int64_t number_ = 0;
  std::optional<Doubt> doubt_;
  std::size_t durable_ = 0;  // writes that are stored, and of which the caller was not told
};

/// Whether a part of a URI holds a password: in "user:password@", or as a parameter.
bool holds_password(const std::string& uri) {
  auto rest = uri.substr(uri.find("://") + 3);
  auto query = rest.find('?');
  auto authority = rest.substr(0, std::min(rest.find('/'), query));
  auto at = authority.rfind('@');
  if (at != std::string::npos && authority.substr(0, at).find(':') != std::string::npos)
    return true;
  auto parameters = query == std::string::npos ? "" : "&" + rest.substr(query + 1);
  return parameters.find("&password=") != std::string::npos ||
         parameters.find("&sslpassword=") != std::string::npos;
}

}  // namespace

Result<void> check_postgresql() { return {}; }

Result<void> check_postgresql_uri(const std::string& uri) {
  if (!uri.starts_with("postgresql://") && !uri.starts_with("postgres://"))
    return fail(ErrorCode::invalid_argument,
                "a store elsewhere is postgresql://[USER@]HOST[:PORT]/DATABASE");
  if (holds_password(uri))
    return fail(ErrorCode::invalid_argument,
                "the store's address must hold no password, which anybody could read in the list "
                "of processes: put it into ~/.pgpass (mode 0600) or PGPASSWORD");
  return {};
}

Result<std::unique_ptr<StoreWriter>> open_postgresql_writer(
    const std::string& uri, const PostgresqlWriterOptions& options) {
  if (auto fine = check_postgresql_uri(uri); !fine)
    return tl::unexpected(fine.error());
  try {
    auto session =
        std::make_unique<PostgresqlSession>(uri, PostgresqlSession::Role::writer, options.durable);
    migrate_postgresql(*session, uri);
    session->begin();
    auto* raw = session.get();
    auto writer = std::make_unique<PostgresqlWriter>(std::move(session), uri, options);
    raw->roll_back();
    return writer;
  } catch (const std::exception& e) {
    return tl::unexpected(postgresql_error(e, "open " + uri));
  }
}

Result<std::unique_ptr<StoreReader>> open_postgresql_reader(const std::string& uri,
                                                            const std::filesystem::path& key_path) {
  if (auto fine = check_postgresql_uri(uri); !fine)
    return tl::unexpected(fine.error());
  try {
    auto session = std::make_unique<PostgresqlSession>(uri, PostgresqlSession::Role::reader);
    session->begin();
    check_postgresql_version(*session, uri);
    session->roll_back();
    return make_table_reader({std::move(session), uri, key_path, postgresql_error});
  } catch (const std::exception& e) {
    return tl::unexpected(postgresql_error(e, "read " + uri));
  }
}

}  // namespace autotune
