// How store/ says inside of itself that a read or a write makes no sense.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "messages/result.hpp"

namespace autotune {

/// Thrown inside of store/ alone; readers and writers turn it into its error.
struct StoreFault : std::exception {
  explicit StoreFault(Error what) : error(std::move(what)) {}
  StoreFault(ErrorCode code, std::string message) : error{code, std::move(message)} {}
  const char* what() const noexcept override { return error.message.c_str(); }
  Error error;
};

}  // namespace autotune
