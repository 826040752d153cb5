#include "store/postgresql_session.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>
#include <vector>

#include "store/event_codec.hpp"
#include "store/fault.hpp"

#ifdef __SANITIZE_ADDRESS__
/// libpqxx 6.4 does not free the results of what it says itself when a connection begins.
extern "C" const char* __lsan_default_suppressions() { return "leak:libpqxx\n"; }
#endif

namespace autotune {
namespace {

/// As the server reads it with standard_conforming_strings. A text of PostgreSQL is UTF-8 and holds no NUL.
std::string quoted(const std::string& value) {
  std::string out = "'";
  for (char c : mend_utf8(value)) {
    if (c == '\0')
      out += "\xef\xbf\xbd";
    else if (c == '\'')
      out += "''";
    else
      out += c;
  }
  return out + "'";
}

std::string hexed(std::string_view value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "'\\x";
  out.reserve(2 * value.size() + 16);
  for (unsigned char byte : value) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out + "'::bytea";
}

int digit_of(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/// The bytes of "\x0a1b".
std::string unhexed(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 2; i + 1 < text.size(); i += 2)
    out += static_cast<char>(digit_of(text[i]) << 4 | digit_of(text[i + 1]));
  return out;
}

/// Values stand in the text itself, so that texts can be sent together, and no statement lives on the server.
class PostgresqlStatement final : public SqlStatement {
 public:
  PostgresqlStatement(PostgresqlSession& session, std::string_view sql) : session_(session) {
    for (std::size_t at = 0; at < sql.size();) {
      auto sign = std::min(sql.find('$', at), sql.size());
      pieces_.push_back({std::string(sql.substr(at, sign - at)), 0});
      at = sign;
      if (at == sql.size())
        break;
      auto [end, error] =
          std::from_chars(sql.data() + sign + 1, sql.data() + sql.size(), pieces_.back().value);
      if (error != std::errc())
        throw StoreFault(ErrorCode::internal, "a '$' without a number: " + std::string(sql));
      values_.resize(std::max(values_.size(), pieces_.back().value), "NULL");
      at = static_cast<std::size_t>(end - sql.data());
    }
  }

  void set(int at, std::int64_t value) override {
    auto text = std::to_string(value);
    put(at, value < 0 ? "(" + text + ")" : text);
  }
  void set_real(int at, double value) override {
    char text[40];
    std::snprintf(text, sizeof text, "'%.17g'::float8", value);
    put(at, text);
  }
  void set_text(int at, const std::string& value) override { put(at, quoted(value)); }
  void set_bytes(int at, std::string_view value) override { put(at, hexed(value)); }
  void set_null(int at) override { put(at, "NULL"); }

  void run() override { session_.gather(text()); }
  std::int64_t run_counted() override { return session_.execute(text()).affected_rows(); }
  bool step() override {
    if (!ran_)
      rows_ = session_.execute(text());
    row_ = ran_ ? row_ + 1 : 0;
    ran_ = true;
    bytes_.clear();
    return row_ < rows_.size();
  }
  void reset() override {
    ran_ = false;
    rows_.clear();
    bytes_.clear();
  }

  bool is_null(int column) override { return rows_[row_][column].is_null(); }
  std::int64_t integer(int column) override {
    auto text = view(column);
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (!text.empty() && (error != std::errc() || end != text.data() + text.size()))
      throw StoreFault(ErrorCode::data_loss,
                       "'" + std::string(text.substr(0, 40)) + "' stands where a number should");
    return value;
  }
  double real(int column) override { return std::strtod(rows_[row_][column].c_str(), nullptr); }
  std::string_view text(int column) override { return view(column); }
  std::string_view bytes(int column) override {
    bytes_.resize(std::max<std::size_t>(bytes_.size(), rows_.columns()));
    auto& out = bytes_[static_cast<std::size_t>(column)];
    out = unhexed(view(column));
    return out;
  }

 private:
  struct Piece {
    std::string text;
    std::size_t value = 0;  // which follows; 0: none
  };

  void put(int at, std::string text) {
    values_.at(static_cast<std::size_t>(at) - 1) = std::move(text);
  }
  std::string_view view(int column) {
    const auto field = rows_[row_][column];
    return {field.c_str(), field.size()};
  }
  std::string text() const {
    std::string out;
    for (const auto& piece : pieces_) {
      out += piece.text;
      if (piece.value != 0)
        out += values_[piece.value - 1];
    }
    return out;
  }

  PostgresqlSession& session_;
  std::vector<Piece> pieces_;
  std::vector<std::string> values_;
  pqxx::result rows_;
  pqxx::result::size_type row_ = 0;
  bool ran_ = false;
  std::vector<std::string> bytes_;  // of columns of this row
};

/// `uri` with settings that it does not say itself.
std::string with_defaults(std::string uri, const PostgresqlLimits& limits) {
  auto add = [&](const std::string& name, const std::string& value) {
    auto query = uri.find('?');
    auto said = query == std::string::npos ? std::string::npos : uri.find(name + "=", query);
    if (said == std::string::npos)
      uri += (query == std::string::npos ? "?" : "&") + name + "=" + value;
  };
  add("connect_timeout", std::to_string(limits.connect.count()));
  add("tcp_user_timeout", std::to_string(limits.silence.count()));
  add("keepalives_idle", std::to_string(std::max<std::int64_t>(1, limits.silence.count() / 2000)));
  add("keepalives_interval", "1");
  add("keepalives_count", "3");
  add("client_encoding", "UTF8");
  add("application_name", "autotune");
  return uri;
}

Error error_of_state(const std::string& state, const std::string& message) {
  auto say = [&](ErrorCode code, const std::string& advice) {
    return Error{code, message + advice};
  };
  if (state == "53100")
    return say(ErrorCode::resource_exhausted, "; make room on the database server's disk");
  if (state == "53200")
    return say(ErrorCode::resource_exhausted, "");
  if (state.starts_with("54"))
    return say(ErrorCode::invalid_argument, "; one value is larger than a row may be");
  if (state.starts_with("XX00") && state != "XX000")
    return say(ErrorCode::data_loss, "; the database is damaged");
  if (state == "42501" || state == "3F000")
    return say(ErrorCode::failed_precondition,
               "; the database's owner lets this user in by: GRANT CREATE ON DATABASE ... TO ...");
  // Losses of the connection, locks, and whatever else another try may not meet.
  for (const char* passing : {"08", "53", "57", "40", "55", "25P"})
    if (state.starts_with(passing))
      return say(ErrorCode::unavailable, "");
  return say(ErrorCode::internal, "");
}

std::string in_one_line(std::string text) {
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  for (char& c : text)
    if (c == '\n' || c == '\t')
      c = ' ';
  return text;
}

}  // namespace

PostgresqlSession::PostgresqlSession(std::string uri, Role role, bool durable,
                                     PostgresqlLimits limits)
    : uri_(std::move(uri)), role_(role), durable_(durable), limits_(limits) {}

PostgresqlSession::~PostgresqlSession() { disconnect(); }

void PostgresqlSession::connect() {
  disconnect();
  connection_ = std::make_unique<pqxx::connection>(with_defaults(uri_, limits_));
  quiet_ = std::make_unique<pqxx::quiet_errorhandler>(*connection_);
  auto set = [this](const char* name, const std::string& value) {
    connection_->set_variable(name, value);
  };
  set("standard_conforming_strings", "on");
  set("bytea_output", "'hex'");
  set("extra_float_digits", "3");
  set("client_min_messages", "'warning'");
  set("search_path", "autotune");
  set("lock_timeout", std::to_string(limits_.lock.count()));
  set("idle_in_transaction_session_timeout",
      role_ == Role::writer ? std::to_string(limits_.idle_in_transaction.count()) : "0");
  if (role_ == Role::writer)
    set("synchronous_commit", durable_ ? "on" : "off");
  std::string encoding = connection_->get_variable("server_encoding");
  if (encoding != "UTF8")
    throw StoreFault(ErrorCode::failed_precondition,
                     "the database " + uri_ + " holds texts as " + encoding +
                         ": make one by CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0");
}

std::unique_ptr<SqlStatement> PostgresqlSession::prepare(std::string_view sql) {
  return std::make_unique<PostgresqlStatement>(*this, sql);
}

void PostgresqlSession::begin() {
  roll_back();
  if (!connection_ || !connection_->is_open())
    connect();
  if (role_ == Role::writer)
    transaction_ = std::make_unique<pqxx::work>(*connection_);
  else
    transaction_ =
        std::make_unique<pqxx::transaction<pqxx::repeatable_read, pqxx::read_only>>(*connection_);
}

pqxx::result PostgresqlSession::execute(const std::string& sql) {
  if (!transaction_)
    throw StoreFault(ErrorCode::internal, "a statement outside of a transaction");
  auto all = std::exchange(gathered_, "") + sql;
  return transaction_->exec(all);
}

void PostgresqlSession::gather(const std::string& sql) {
  gathered_ += sql + ";\n";
  if (gathered_.size() >= limits_.gathered_bytes_max)
    execute("");
}

void PostgresqlSession::commit() {
  if (!gathered_.empty())
    execute("");
  transaction_->commit();
  transaction_.reset();
}

void PostgresqlSession::roll_back() noexcept {
  gathered_.clear();
  transaction_.reset();  // libpqxx rolls back what was not committed
}

void PostgresqlSession::disconnect() noexcept {
  roll_back();
  quiet_.reset();
  connection_.reset();
}

Error postgresql_error(const std::exception& caught, const std::string& doing) {
  if (const auto* fault = dynamic_cast<const StoreFault*>(&caught))
    return fault->error;
  auto message = "cannot " + doing + ": " + in_one_line(caught.what());
  if (dynamic_cast<const pqxx::broken_connection*>(&caught) != nullptr ||
      dynamic_cast<const pqxx::in_doubt_error*>(&caught) != nullptr ||
      dynamic_cast<const pqxx::transaction_rollback*>(&caught) != nullptr)
    return {ErrorCode::unavailable, message};
  if (const auto* sql = dynamic_cast<const pqxx::sql_error*>(&caught))
    return error_of_state(sql->sqlstate(), message);
  return {ErrorCode::internal, message};
}

}  // namespace autotune
