#include "tests/store/cutting_proxy.hpp"

#include <array>
#include <stdexcept>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace autotune::test {
namespace {

constexpr int look_ms = 50;

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(const std::filesystem::path& folder,
                           const std::filesystem::path& server_folder)
    : server_socket_(server_folder / ".s.PGSQL.5432") {
  auto address = address_of(folder / ".s.PGSQL.5432");
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 8) != 0)
    throw std::runtime_error("the proxy cannot listen");
  thread_ = std::thread([this] { serve(); });
}

CuttingProxy::~CuttingProxy() {
  ends_ = true;
  thread_.join();
  ::close(listener_);
}

void CuttingProxy::serve() {
  while (!ends_) {
    pollfd watched{listener_, POLLIN, 0};
    if (::poll(&watched, 1, look_ms) != 1)
      continue;
    int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0)
      continue;
    pass(client);
    ::close(client);
  }
}

void CuttingProxy::pass(int client) {
  int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = address_of(server_socket_);
  bool open = ::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  bool answer_is_lost = false;
  std::array<char, 65536> buffer;
  while (open && !ends_) {
    std::array<pollfd, 2> watched{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), look_ms) <= 0)
      continue;
    if (watched[1].revents != 0) {
      auto n = ::recv(server, buffer.data(), buffer.size(), 0);
      open = n > 0 && !answer_is_lost &&
             send_all(client, {buffer.data(), static_cast<std::size_t>(n)});
      if (n > 0 && answer_is_lost)
        ++cuts_;
      continue;
    }
    auto n = ::recv(client, buffer.data(), buffer.size(), 0);
    if (n <= 0)
      break;
    std::string_view said(buffer.data(), static_cast<std::size_t>(n));
    const bool commits = said.find("COMMIT") != std::string_view::npos;
    const auto cut = commits ? cut_.exchange(Cut::none) : Cut::none;
    if (cut == Cut::before_server) {
      ++cuts_;
      break;
    }
    answer_is_lost = cut == Cut::after_server;
    open = send_all(server, said);
  }
  ::close(server);
}

}  // namespace autotune::test
