// How agent and keeper find and understand each other: a Unix SEQPACKET socket, one protobuf message a packet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launchers/file_descriptor.hpp"
#include "messages/keeper.pb.h"
#include "messages/result.hpp"

namespace autotune {

/// The newest version that this code speaks. An agent must go on speaking all older ones: a keeper lives as long as
/// its replicas, whatever was installed meanwhile.
inline constexpr std::uint32_t keeper_protocol_version = 2;

/// Messages larger than this travel in a memfd beside the packet: a socket's buffer is bounded, an environment hardly.
inline constexpr std::size_t keeper_packet_bytes_max = 48 * 1024;
/// No message is larger than this: what claims to be is broken.
inline constexpr std::size_t keeper_message_bytes_max = 64 * 1024 * 1024;

/// The name of a home's socket and of the lock that its keeper holds.
std::string keeper_socket_path(const std::string& home);
std::string keeper_lock_path(const std::string& home);

/// Listens at the home's socket, whatever the length of its path. Removes a stale one: the caller holds the lock.
Result<FileDescriptor> listen_as_keeper(const std::string& home);

/// Connects to the home's keeper. Error: unavailable (nobody listens).
Result<FileDescriptor> connect_to_keeper(const std::string& home);

/// True when the other end belongs to the same user as we do (or to root).
bool same_user(int socket);

/// Takes the first NAME=VALUE from `block`, where a NUL follows each; what is returned lies in the block, closed by it.
std::string_view take_variable(std::string_view& block);

/// The same start for a keeper of version 1, which knows an environment as single texts alone.
pb::KeeperStart as_of_version_1(pb::KeeperStart start);

/// What came out of a socket.
enum class Received { message, nothing, closed };

/// Puts one message into the socket; `fd` (or -1) travels with it. False: the socket is full (EAGAIN).
/// Error: unavailable (the other end is gone).
Result<bool> send_packet(int socket, const google::protobuf::MessageLite& message, int fd = -1);

/// Reads and writes packets with buffers of its own; one for each end.
class PacketReader {
 public:
  /// Takes one message. `nothing`: the socket is empty, or the packet was none of ours (`malformed()` counts those).
  Received receive(int socket, google::protobuf::MessageLite& message,
                   FileDescriptor* fd = nullptr);
  std::int64_t malformed() const { return malformed_; }

 private:
  bool parse(std::string_view packet, FileDescriptor& passed,
             google::protobuf::MessageLite& message);

  std::string buffer_;
  std::int64_t malformed_ = 0;
};

/// CLOCK_MONOTONIC or CLOCK_BOOTTIME in milliseconds; the same for all processes of a machine.
std::int64_t monotonic_ms();
std::int64_t boottime_ms();
/// Wall clock in milliseconds since 1970, for people.
std::int64_t wall_clock_ms();

}  // namespace autotune
