// How a function below actors says that it could not do what it was asked.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace autotune {

/// What the caller should do about an error.
enum class ErrorCode {
  invalid_argument = 1,     ///< mend the input
  not_found = 2,            ///< ask for something else
  already_exists = 3,       ///< take another name
  failed_precondition = 4,  ///< bring the system into another state first
  unavailable = 5,          ///< try again later
  resource_exhausted = 6,   ///< make room (disk, quota), then try again
  data_loss = 7,            ///< what was stored cannot be read
  internal = 8,             ///< report a bug
};

/// Why something failed, in words for a person: both parties named, what would have been valid.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::not_found, "...")`.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace autotune
