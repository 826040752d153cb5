#include "actors/transport.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>

namespace autotune {

namespace {

Result<void> check_tls(caf::actor_system& system) {
  if (system.has_openssl_manager() && system.openssl_manager().authentication_enabled())
    return {};
  return fail(ErrorCode::failed_precondition,
              "TLS is not in force in this actor system: call configure_transport before it is "
              "made; without it anybody could run commands as this user");
}

/// Whether a TCP connection comes about in time. CAF's own attempt has no limit that is ours, and holds up others.
Result<void> probe(const std::string& host, std::uint16_t port, std::chrono::milliseconds limit) {
  auto where = host + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
      code != 0)
    return fail(ErrorCode::unavailable, where + ": " + ::gai_strerror(code));
  std::string why = "no address";
  bool connected = false;
  for (auto* one = found; one != nullptr && !connected; one = one->ai_next) {
    int fd = ::socket(one->ai_family, one->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
      continue;
    int error = ::connect(fd, one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      pollfd watched{fd, POLLOUT, 0};
      socklen_t size = sizeof error;
      if (::poll(&watched, 1, static_cast<int>(limit.count())) == 1)
        ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
      else
        error = ETIMEDOUT;
    }
    connected = error == 0;
    why = std::strerror(error);
    ::close(fd);
  }
  ::freeaddrinfo(found);
  if (!connected)
    return fail(ErrorCode::unavailable, "no server answers at " + where + ": " + why);
  return {};
}

template <class Handle>
Result<Handle> connect(caf::actor_system& system, const std::string& host, std::uint16_t port,
                       const TransportLimits& limits) {
  if (auto safe = check_tls(system); !safe)
    return tl::unexpected(safe.error());
  if (auto there = probe(host, port, limits.connect); !there)
    return tl::unexpected(there.error());
  auto control = caf::openssl::remote_actor<Handle>(system, host, port);
  if (!control)
    return fail(ErrorCode::unavailable,
                host + ":" + std::to_string(port) + " does not accept us (" +
                    caf::to_string(control.error()) +
                    "): it is no AutoTune server, or of another cluster than our certificate");
  return *std::move(control);
}

}  // namespace

void configure_transport(caf::actor_system_config& config, const TransportIdentity& identity,
                         const TransportLimits& limits) {
  caf::openssl::manager::init_global_meta_objects();
  caf::io::middleman::init_global_meta_objects();
  // Modules first: only then are these keys known, and TLS is not silently left out.
  config.load<caf::io::middleman>();
  config.load<caf::openssl::manager>();
  config.set("caf.openssl.certificate", identity.certificate.string());
  config.set("caf.openssl.key", identity.key.string());
  config.set("caf.openssl.cafile", identity.authority.string());
  config.set("caf.middleman.enable-automatic-connections", false);
  config.set("caf.middleman.heartbeat-interval", caf::timespan(limits.heartbeat));
  config.set("caf.middleman.connection-timeout", caf::timespan(limits.silence));
}

Result<std::uint16_t> publish_control(caf::actor_system& system, const ControlActor& control,
                                      const std::string& host, std::uint16_t port) {
  if (auto safe = check_tls(system); !safe)
    return tl::unexpected(safe.error());
  auto published = caf::openssl::publish(control, port, host.c_str(), true);
  if (!published)
    return fail(ErrorCode::unavailable, "cannot listen on " + host + ":" + std::to_string(port) +
                                            ": " + caf::to_string(published.error()) +
                                            "; is another server there?");
  return *published;
}

Result<ControlEndpoint> connect_control(caf::actor_system& system, const std::string& host,
                                        std::uint16_t port, const TransportLimits& limits) {
  return connect<ControlEndpoint>(system, host, port, limits);
}

Result<ControlService> connect_control_service(caf::actor_system& system, const std::string& host,
                                               std::uint16_t port, const TransportLimits& limits) {
  return connect<ControlService>(system, host, port, limits);
}

}  // namespace autotune
