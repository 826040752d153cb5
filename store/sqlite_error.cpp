#include "store/sqlite_error.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

namespace autotune {
namespace {

/// A failed read of the medium is a loss; any other failed operation is one of writing, for want of room.
bool is_failed_read(int extended) {
  return extended == SQLITE_IOERR_READ || extended == SQLITE_IOERR_SHORT_READ ||
         extended == SQLITE_IOERR_CORRUPTFS || extended == SQLITE_IOERR_DATA ||
         extended == SQLITE_IOERR_FSTAT;
}

}  // namespace

Error sqlite_error(int code, const std::string& message, const std::string& doing) {
  auto say = [&](ErrorCode what, const std::string& advice) {
    return Error{what, "cannot " + doing + ": " + message + advice};
  };
  switch (code & 0xff) {
    case SQLITE_FULL:
      return say(ErrorCode::resource_exhausted, "; make room on that disk, then try again");
    case SQLITE_IOERR:
      if (is_failed_read(code))
        return say(ErrorCode::data_loss, "; the disk does not give back what was stored");
      return say(ErrorCode::resource_exhausted, "; make room on that disk, then try again");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return say(ErrorCode::data_loss,
                 "; the file is damaged or none of ours: move it away, or put a backup "
                 "(*.backup-*) in its place");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return say(ErrorCode::unavailable, "; another process holds it, try again");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return say(ErrorCode::unavailable, "; check the folder's permissions");
    case SQLITE_TOOBIG:  // no room will ever be enough: it must not hold up what comes behind it
      return say(ErrorCode::invalid_argument, "; one value is larger than a row may be");
    case SQLITE_NOMEM: return say(ErrorCode::resource_exhausted, "");
    default: return say(ErrorCode::internal, "");
  }
}

Error store_error(const std::exception& caught, const std::string& doing) {
  if (const auto* fault = dynamic_cast<const StoreFault*>(&caught))
    return fault->error;
  if (const auto* sqlite = dynamic_cast<const SQLite::Exception*>(&caught)) {
    auto code = sqlite->getExtendedErrorCode();
    if (code <= 0)
      code = sqlite->getErrorCode();
    return sqlite_error(code, sqlite->what(), doing);
  }
  return {ErrorCode::internal, "cannot " + doing + ": " + caught.what()};
}

}  // namespace autotune
