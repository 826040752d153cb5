// One TLS 1.3 connection with a time limit, that carries protobuf messages in frames.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/message_lite.h>
#include <openssl/ssl.h>

#include "messages/result.hpp"
#include "store/certificates.hpp"
#include "store/openssl.hpp"

namespace autotune::cli {

using TlsContext = std::unique_ptr<SSL_CTX, openssl::Releaser<SSL_CTX_free>>;

enum class TlsSide { server, client };

/// TLS 1.3 alone, without resumption, so that each connection shows its certificate anew. A server asks its peer for a
/// certificate and takes none for an answer. It believes nobody: who uses it must look at `peer_chain` after the
/// handshake, which proves only that the peer has the key of the first certificate. `identity` null: without one.
Result<TlsContext> make_tls_context(TlsSide side, const Identity* identity);

/// A file descriptor with an owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_;
};

/// A stream is for one thread. A frame is four bytes of length (little-endian), then a message.
class TlsStream {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// `socket` must not block. All that is done on the stream ends at the deadline, or when `wake` (-1: none) becomes
  /// readable or is hung up.
  TlsStream(SSL_CTX* context, TlsSide side, Descriptor socket, Deadline deadline, int wake = -1);

  // All errors are unavailable, and say what happened: "it closed the connection", "it took too long", ...
  Result<void> handshake();
  Result<void> send(const google::protobuf::MessageLite& message);
  /// Also where the frame is longer than `bytes_max`, before room for it is made, or holds another message.
  Result<void> receive(google::protobuf::MessageLite& message, std::uint32_t bytes_max);
  /// Says that nothing more will come.
  void finish();

  /// What the peer showed, its own certificate first, in PEM; empty where it has none.
  std::vector<std::string> peer_chain() const;

 private:
  template <class Step>
  Result<void> repeat(const Step& step);
  Result<void> wait_for(short events);
  Result<void> write_all(const std::string& bytes);
  Result<void> read_all(char* data, std::size_t size);

  Descriptor socket_;
  Deadline deadline_;
  int wake_;
  std::unique_ptr<SSL, openssl::Releaser<SSL_free>> ssl_;
};

/// A socket, not blocking, connected to the first of the host's addresses that answers. Resolving a name takes as long
/// as the system's resolver does. unavailable: none answers by the deadline.
Result<Descriptor> connect_tcp(const std::string& host, std::uint16_t port,
                               TlsStream::Deadline deadline);

}  // namespace autotune::cli
