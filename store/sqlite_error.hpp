// What an exception of SQLiteCpp means to a caller.
#pragma once

#include <exception>
#include <filesystem>
#include <string>

#include "messages/result.hpp"

namespace autotune {

/// Thrown inside of store/ where a write makes no sense; `commit` turns it into its error.
struct StoreFault : std::exception {
  explicit StoreFault(ErrorCode code, std::string message) : error{code, std::move(message)} {}
  const char* what() const noexcept override { return error.message.c_str(); }
  Error error;
};

/// The error of a caught exception: `doing` says what was tried, as in "write to /home/a.sqlite".
Error store_error(const std::exception& caught, const std::string& doing);

/// As above for a bare result code of SQLite (extended or not).
Error sqlite_error(int code, const std::string& message, const std::string& doing);

}  // namespace autotune
