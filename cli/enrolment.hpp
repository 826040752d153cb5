// The door of a cluster: a small TLS listener that gives certificates to those who have a token, or one to renew.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "cli/tls_stream.hpp"
#include "messages/enrolment.pb.h"
#include "messages/result.hpp"
#include "store/certificates.hpp"

namespace autotune::cli {

/// Of messages/enrolment.proto. A newer node is refused with a word, an older one is answered.
constexpr std::uint32_t enrolment_version = 1;

/// Why a stranger costs little: of at most `connections_max` at a time each has a frame and OpenSSL's buffers, well
/// under 1 MB, for at most `connection_time`.
struct EnrolmentLimits {
  /// A cluster joins within minutes even so: an enrolment takes milliseconds. Who comes when all are taken is hung up on.
  std::size_t connections_max = 16;
  /// A request holds a signing request and a name, a kilobyte together.
  std::uint32_t frame_bytes_max = 64 * 1024;
  /// From accept to the last byte, however slowly a peer sends.
  std::chrono::milliseconds connection_time{10'000};
  /// A refusal waits that long, while it occupies its connection: at most 16 guesses a second.
  std::chrono::milliseconds refusal_delay{1000};
  /// Of the certificates that it gives.
  std::chrono::seconds certificate_life = CertificateLimits{}.node_life;
  /// Of those of command lines, which renew theirs when they are used: once a week is enough.
  std::chrono::seconds client_life = std::chrono::hours(24 * 8);
};

struct EnrolmentOptions {
  std::filesystem::path home;
  std::string host = "127.0.0.1";  ///< to listen on; "0.0.0.0" and "::" for all
  std::uint16_t port = 7422;       ///< 0: one that is free
  std::string control_address;     ///< HOST:PORT that those who joined are told
  EnrolmentLimits limits = {};
  /// Seconds since 1970; empty: the system's clock.
  std::function<std::int64_t()> now_s = {};
};

/// What the listener answers: the whole decision, without a connection. `peer_pem` is the certificate whose key the peer
/// has proved to hold; "" where it showed none.
///
/// With a token: `check_token`, then a certificate for the name and role that were asked for, then `take_token`, so that
/// a misspelt name does not use it up. Without: the peer's own name and role again, while its certificate is valid.
/// No one becomes a head by it. failed_precondition, invalid_argument: for the peer to know; other codes are about this
/// server and for its log.
Result<pb::EnrolmentResponse> answer_enrolment(const EnrolmentOptions& options,
                                               const pb::EnrolmentRequest& request,
                                               const std::string& peer_pem, std::int64_t now_s);

/// Listens until it is destroyed. Its own certificate renews itself and follows a new authority of the home. Logs
/// "enrolled", "certificate-renewed" and "enrolment-refused", with the peer's address and never with a token.
class Enrolment {
 public:
  /// unavailable: the address cannot be listened on; else as `Authority::open`.
  static Result<std::unique_ptr<Enrolment>> listen(EnrolmentOptions options);
  ~Enrolment();
  Enrolment(const Enrolment&) = delete;
  Enrolment& operator=(const Enrolment&) = delete;

  /// The port that it listens on.
  std::uint16_t port() const { return port_; }

 private:
  struct Connection;
  Enrolment(EnrolmentOptions options, Descriptor listener, std::uint16_t port);
  /// Makes the context anew where its certificate is due, or the home's authority is another.
  Result<void> refresh_context();
  void serve();
  void accept_one(std::list<Connection>& connections);
  void talk(TlsStream& stream, const std::string& peer) const;
  pb::EnrolmentResponse refused(const Error& error, const std::string& name,
                                const std::string& peer) const;

  EnrolmentOptions options_;
  Descriptor listener_;
  std::uint16_t port_;
  Descriptor wake_read_;
  Descriptor wake_write_;
  TlsContext context_;
  std::string context_ca_;
  CertificateFacts context_facts_;
  std::thread thread_;
};

}  // namespace autotune::cli
