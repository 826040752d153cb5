#include "cli/tls_stream.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace autotune::cli {

namespace {

/// A chain of ours has two certificates of half a kilobyte.
constexpr long chain_bytes_max = 16 * 1024;

tl::unexpected<Error> lost(std::string why) { return fail(ErrorCode::unavailable, std::move(why)); }

// OpenSSL's own BIO of a socket writes by write(), and a peer that is gone would end the process by SIGPIPE.

int fd_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool again() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int write_socket(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  auto n = ::send(fd_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && again())
    BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int read_socket(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  auto n = ::recv(fd_of(bio), data, static_cast<std::size_t>(size), 0);
  if (n < 0 && again())
    BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

long control_socket(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO* bio_of(int fd) {
  static const BIO_METHOD* method = [] {
    auto* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "autotune socket");
    BIO_meth_set_write(made, write_socket);
    BIO_meth_set_read(made, read_socket);
    BIO_meth_set_ctrl(made, control_socket);
    return made;
  }();
  auto* bio = BIO_new(method);
  if (bio == nullptr)
    return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  BIO_set_init(bio, 1);
  return bio;
}

/// Who uses a context verifies for itself, with a clock of its own and words for a person.
int believe_for_now(X509_STORE_CTX*, void*) { return 1; }

bool show(SSL_CTX* context, const Identity& identity) {
  auto key = openssl::read_key(identity.key_pem);
  auto certificate = openssl::read_certificate(identity.certificate_pem);
  auto ca = openssl::read_certificate(identity.ca_pem);
  return key != nullptr && certificate != nullptr && ca != nullptr &&
         SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
         SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1 && SSL_CTX_add1_chain_cert(context, ca.get()) == 1;
}

}  // namespace

Result<TlsContext> make_tls_context(TlsSide side, const Identity* identity) {
  TlsContext context(
      SSL_CTX_new(side == TlsSide::server ? TLS_server_method() : TLS_client_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_num_tickets(context.get(), 0) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::internal, "OpenSSL cannot speak TLS 1.3");
  }
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context.get(), chain_bytes_max);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context.get(), believe_for_now, nullptr);
  if (identity != nullptr && !show(context.get(), *identity)) {
    ERR_clear_error();
    return fail(ErrorCode::data_loss,
                "a key does not fit its certificate: join again with a new token");
  }
  return context;
}

void Descriptor::reset() {
  if (fd_ >= 0)
    ::close(fd_);
  fd_ = -1;
}

TlsStream::TlsStream(SSL_CTX* context, TlsSide side, Descriptor socket, Deadline deadline, int wake)
    : socket_(std::move(socket)), deadline_(deadline), wake_(wake), ssl_(SSL_new(context)) {
  auto* bio = bio_of(socket_.get());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free_all(bio);
    ssl_.reset();
    return;
  }
  SSL_set_bio(ssl_.get(), bio, bio);
  if (side == TlsSide::server)
    SSL_set_accept_state(ssl_.get());
  else
    SSL_set_connect_state(ssl_.get());
}

Result<void> TlsStream::wait_for(short events) {
  while (true) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return lost("it took too long");
    std::array<pollfd, 2> watched{{{socket_.get(), events, 0}, {wake_, POLLIN, 0}}};
    int n = ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
    if (n < 0 && errno != EINTR)
      return lost(std::strerror(errno));
    if (n > 0 && watched[1].revents != 0)
      return lost("this end is shutting down");
    if (n > 0)
      return {};
  }
}

/// Until the step, one of OpenSSL's that give 1, is done.
template <class Step>
Result<void> TlsStream::repeat(const Step& step) {
  if (ssl_ == nullptr)
    return lost("there is no memory for a connection");
  while (true) {
    // A peer that sends byte after byte would never be waited for.
    if (std::chrono::steady_clock::now() >= deadline_)
      return lost("it took too long");
    ERR_clear_error();
    errno = 0;
    int n = step(ssl_.get());
    if (n == 1)
      return {};
    int error = errno;
    Result<void> waited;
    switch (SSL_get_error(ssl_.get(), n)) {
      case SSL_ERROR_WANT_READ: waited = wait_for(POLLIN); break;
      case SSL_ERROR_WANT_WRITE: waited = wait_for(POLLOUT); break;
      case SSL_ERROR_SSL: {
        const char* reason = ERR_reason_error_string(ERR_peek_error());
        waited = lost(ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
                          ? "it closed the connection"
                          : std::string("TLS failed: ") + (reason == nullptr ? "?" : reason));
        ERR_clear_error();
        break;
      }
      default: waited = lost(error == 0 ? "it closed the connection" : std::strerror(error));
    }
    if (!waited)
      return waited;
  }
}

Result<void> TlsStream::handshake() {
  return repeat([](SSL* ssl) { return SSL_do_handshake(ssl); });
}

Result<void> TlsStream::write_all(const std::string& bytes) {
  std::size_t written = 0;
  return repeat([&](SSL* ssl) { return SSL_write_ex(ssl, bytes.data(), bytes.size(), &written); });
}

Result<void> TlsStream::read_all(char* data, std::size_t size) {
  while (size > 0) {
    std::size_t n = 0;
    if (auto read = repeat([&](SSL* ssl) { return SSL_read_ex(ssl, data, size, &n); }); !read)
      return read;
    data += n;
    size -= n;
  }
  return {};
}

Result<void> TlsStream::send(const google::protobuf::MessageLite& message) {
  auto body = message.SerializeAsString();
  auto size = static_cast<std::uint32_t>(body.size());
  std::string frame{static_cast<char>(size), static_cast<char>(size >> 8),
                    static_cast<char>(size >> 16), static_cast<char>(size >> 24)};
  return write_all(frame + body);
}

Result<void> TlsStream::receive(google::protobuf::MessageLite& message, std::uint32_t bytes_max) {
  std::array<char, 4> head{};
  if (auto read = read_all(head.data(), head.size()); !read)
    return read;
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < head.size(); ++i)
    size |= static_cast<std::uint32_t>(static_cast<unsigned char>(head[i])) << (8 * i);
  if (size > bytes_max)
    return lost("it sent a frame of " + std::to_string(size) + " bytes, of at most " +
                std::to_string(bytes_max));
  std::string body(size, '\0');
  if (auto read = read_all(body.data(), body.size()); !read)
    return read;
  if (!message.ParseFromString(body))
    return lost("it sent something else than a message");
  return {};
}

void TlsStream::finish() {
  if (ssl_ != nullptr)
    SSL_shutdown(ssl_.get());
  ERR_clear_error();
  ::shutdown(socket_.get(), SHUT_WR);
}

std::vector<std::string> TlsStream::peer_chain() const {
  std::vector<std::string> chain;
  openssl::Certificate own(ssl_ == nullptr ? nullptr : SSL_get1_peer_certificate(ssl_.get()));
  if (own == nullptr)
    return chain;
  chain.push_back(openssl::pem_of(own.get()));
  // A client's list begins with the peer's own, a server's behind it.
  auto* shown = SSL_get_peer_cert_chain(ssl_.get());
  for (int i = 0; i < (shown == nullptr ? 0 : sk_X509_num(shown)); ++i)
    if (auto* one = sk_X509_value(shown, i); X509_cmp(one, own.get()) != 0)
      chain.push_back(openssl::pem_of(one));
  return chain;
}

Result<Descriptor> connect_tcp(const std::string& host, std::uint16_t port,
                               TlsStream::Deadline deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0)
    return lost("the host '" + host + "' is not found: " + ::gai_strerror(failed));
  std::unique_ptr<addrinfo, openssl::Releaser<::freeaddrinfo>> addresses(found);
  std::string why = "it has no address";
  for (auto* one = found; one != nullptr; one = one->ai_next) {
    Descriptor fd(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() >= 0 && ::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0)
      return fd;
    if (fd.get() < 0 || errno != EINPROGRESS) {
      why = std::strerror(errno);
      continue;
    }
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd watched{fd.get(), POLLOUT, 0};
    int ready = left.count() <= 0 ? 0 : ::poll(&watched, 1, static_cast<int>(left.count()));
    int error = 0;
    socklen_t size = sizeof error;
    if (ready == 1 && ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
        error == 0)
      return fd;
    why = ready == 1 ? std::strerror(error) : "it does not answer";
  }
  return lost(why);
}

}  // namespace autotune::cli
