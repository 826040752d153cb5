#include "launchers/keeper_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace autotune {

namespace {

// A keeper starts in a few milliseconds; a machine that swaps may take seconds.
constexpr int connect_tries_max = 250;
constexpr std::chrono::milliseconds connect_pause{20};
constexpr int welcome_wait_ms = 10000;
// One that was killed as it started says nothing about the next.
constexpr int start_failures_max = 3;

/// True when the descriptor has something to read before the time is over.
bool readable(int fd, int wait_ms) {
  pollfd look{fd, POLLIN, 0};
  int n = 0;
  do {
    n = ::poll(&look, 1, wait_ms);
  } while (n < 0 && errno == EINTR);
  return n > 0;
}

}  // namespace

KeeperClient::KeeperClient(KeeperClientOptions options, std::function<void()> wake)
    : options_(std::move(options)),
      wake_(std::move(wake)),
      poke_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

KeeperClient::~KeeperClient() { disconnect(); }

void KeeperClient::disconnect() {
  if (reader_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    poke();
    reader_.join();
  }
  socket_.reset();
  std::lock_guard lock(mutex_);
  outgoing_.clear();
  stop_ = false;
  lost_ = false;
}

Result<void> KeeperClient::connect() {
  disconnect();
  Error last{ErrorCode::unavailable, "no keeper"};
  int starts_failed = 0;
  for (int i = 0; i < connect_tries_max; ++i) {
    auto socket = connect_to_keeper(options_.home);
    if (socket) {
      auto greeted = greet(std::move(*socket));
      if (greeted) {
        reader_ = std::thread([this] { read_loop(); });
        return {};
      }
      if (greeted.error().code == ErrorCode::failed_precondition)
        return greeted;
      last = greeted.error();
    } else {
      last = socket.error();
      auto started = start_keeper();
      if (!started && ++starts_failed == start_failures_max)
        return started;
    }
    // Another agent's keeper may be just about to listen, or just about to end.
    if (i > 0)
      std::this_thread::sleep_for(connect_pause);
  }
  return tl::unexpected(last);
}

Result<void> KeeperClient::start_keeper() const {
  auto idle = std::to_string(options_.idle_ms);
  std::vector<const char*> argv = {options_.keeper_binary.c_str(), "keeper", "--home",
                                   options_.home.c_str()};
  if (options_.idle_ms > 0)
    argv.insert(argv.end(), {"--idle-ms", idle.c_str()});
  argv.push_back(nullptr);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  int error = ::posix_spawn(&pid, options_.keeper_binary.c_str(), nullptr, &attributes,
                            const_cast<char**>(argv.data()), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0)
    return fail(ErrorCode::unavailable,
                "cannot start the keeper " + options_.keeper_binary + ": " + std::strerror(error));
  // It goes into the background once its socket is open: its first process ends then.
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno == EINTR)
      continue;
    return {};  // someone else waits for all children of this process; connecting will tell
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(ErrorCode::unavailable, "the keeper " + options_.keeper_binary +
                                            " did not start in " + options_.home + " (status " +
                                            std::to_string(status) + ")");
  return {};
}

Result<void> KeeperClient::greet(FileDescriptor socket) {
  pb::KeeperRequest request;
  request.mutable_hello()->set_version(keeper_protocol_version);
  auto sent = send_packet(socket.value(), request);
  if (!sent)
    return tl::unexpected(sent.error());
  PacketReader reader;
  pb::KeeperEvent event;
  if (!readable(socket.value(), welcome_wait_ms) ||
      reader.receive(socket.value(), event) != Received::message)
    return fail(ErrorCode::unavailable, "the keeper of " + options_.home + " does not answer");
  if (!event.has_welcome() || event.welcome().version() > keeper_protocol_version)
    return fail(ErrorCode::failed_precondition,
                "the keeper of " + options_.home + " does not speak with this version of autotune" +
                    (event.refused().empty() ? "" : ": " + event.refused()));
  welcome_ = std::move(*event.mutable_welcome());
  socket_ = std::move(socket);
  return {};
}

Result<void> KeeperClient::send(const pb::KeeperRequest& request, int fd) {
  if (!socket_)
    return fail(ErrorCode::unavailable, "not connected to the keeper");
  if (welcome_.version() < 2 && request.has_start() && !request.start().environment().empty()) {
    pb::KeeperRequest older;
    *older.mutable_start() = as_of_version_1(request.start());
    return send(older, fd);
  }
  std::unique_lock lock(mutex_);
  if (!outgoing_.empty() && !flush_locked())
    return fail(ErrorCode::unavailable, "the keeper is gone");
  if (outgoing_.empty()) {
    auto sent = send_packet(socket_.value(), request, fd);
    if (!sent)
      return tl::unexpected(sent.error());
    if (*sent)
      return {};
  }
  outgoing_.emplace_back(request, FileDescriptor(fd >= 0 ? ::fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1));
  lock.unlock();
  poke();  // the reading thread sends it when there is room
  return {};
}

bool KeeperClient::flush_locked() {
  while (!outgoing_.empty()) {
    auto sent =
        send_packet(socket_.value(), outgoing_.front().first, outgoing_.front().second.value());
    if (!sent)
      return false;
    if (!*sent)
      return true;
    outgoing_.pop_front();
  }
  return true;
}

void KeeperClient::poke() {
  std::uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(poke_.value(), &one, sizeof one);
}

std::vector<ArrivedEvent> KeeperClient::take(bool& lost) {
  std::lock_guard lock(mutex_);
  lost = lost_;
  return std::exchange(arrived_, {});
}

void KeeperClient::read_loop() {
  PacketReader reader;
  std::vector<ArrivedEvent> batch;
  bool open = true;
  while (open) {
    bool writing = false;
    {
      std::lock_guard lock(mutex_);
      if (stop_)
        return;
      writing = !outgoing_.empty();
    }
    auto wanted = static_cast<short>(POLLIN | (writing ? POLLOUT : 0));
    pollfd looks[2] = {{socket_.value(), wanted, 0}, {poke_.value(), POLLIN, 0}};
    if (::poll(looks, 2, -1) < 0 && errno != EINTR)
      return;
    if ((looks[1].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] auto n = ::read(poke_.value(), &count, sizeof count);
    }
    for (bool more = looks[0].revents != 0; more && open;) {
      ArrivedEvent one;
      switch (reader.receive(socket_.value(), one.first, &one.second)) {
        case Received::message: batch.push_back(std::move(one)); break;
        case Received::nothing: more = false; break;
        case Received::closed: open = false; break;
      }
    }
    bool was_empty = true;
    {
      std::lock_guard lock(mutex_);
      if (!flush_locked())
        open = false;
      was_empty = arrived_.empty() && !lost_;
      std::move(batch.begin(), batch.end(), std::back_inserter(arrived_));
      lost_ = !open;
      was_empty = was_empty && (!arrived_.empty() || lost_);
    }
    batch.clear();
    if (was_empty)
      wake_();
  }
}

}  // namespace autotune
