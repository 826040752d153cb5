#include "cli/enrolment.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/log.hpp"
#include "store/authority.hpp"
#include "store/join_tokens.hpp"

namespace autotune::cli {

namespace {

std::int64_t now_of(const EnrolmentOptions& options) {
  if (options.now_s)
    return options.now_s();
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The role that a request may have: a head's certificate is made on its own machine.
Result<NodeRole> role_in(const pb::EnrolmentRequest& request) {
  auto role = role_of(request.role());
  if (role && *role == NodeRole::head)
    return fail(ErrorCode::failed_precondition,
                "no node becomes a head by enrolment; what may join: agent, client");
  return role;
}

Result<pb::EnrolmentResponse> signed_answer(const EnrolmentOptions& options,
                                            const Authority& authority,
                                            const pb::EnrolmentRequest& request, NodeRole role,
                                            std::int64_t now_s) {
  auto life =
      role == NodeRole::client ? options.limits.client_life : options.limits.certificate_life;
  auto certificate = authority.issue(request.request_pem(), request.name(), role, now_s, life);
  if (!certificate)
    return tl::unexpected(certificate.error());
  pb::EnrolmentResponse response;
  response.set_version(enrolment_version);
  response.set_certificate_pem(*certificate);
  response.set_ca_pem(authority.certificate_pem());
  response.set_control_address(options.control_address);
  return response;
}

Result<pb::EnrolmentResponse> admit(const EnrolmentOptions& options,
                                    const pb::EnrolmentRequest& request, std::int64_t now_s) {
  if (auto good = check_token(options.home, request.token_secret(), now_s); !good)
    return tl::unexpected(good.error());
  auto role = role_in(request);
  if (!role)
    return tl::unexpected(role.error());
  auto authority = Authority::open(options.home, now_s);
  if (!authority)
    return tl::unexpected(authority.error());
  auto response = signed_answer(options, *authority, request, *role, now_s);
  if (!response)
    return response;
  if (auto taken = take_token(options.home, request.token_secret(), now_s); !taken)
    return tl::unexpected(taken.error());
  return response;
}

Result<pb::EnrolmentResponse> prolong(const EnrolmentOptions& options,
                                      const pb::EnrolmentRequest& request,
                                      const std::string& peer_pem, std::int64_t now_s) {
  if (peer_pem.empty())
    return fail(ErrorCode::failed_precondition,
                "a token is missing: `autotune token create` on the server's machine makes one");
  auto authority = Authority::open(options.home, now_s);
  if (!authority)
    return tl::unexpected(authority.error());
  auto facts = verify_certificate(peer_pem, authority->certificate_pem(), now_s);
  if (!facts)
    return tl::unexpected(facts.error());
  auto role = role_in(request);
  if (!role)
    return tl::unexpected(role.error());
  if (facts->name != request.name() || facts->role != *role)
    return fail(ErrorCode::failed_precondition,
                "the certificate of " + std::string(name_of(facts->role)) + " '" + facts->name +
                    "' can be renewed for that name and role alone; another needs a token");
  return signed_answer(options, *authority, request, *role, now_s);
}

/// What a stranger sent may stand in the log where it is a name.
std::string loggable(const std::string& name) { return check_node_name(name) ? name : "?"; }

/// "10.0.0.7:40312".
std::string text_of(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                    port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "?";
  return std::string(host.data()) + ":" + port.data();
}

Result<Descriptor> listen_on(const std::string& host, std::uint16_t port, std::uint16_t& bound) {
  auto place = host + " port " + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
      failed != 0)
    return fail(ErrorCode::unavailable,
                "cannot take enrolments at " + place + ": " + ::gai_strerror(failed));
  std::unique_ptr<addrinfo, openssl::Releaser<::freeaddrinfo>> addresses(found);
  Descriptor fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int yes = 1;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (fd.get() < 0 || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd.get(), 64) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return fail(ErrorCode::unavailable, "cannot take enrolments at " + place + ": " +
                                            std::strerror(errno) +
                                            "; choose another by --enroll HOST:PORT");
  bound =
      ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                          : reinterpret_cast<const sockaddr_in&>(address).sin_port);
  return fd;
}

}  // namespace

Result<pb::EnrolmentResponse> answer_enrolment(const EnrolmentOptions& options,
                                               const pb::EnrolmentRequest& request,
                                               const std::string& peer_pem, std::int64_t now_s) {
  if (request.version() > enrolment_version)
    return fail(ErrorCode::failed_precondition,
                "the server is older than this node: update it, or use its version here");
  return request.token_secret().empty() ? prolong(options, request, peer_pem, now_s)
                                        : admit(options, request, now_s);
}

struct Enrolment::Connection {
  std::thread thread;
  std::shared_ptr<std::atomic<bool>> done = std::make_shared<std::atomic<bool>>(false);
};

Result<std::unique_ptr<Enrolment>> Enrolment::listen(EnrolmentOptions options) {
  std::uint16_t port = 0;
  auto listener = listen_on(options.host, options.port, port);
  if (!listener)
    return tl::unexpected(listener.error());
  std::unique_ptr<Enrolment> made(new Enrolment(std::move(options), std::move(*listener), port));
  std::array<int, 2> wake{-1, -1};
  if (::pipe2(wake.data(), O_CLOEXEC) != 0)
    return fail(ErrorCode::resource_exhausted,
                std::string("cannot take enrolments: ") + std::strerror(errno));
  made->wake_read_ = Descriptor(wake[0]);
  made->wake_write_ = Descriptor(wake[1]);
  if (auto fresh = made->refresh_context(); !fresh)
    return tl::unexpected(fresh.error());
  made->thread_ = std::thread([self = made.get()] { self->serve(); });
  return made;
}

Enrolment::Enrolment(EnrolmentOptions options, Descriptor listener, std::uint16_t port)
    : options_(std::move(options)), listener_(std::move(listener)), port_(port) {}

Enrolment::~Enrolment() {
  wake_write_.reset();  // whoever polls sees that the pipe is hung up
  if (thread_.joinable())
    thread_.join();
}

Result<void> Enrolment::refresh_context() {
  auto now_s = now_of(options_);
  auto authority = Authority::open(options_.home, now_s);
  if (!authority)
    return tl::unexpected(authority.error());
  if (context_ != nullptr && context_ca_ == authority->fingerprint() &&
      !renew_due(context_facts_, now_s))
    return {};
  auto identity = authority->make_identity("head", NodeRole::head, now_s);
  if (!identity)
    return tl::unexpected(identity.error());
  auto facts = inspect(identity->certificate_pem);
  auto context = make_tls_context(TlsSide::server, &*identity);
  if (!facts || !context)
    return tl::unexpected(facts ? context.error() : facts.error());
  context_ = std::move(*context);
  context_ca_ = authority->fingerprint();
  context_facts_ = *facts;
  return {};
}

void Enrolment::serve() {
  std::list<Connection> connections;
  constexpr int retry_ms = 100;
  bool out_of_descriptors = false;
  while (true) {
    // Without a descriptor for it a connection stays in the queue, and would be told again at once.
    std::array<pollfd, 2> watched{
        {{wake_read_.get(), POLLIN, 0}, {out_of_descriptors ? -1 : listener_.get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), out_of_descriptors ? retry_ms : -1) < 0 &&
        errno != EINTR)
      break;
    if (watched[0].revents != 0)
      break;
    for (auto it = connections.begin(); it != connections.end();) {
      if (!it->done->load()) {
        ++it;
        continue;
      }
      it->thread.join();
      it = connections.erase(it);
    }
    errno = 0;
    accept_one(connections);
    out_of_descriptors = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
  }
  for (auto& connection : connections)
    connection.thread.join();
}

void Enrolment::accept_one(std::list<Connection>& connections) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  Descriptor fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size,
                          SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.get() < 0)
    return;
  auto peer = text_of(address, size);
  if (connections.size() >= options_.limits.connections_max) {
    log::debug("enrolment-busy", "peer={}", peer);
    return;
  }
  if (auto fresh = refresh_context(); !fresh) {
    log::error("enrolment-impossible", "peer={} reason={}", peer, fresh.error().message);
    return;
  }
  auto deadline = std::chrono::steady_clock::now() + options_.limits.connection_time;
  auto stream = std::make_shared<TlsStream>(context_.get(), TlsSide::server, std::move(fd),
                                            deadline, wake_read_.get());
  auto& connection = connections.emplace_back();
  connection.thread =
      std::thread([this, stream = std::move(stream), peer, done = connection.done]() mutable {
        talk(*stream, peer);
        stream.reset();  // the peer sees the end now, not when the thread is joined
        done->store(true);
      });
}

void Enrolment::talk(TlsStream& stream, const std::string& peer) const {
  pb::EnrolmentRequest request;
  auto heard = stream.handshake();
  if (heard)
    heard = stream.receive(request, options_.limits.frame_bytes_max);
  if (!heard) {
    log::debug("enrolment-broken", "peer={} reason={}", peer, heard.error().message);
    return;
  }
  auto chain = stream.peer_chain();
  auto answer =
      answer_enrolment(options_, request, chain.empty() ? "" : chain.front(), now_of(options_));
  if (answer)
    log::info(request.token_secret().empty() ? "certificate-renewed" : "enrolled",
              "peer={} name={} role={}", peer, request.name(), request.role());
  else
    answer = refused(answer.error(), loggable(request.name()), peer);
  if (stream.send(*answer))
    stream.finish();
}

/// Logs why, waits, and says what a stranger may know: nothing of this server's own troubles.
pb::EnrolmentResponse Enrolment::refused(const Error& error, const std::string& name,
                                         const std::string& peer) const {
  log::warn("enrolment-refused", "peer={} name={} reason={}", peer, name, error.message);
  bool theirs =
      error.code == ErrorCode::failed_precondition || error.code == ErrorCode::invalid_argument;
  pb::EnrolmentResponse response;
  response.set_version(enrolment_version);
  response.set_error_code(static_cast<std::int32_t>(error.code));
  response.set_error(theirs ? error.message : "it cannot give certificates now; its log says why");
  pollfd watched{wake_read_.get(), POLLIN, 0};
  ::poll(&watched, 1, static_cast<int>(options_.limits.refusal_delay.count()));
  return response;
}

}  // namespace autotune::cli
