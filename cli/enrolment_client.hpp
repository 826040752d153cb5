// The other side of cli/enrolment.hpp: how a node gets its first certificate, and each next one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/result.hpp"
#include "store/certificates.hpp"

namespace autotune::cli {

struct EnrolOptions {
  /// For all of it but the resolution of a name: connection, handshake, answer.
  std::chrono::milliseconds time_limit{15'000};
  /// Seconds since 1970; empty: the system's clock.
  std::function<std::int64_t()> now_s = {};
};

/// What a node has after it joined.
struct Enrolled {
  Identity identity;
  std::string control_address;  ///< HOST:PORT of the head; empty where the server does not say
};

/// Uses up the token. The key is made here and never leaves; the token is sent only to a server that shows a head's
/// certificate of the authority that the token names.
/// invalid_argument: the token, the name or the role; failed_precondition: another server, a refusal; unavailable: no
/// server answers there.
Result<Enrolled> enrol(std::string_view token, std::string_view name, NodeRole role,
                       const EnrolOptions& options = {});

/// A new key and certificate of the same name and role, for one that is still valid; `address` is that of the enrolment
/// listener. Errors as of `enrol`; failed_precondition also where the cluster's authority is another by now.
Result<Enrolled> renew(std::string_view address, const Identity& identity,
                       const EnrolOptions& options = {});

/// As `renew`, at the first of these addresses that gives one; the error is the last one's.
Result<Enrolled> renew_at_any(const std::vector<std::string>& addresses, const Identity& identity,
                              const EnrolOptions& options = {});

}  // namespace autotune::cli
