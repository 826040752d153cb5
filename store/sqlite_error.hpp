// What an exception of SQLiteCpp means to a caller.
#pragma once

#include <exception>
#include <filesystem>
#include <string>

#include "messages/result.hpp"
#include "store/fault.hpp"

namespace autotune {

/// The error of a caught exception: `doing` says what was tried, as in "write to /home/a.sqlite".
Error store_error(const std::exception& caught, const std::string& doing);

/// As above for a bare result code of SQLite (extended or not).
Error sqlite_error(int code, const std::string& message, const std::string& doing);

}  // namespace autotune
