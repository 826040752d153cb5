#include "launchers/keeper_protocol.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace autotune {

namespace {

constexpr char inline_packet = 'P';  // a message follows
constexpr char memfd_packet = 'M';   // the message is in the file that comes with the packet

std::string words(const std::string& what) { return what + ": " + std::strerror(errno); }

/// A socket address is at most 107 bytes long, a home's path is not: it is named through an open folder.
struct Address {
  FileDescriptor folder;
  sockaddr_un address{};
};

Result<Address> address_in(const std::string& home) {
  Address found;
  found.folder = FileDescriptor(::open(home.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!found.folder)
    return fail(ErrorCode::unavailable, words("cannot open the home " + home));
  found.address.sun_family = AF_UNIX;
  auto path = "/proc/self/fd/" + std::to_string(found.folder.value()) + "/keeper.sock";
  std::memcpy(found.address.sun_path, path.c_str(), path.size() + 1);
  return found;
}

FileDescriptor new_socket(int flags) {
  return FileDescriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

std::int64_t clock_ms(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

FileDescriptor in_memory(const std::string& bytes) {
  FileDescriptor file(::memfd_create("autotune-packet", MFD_CLOEXEC));
  if (!file)
    return {};
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto n =
        ::pwrite(file.value(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n <= 0)
      return {};
    done += static_cast<std::size_t>(n);
  }
  return file;
}

}  // namespace

std::string keeper_socket_path(const std::string& home) { return home + "/keeper.sock"; }
std::string keeper_lock_path(const std::string& home) { return home + "/keeper.lock"; }

Result<FileDescriptor> listen_as_keeper(const std::string& home) {
  auto address = address_in(home);
  if (!address)
    return tl::unexpected(address.error());
  auto socket = new_socket(SOCK_NONBLOCK);
  if (!socket)
    return fail(ErrorCode::unavailable, words("cannot make a socket"));
  ::unlink(keeper_socket_path(home).c_str());
  auto mask = ::umask(0077);
  int bound = ::bind(socket.value(), reinterpret_cast<sockaddr*>(&address->address),
                     sizeof address->address);
  ::umask(mask);
  if (bound != 0 || ::listen(socket.value(), 8) != 0)
    return fail(ErrorCode::unavailable, words("cannot listen at " + keeper_socket_path(home)));
  return socket;
}

Result<FileDescriptor> connect_to_keeper(const std::string& home) {
  auto address = address_in(home);
  if (!address)
    return tl::unexpected(address.error());
  auto socket = new_socket(0);
  if (!socket)
    return fail(ErrorCode::unavailable, words("cannot make a socket"));
  if (::connect(socket.value(), reinterpret_cast<sockaddr*>(&address->address),
                sizeof address->address) != 0)
    return fail(ErrorCode::unavailable, words("no keeper at " + keeper_socket_path(home)));
  if (!same_user(socket.value()))
    return fail(ErrorCode::unavailable,
                "the keeper at " + keeper_socket_path(home) + " belongs to another user");
  ::fcntl(socket.value(), F_SETFL, O_RDWR | O_NONBLOCK);
  return socket;
}

bool same_user(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return false;
  return credentials.uid == ::geteuid() || credentials.uid == 0;
}

std::string_view take_variable(std::string_view& block) {
  auto end = std::min(block.find('\0'), block.size());
  auto variable = block.substr(0, end);
  block.remove_prefix(std::min(end + 1, block.size()));
  return variable;
}

pb::KeeperStart as_of_version_1(pb::KeeperStart start) {
  for (std::string_view block = start.environment(); !block.empty();)
    start.add_env(std::string(take_variable(block)));
  start.clear_environment();
  return start;
}

Result<bool> send_packet(int socket, const google::protobuf::MessageLite& message, int fd) {
  std::string packet(1, inline_packet);
  message.AppendToString(&packet);
  FileDescriptor memory;
  int passed[2];
  std::size_t passed_count = 0;
  if (packet.size() > keeper_packet_bytes_max) {
    memory = in_memory(packet.substr(1));
    if (!memory)
      return fail(ErrorCode::resource_exhausted, words("cannot hold a message in memory"));
    packet.assign(1, memfd_packet);
    passed[passed_count++] = memory.value();
  }
  if (fd >= 0)
    passed[passed_count++] = fd;
  iovec data{packet.data(), packet.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof passed)] = {};
  if (passed_count > 0) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(passed_count * sizeof(int));
    auto* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(passed_count * sizeof(int));
    std::memcpy(CMSG_DATA(rights), passed, passed_count * sizeof(int));
  }
  while (::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR)
      continue;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
      return false;
    return fail(ErrorCode::unavailable, words("the other end of the keeper's socket is gone"));
  }
  return true;
}

Received PacketReader::receive(int socket, google::protobuf::MessageLite& message,
                               FileDescriptor* fd) {
  buffer_.resize(keeper_packet_bytes_max + 1024);
  iovec data{buffer_.data(), buffer_.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    // An end that died before it had read all leaves ECONNRESET, once; what it had sent before comes after that.
  } while (n < 0 && (errno == EINTR || errno == ECONNRESET));
  if (n < 0)
    return errno == EAGAIN ? Received::nothing : Received::closed;
  if (n == 0)
    return Received::closed;
  std::vector<FileDescriptor> passed;
  for (auto* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
      continue;
    auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int one = -1;
      std::memcpy(&one, CMSG_DATA(part) + i * sizeof(int), sizeof one);
      passed.emplace_back(one);
    }
  }
  std::size_t used = 0;
  FileDescriptor memory;
  if (buffer_[0] == memfd_packet && !passed.empty())
    memory = std::move(passed[used++]);
  if (fd != nullptr && used < passed.size())
    *fd = std::move(passed[used]);
  bool whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  if (whole && parse({buffer_.data(), static_cast<std::size_t>(n)}, memory, message))
    return Received::message;
  ++malformed_;
  return Received::nothing;
}

bool PacketReader::parse(std::string_view packet, FileDescriptor& passed,
                         google::protobuf::MessageLite& message) {
  if (packet[0] == inline_packet)
    return message.ParseFromArray(packet.data() + 1, static_cast<int>(packet.size() - 1));
  struct stat status {};
  if (packet[0] != memfd_packet || !passed || ::fstat(passed.value(), &status) != 0 ||
      static_cast<std::size_t>(status.st_size) > keeper_message_bytes_max)
    return false;
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto n =
        ::pread(passed.value(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n <= 0)
      return false;
    done += static_cast<std::size_t>(n);
  }
  return message.ParseFromString(bytes);
}

std::int64_t monotonic_ms() { return clock_ms(CLOCK_MONOTONIC); }
std::int64_t boottime_ms() { return clock_ms(CLOCK_BOOTTIME); }
std::int64_t wall_clock_ms() { return clock_ms(CLOCK_REALTIME); }

}  // namespace autotune
