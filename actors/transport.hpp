// CAF between machines: mutual TLS, always.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "actors/interfaces.hpp"

namespace autotune {

struct TransportLimits {
  /// Both sides say something at least this often ...
  std::chrono::milliseconds heartbeat{1000};
  /// ... and a side that says nothing for so long is disconnected: a partition is seen in that time.
  std::chrono::milliseconds silence{3000};
  /// For a host to take a connection; one that is black-holed must not hold up others.
  std::chrono::milliseconds connect{3000};
};

/// PEM files of this process: its certificate, its key, and the authority that signed both sides'.
struct TransportIdentity {
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path authority;
};

/// Loads CAF's middleman and its TLS into `config`, with that identity; before the actor_system is made.
void configure_transport(caf::actor_system_config& config, const TransportIdentity& identity,
                         const TransportLimits& limits = {});

/// Opens the endpoint; gives the port (`port` 0: one that is free). Nothing is opened where TLS is not in force.
/// Errors: failed_precondition (no TLS), unavailable (the address is in use, or is none of this machine).
Result<std::uint16_t> publish_control(caf::actor_system& system, const ControlActor& control,
                                      const std::string& host, std::uint16_t port);

/// The control of a head, for command lines and other programs. As `connect_control`.
Result<ControlService> connect_control_service(caf::actor_system& system, const std::string& host,
                                               std::uint16_t port,
                                               const TransportLimits& limits = {});

/// The endpoint of a head, for agents. Blocks, so it is not for an actor of the pool. unavailable: why it cannot be reached.
Result<ControlEndpoint> connect_control(caf::actor_system& system, const std::string& host,
                                        std::uint16_t port, const TransportLimits& limits = {});

}  // namespace autotune
