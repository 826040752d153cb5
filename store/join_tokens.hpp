// Tokens by which a machine joins a cluster: each is good once, for a while, and says whom to believe.
//
// A token is "at1_" and base64url of: the SHA-256 fingerprint of the cluster's authority (32 bytes), a secret (20 random
// bytes), the enrolment address, and the first four bytes of the SHA-256 of all that, by which a token that was copied
// in part is told from a wrong one. The home keeps `<home>/tokens/HASH`, HASH being the SHA-256 of the secret in hex,
// with the time at which it ends; who reads the home cannot make a token from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "messages/result.hpp"

namespace autotune {

struct TokenLimits {
  /// 160 bits: no number of guesses at one a second finds one.
  std::size_t secret_bytes = 20;
  /// "HOST:PORT": a host name has at most 253 characters.
  std::size_t address_bytes_max = 260;
  /// A token that lies about for longer is a password.
  std::chrono::hours life_max{24 * 30};
  /// How long the home remembers an expired one, to say that it has expired rather than that it is unknown.
  std::chrono::hours expired_kept{24};
  /// Of those that are not used yet; a script that makes them in a loop has a bug.
  std::size_t tokens_max = 1000;
};

/// What a token says.
struct JoinToken {
  std::string enrol_address;   ///< HOST:PORT, of the listener that takes it
  std::string ca_fingerprint;  ///< 64 lower-case hex digits
  std::string secret;          ///< bytes
};

/// An address taken apart.
struct HostPort {
  std::string host;  ///< without the brackets of an IPv6 address
  std::uint16_t port = 0;
};

/// "node-1:7422", "10.0.0.1:7422", "[::1]:7422". invalid_argument otherwise, and for port 0.
Result<HostPort> parse_host_port(std::string_view text);

/// A new token, remembered in the home until `expires_at_s`. invalid_argument: the address, the fingerprint, or a time
/// that has passed or is more than 30 days ahead; resource_exhausted: too many are unused, or the disk is full.
Result<std::string> make_token(const std::filesystem::path& home, const std::string& enrol_address,
                               const std::string& ca_fingerprint, std::int64_t expires_at_s,
                               std::int64_t now_s);

/// invalid_argument: it is no token, is of a newer version, or was not copied as a whole.
Result<JoinToken> read_token(std::string_view text);

/// Whether `take_token` would take it now; leaves it as it is.
Result<void> check_token(const std::filesystem::path& home, std::string_view secret,
                         std::int64_t now_s);

/// Uses it up. Of several that try at once, in one process or several, one succeeds.
/// failed_precondition: it has expired, was used, or is none of this home's.
Result<void> take_token(const std::filesystem::path& home, std::string_view secret,
                        std::int64_t now_s);

/// Forgets tokens that expired a day ago and more; how many. `make_token` does it too.
Result<std::size_t> sweep_tokens(const std::filesystem::path& home, std::int64_t now_s);

}  // namespace autotune
