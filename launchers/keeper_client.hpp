// The agent's end of the keeper's socket: finds or starts the keeper, sends requests, collects its events.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "launchers/keeper_protocol.hpp"

namespace autotune {

struct KeeperClientOptions {
  std::string home;
  std::string keeper_binary;  ///< run as `BINARY keeper --home HOME`
  std::int64_t idle_ms = 0;   ///< 0: the keeper's own default
};

/// An event and the pidfd that came with it.
using ArrivedEvent = std::pair<pb::KeeperEvent, FileDescriptor>;

/// One connection at a time. All calls come from one thread; a thread of its own reads the socket.
class KeeperClient {
 public:
  /// `wake` is called from the reading thread when there is something to take, or the keeper is gone.
  KeeperClient(KeeperClientOptions options, std::function<void()> wake);
  ~KeeperClient();
  KeeperClient(const KeeperClient&) = delete;
  KeeperClient& operator=(const KeeperClient&) = delete;

  /// Connects to the home's keeper, starting one where there is none. What it said about what runs is in `welcome()`.
  /// Takes up to some seconds on a very busy machine, else milliseconds. Error: unavailable.
  Result<void> connect();
  bool connected() const { return static_cast<bool>(socket_); }
  /// What the keeper of this connection was asked first; empty before `connect`.
  const pb::KeeperWelcome& welcome() const { return welcome_; }

  /// Sends, or queues where the socket is full. Error: unavailable (the keeper is gone: connect again).
  Result<void> send(const pb::KeeperRequest& request, int fd = -1);

  /// What arrived since the last call, in order. `lost`: the connection is broken, all that came before is here.
  std::vector<ArrivedEvent> take(bool& lost);

 private:
  Result<void> start_keeper() const;
  Result<void> greet(FileDescriptor socket);
  void disconnect();
  void read_loop();
  bool flush_locked();
  void poke();

  KeeperClientOptions options_;
  std::function<void()> wake_;
  FileDescriptor socket_;
  FileDescriptor poke_;  // eventfd: wakes the reading thread
  pb::KeeperWelcome welcome_;
  std::thread reader_;

  std::mutex mutex_;  // guards what follows
  std::vector<ArrivedEvent> arrived_;
  std::deque<std::pair<pb::KeeperRequest, FileDescriptor>> outgoing_;
  bool lost_ = false;
  bool stop_ = false;
};

}  // namespace autotune
