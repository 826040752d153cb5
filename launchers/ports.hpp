// Ports on 127.0.0.1 that the replicas of an attempt may listen on, kept apart from those of all other attempts.
#pragma once

#include <cstdint>
#include <vector>

#include "launchers/file_descriptor.hpp"
#include "messages/result.hpp"

namespace autotune {

/// Some ports, held until it goes. Held means: no other AutoTune process of this machine takes them (an abstract
/// Unix socket is the lock), nothing listened on them when they were taken, and they lie below the range from which
/// the kernel picks ports by itself. They are not bound, so that any program can.
class PortReservation {
 public:
  PortReservation() = default;

  /// Error: resource_exhausted.
  static Result<PortReservation> take(std::size_t count);
  /// Takes these again, as far as they can be had: after a restart of the agent.
  static PortReservation retake(const std::vector<std::uint16_t>& ports);

  const std::vector<std::uint16_t>& ports() const { return ports_; }

 private:
  std::vector<std::uint16_t> ports_;
  std::vector<FileDescriptor> locks_;
};

}  // namespace autotune
