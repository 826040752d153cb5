#include "launchers/ports.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <cstring>
#include <random>

namespace autotune {

namespace {

// Below the kernel's own range (32768 on), above what services are known by.
constexpr std::uint16_t lowest = 20000;
constexpr std::uint16_t highest = 32700;

/// A name in the abstract namespace is gone with its socket: no stale locks.
FileDescriptor lock_port(std::uint16_t port) {
  FileDescriptor lock(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!lock)
    return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto length =
      std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "autotune-port-%u", port);
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                     static_cast<std::size_t>(length));
  if (::bind(lock.value(), reinterpret_cast<sockaddr*>(&address), size) != 0)
    return {};
  return lock;
}

/// Binding without SO_REUSEADDR fails where anything listens, or a connection still lingers.
bool is_free(std::uint16_t port, in_addr_t host) {
  FileDescriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(host);
  return probe && ::bind(probe.value(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Result<PortReservation> PortReservation::take(std::size_t count) {
  PortReservation taken;
  if (count == 0)
    return taken;
  static thread_local std::minstd_rand random(std::random_device{}());
  constexpr unsigned span = highest - lowest + 1;
  auto at = random() % span;
  for (unsigned tried = 0; tried < span && taken.ports_.size() < count; ++tried) {
    auto port = static_cast<std::uint16_t>(lowest + (at + tried) % span);
    auto lock = lock_port(port);
    if (!lock || !is_free(port, INADDR_ANY))
      continue;
    taken.ports_.push_back(port);
    taken.locks_.push_back(std::move(lock));
  }
  if (taken.ports_.size() < count)
    return fail(ErrorCode::resource_exhausted,
                "no " + std::to_string(count) + " free ports between " + std::to_string(lowest) +
                    " and " + std::to_string(highest) + " on this machine");
  return taken;
}

PortReservation PortReservation::retake(const std::vector<std::uint16_t>& ports) {
  PortReservation taken;
  taken.ports_ = ports;
  for (auto port : ports)
    if (auto lock = lock_port(port))
      taken.locks_.push_back(std::move(lock));
  return taken;
}

}  // namespace autotune
