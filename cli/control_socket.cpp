#include "cli/control_socket.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace autotune::cli {

namespace {

constexpr std::uint32_t frame_max = 64u << 20;  // a spec with all its secrets is far smaller
constexpr std::uint32_t protocol_version = 1;

/// A Unix socket's path has 108 bytes; a home may be deeper, so we go through a descriptor of the folder.
Result<sockaddr_un> address_of(const std::filesystem::path& path, int& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string text = path.string();
  folder = -1;
  if (text.size() >= sizeof address.sun_path) {
    folder = ::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
      return fail(ErrorCode::unavailable,
                  path.parent_path().string() + ": " + std::strerror(errno));
    text = "/proc/self/fd/" + std::to_string(folder) + "/" + path.filename().string();
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

bool write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    auto n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool read_all(int fd, char* data, std::size_t size) {
  while (size > 0) {
    auto n = ::read(fd, data, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

template <class Message>
bool send_message(int fd, const Message& message) {
  std::string bytes = message.SerializeAsString();
  auto size = static_cast<std::uint32_t>(bytes.size());
  std::array<char, 4> head{static_cast<char>(size), static_cast<char>(size >> 8),
                           static_cast<char>(size >> 16), static_cast<char>(size >> 24)};
  return write_all(fd, head.data(), head.size()) && write_all(fd, bytes.data(), bytes.size());
}

template <class Message>
bool receive_message(int fd, Message& message) {
  std::array<unsigned char, 4> head{};
  if (!read_all(fd, reinterpret_cast<char*>(head.data()), head.size()))
    return false;
  std::uint32_t size =
      head[0] | head[1] << 8 | head[2] << 16 | static_cast<std::uint32_t>(head[3]) << 24;
  if (size > frame_max)
    return false;
  std::string bytes(size, '\0');
  return read_all(fd, bytes.data(), size) && message.ParseFromString(bytes);
}

std::filesystem::path socket_of(const std::filesystem::path& home) { return home / "server.sock"; }

}  // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::listen(const std::filesystem::path& home,
                                                             Answer answer) {
  auto path = socket_of(home);
  int folder = -1;
  auto address = address_of(path, folder);
  if (!address)
    return tl::unexpected(address.error());
  ::unlink(path.c_str());  // the home's lock is ours: whoever made it is gone
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto old_mask = ::umask(0177);
  bool fine = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&*address), sizeof *address) == 0 &&
              ::listen(fd, 64) == 0;
  std::string why = std::strerror(errno);
  ::umask(old_mask);
  if (folder >= 0)
    ::close(folder);
  if (!fine) {
    if (fd >= 0)
      ::close(fd);
    return fail(ErrorCode::unavailable, "cannot listen on " + path.string() + ": " + why);
  }
  return std::unique_ptr<ControlSocket>(new ControlSocket(fd, path, std::move(answer)));
}

ControlSocket::ControlSocket(int listener, std::filesystem::path path, Answer answer)
    : listener_(listener), path_(std::move(path)), answer_(std::move(answer)) {
  if (::pipe2(wake_, O_CLOEXEC) != 0)
    wake_[0] = wake_[1] = -1;
  thread_ = std::thread([this] { serve(); });
}

ControlSocket::~ControlSocket() {
  if (wake_[1] >= 0)
    ::close(wake_[1]);
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  if (wake_[0] >= 0)
    ::close(wake_[0]);
  ::close(listener_);
  ::unlink(path_.c_str());
}

void ControlSocket::serve() {
  struct Client {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> done;
    int fd;
  };
  std::list<Client> clients;
  auto reap = [&clients](bool all) {
    for (auto it = clients.begin(); it != clients.end();) {
      if (!all && !it->done->load()) {
        ++it;
        continue;
      }
      if (all)
        ::shutdown(it->fd, SHUT_RD);
      it->thread.join();
      ::close(it->fd);
      it = clients.erase(it);
    }
  };
  while (true) {
    pollfd watched[2] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0 && errno != EINTR)
      break;
    if (watched[1].revents != 0 || (watched[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
      break;
    if ((watched[0].revents & POLLIN) == 0)
      continue;
    int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    reap(false);
    if (fd < 0)
      continue;
    auto done = std::make_shared<std::atomic<bool>>(false);
    std::thread thread([this, fd, done] {
      pb::ControlRequest request;
      if (receive_message(fd, request)) {
        pb::ControlResponse response;
        if (request.version() > protocol_version)
          response.set_error(
              "the server is older than this program: restart it, or use its own version");
        else
          response = answer_(std::move(request));
        response.set_pid(static_cast<std::int32_t>(::getpid()));
        send_message(fd, response);
      }
      done->store(true);
    });
    clients.push_back({std::move(thread), done, fd});
  }
  reap(true);
}

Result<pb::ControlResponse> ask_server(const std::filesystem::path& home,
                                       const pb::ControlRequest& request) {
  auto path = socket_of(home);
  int folder = -1;
  auto address = address_of(path, folder);
  if (!address)
    return tl::unexpected(address.error());
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected =
      fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&*address), sizeof *address) == 0;
  if (folder >= 0)
    ::close(folder);
  if (!connected) {
    if (fd >= 0)
      ::close(fd);
    return fail(ErrorCode::unavailable, "no server runs in " + home.string() +
                                            "; start one with `autotune server --with-agent`; "
                                            "`autotune run` is one too while it is "
                                            "under way (another home: --home DIR)");
  }
  auto versioned = request;
  versioned.set_version(protocol_version);
  pb::ControlResponse response;
  bool answered = send_message(fd, versioned) && receive_message(fd, response);
  ::close(fd);
  if (!answered)
    return fail(ErrorCode::unavailable,
                "the server of " + home.string() + " ended before it answered");
  if (!response.error().empty())
    return fail(response.error_code() != 0 ? static_cast<ErrorCode>(response.error_code())
                                           : ErrorCode::internal,
                response.error());
  return response;
}

}  // namespace autotune::cli
