#include "store/read_only_database.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <sqlite3.h>
#include <unistd.h>

#include "store/sqlite_error.hpp"

namespace autotune {
namespace {

namespace fs = std::filesystem;

constexpr int busy_timeout_ms = 5000;
constexpr int cache_kib = 16 * 1024;

std::unique_ptr<SQLite::Database> connect(const std::string& name, int flags) {
  // No locks of SQLite's own: a connection is used by one thread at a time.
  auto database =
      std::make_unique<SQLite::Database>(name, flags | SQLite::OPEN_NOMUTEX, busy_timeout_ms);
  // The first read: it opens the WAL, so what is wrong shows here.
  database->execAndGet("SELECT COUNT(*) FROM sqlite_master");
  database->exec("PRAGMA temp_store = MEMORY");
  database->exec("PRAGMA cache_size = -" + std::to_string(cache_kib));
  return database;
}

/// "file:///a%3fb?immutable=1".
std::string immutable_uri(const fs::path& path) {
  std::string uri = "file://";
  for (char c : fs::absolute(path).string()) {
    if (c == '%' || c == '?' || c == '#') {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02x", static_cast<unsigned char>(c));
      uri += escaped;
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

fs::path beside(fs::path path, const char* suffix) {
  path += suffix;
  return path;
}

bool has_wal(const fs::path& path) {
  std::error_code error;
  auto bytes = fs::file_size(beside(path, "-wal"), error);
  return !error && bytes > 0;
}

/// SQLite's codes for "the index of the WAL cannot be made here".
bool wants_another_way(const SQLite::Exception& e) {
  switch (e.getErrorCode()) {
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_FULL: return true;
    case SQLITE_IOERR:
      return e.getExtendedErrorCode() == SQLITE_IOERR_SHMSIZE ||
             e.getExtendedErrorCode() == SQLITE_IOERR_SHMOPEN ||
             e.getExtendedErrorCode() == SQLITE_IOERR_SHMMAP ||
             e.getExtendedErrorCode() == SQLITE_IOERR_WRITE;
    default: return false;
  }
}

fs::path make_folder() {
  auto name = (fs::temp_directory_path() / "autotune-read-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw StoreFault(
        ErrorCode::unavailable,
        "cannot make a folder in " + fs::temp_directory_path().string() + ": " + strerror(errno));
  return name;
}

}  // namespace

void ReadOnlyDatabase::RemoveFolder::operator()(const fs::path* folder) const {
  std::error_code ignored;
  fs::remove_all(*folder, ignored);
  delete folder;
}

Result<ReadOnlyDatabase> ReadOnlyDatabase::open(const fs::path& path) {
  if (::access(path.c_str(), R_OK) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return fail(ErrorCode::not_found, "there is no database " + path.string() +
                                            ": nothing has been run in this home yet");
    return fail(ErrorCode::failed_precondition,
                "cannot read " + path.string() + ": " + std::strerror(errno) +
                    "; it is another user's, so choose a home of your own by --home");
  }
  try {
    ReadOnlyDatabase out;
    try {
      out.database_ = connect(path.string(), SQLite::OPEN_READONLY);
      return out;
    } catch (const SQLite::Exception& e) {
      if (!wants_another_way(e))
        throw;
    }
    if (!has_wal(path)) {
      out.database_ = connect(immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI);
      return out;
    }
    out.copy_.reset(new fs::path(make_folder()));
    auto copy = *out.copy_ / "copy.sqlite";
    fs::copy_file(path, copy);
    fs::copy_file(beside(path, "-wal"), beside(copy, "-wal"));
    out.database_ = connect(copy.string(), SQLite::OPEN_READWRITE);
    return out;
  } catch (const std::exception& e) {
    return tl::unexpected(store_error(e, "read " + path.string()));
  }
}

}  // namespace autotune
