// Who is who in a cluster: keys, signing requests and certificates of nodes (store/authority.hpp gives them).
// All text is PEM, all keys are EC P-256, all times are seconds since 1970 and come from the caller.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "messages/result.hpp"

namespace autotune {

struct CertificateLimits {
  /// The authority's own; who still runs it then says `autotune node revoke`.
  std::chrono::hours authority_life{24 * 3652};
  /// A node's: CAF reads no list of revoked ones, so each is good for a day and is renewed meanwhile.
  std::chrono::hours node_life{24};
  /// Certificates begin that much in the past, for machines whose clocks are behind.
  std::chrono::minutes clock_skew{5};
  /// Of a common name, by X.520.
  std::size_t name_bytes_max = 64;
};

enum class NodeRole {
  head,    ///< serves; the only role that a joining node believes
  agent,   ///< runs trials
  client,  ///< asks: a command line on another machine
};

/// "head", "agent", "client".
std::string_view name_of(NodeRole role);
/// invalid_argument: none of the three.
Result<NodeRole> role_of(std::string_view word);
/// A name that may stand in a certificate: 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'. invalid_argument otherwise.
Result<void> check_node_name(std::string_view name);

/// What a certificate says.
struct CertificateFacts {
  std::string name;
  NodeRole role = NodeRole::client;
  std::int64_t not_before_s = 0;
  std::int64_t not_after_s = 0;
};

/// A private key, and the request that names it; the key stays where it was made.
struct KeyAndRequest {
  std::string key_pem;
  std::string request_pem;
};

/// All that a node needs to speak TLS with the others of its cluster.
struct Identity {
  std::string key_pem;
  std::string certificate_pem;
  std::string ca_pem;
};

/// A fresh key and a signing request for it; takes under a millisecond.
Result<KeyAndRequest> make_key_and_request(std::string_view name);

/// Lower-case hex of the SHA-256 of the certificate's DER: 64 characters. invalid_argument: no certificate.
Result<std::string> fingerprint(std::string_view certificate_pem);

/// invalid_argument: no certificate of a node.
Result<CertificateFacts> inspect(std::string_view certificate_pem);

/// Two thirds of its time have passed: ask for another.
bool renew_due(const CertificateFacts& certificate, std::int64_t now_s);

/// What the certificate says, if that authority has signed it and it is valid at that time.
/// failed_precondition: another authority's, expired, or not valid yet; invalid_argument: no certificate.
Result<CertificateFacts> verify_certificate(std::string_view certificate_pem,
                                            std::string_view ca_pem, std::int64_t now_s);

/// Writes `node.key` (key, certificate and authority: the whole identity at once), `node.pem` and `ca.pem` (copies) into
/// the folder, which becomes private.
Result<void> write_identity(const std::filesystem::path& folder, const Identity& identity);
/// From `node.key`. not_found: there is none; data_loss: it is none, or its parts do not belong together.
Result<Identity> read_identity(const std::filesystem::path& folder);

}  // namespace autotune
