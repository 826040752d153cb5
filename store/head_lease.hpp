// Which of several heads with one PostgreSQL store is the head: a lease in the database, by the database's clock.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "messages/result.hpp"

namespace autotune {

/// Another head takes over at most `span + look_every` and a restart after the death of the one before.
struct HeadLeaseLimits {
  /// A head that has not renewed its lease for so long is no longer the head.
  std::chrono::milliseconds span{5000};
  /// Four attempts fit into the span.
  std::chrono::milliseconds renew_every{1000};
  /// Between two attempts of one that stands by.
  std::chrono::milliseconds look_every{500};
};

/// The head that the database names.
struct HeadSeen {
  std::uint64_t epoch = 0;
  std::string holder;
  std::int64_t renewed_until_ms = 0;  ///< rises with each renewal
};

/// A head's hold on its store. Each taking raises the epoch, which every write to the store and every message to agents
/// carries. Given back when it is destroyed.
class HeadLease {
 public:
  /// `holder` says to people who it is.
  HeadLease(std::string uri, std::string holder, HeadLeaseLimits limits = {});
  HeadLease(const HeadLease&) = delete;
  HeadLease& operator=(const HeadLease&) = delete;
  ~HeadLease();

  /// One attempt; true where it is ours, and is renewed from now on. False: `seen` has it. Makes the tables where there are
  /// none. Errors: unavailable (the database is away), failed_precondition (newer tables, no right to it).
  Result<bool> try_take();
  const HeadSeen& seen() const;
  std::uint64_t epoch() const;

  // From any thread.
  /// Whether it is ours by this machine's clock, which counts a suspended machine's sleep; counted from before the
  /// renewal, so that it ends here before it ends in the database.
  bool held() const;
  /// How long it has not been held, and nobody knows whether it is lost; 0 while it is held.
  std::chrono::milliseconds unheld_for() const;
  /// Whether another head has taken over: it never comes back.
  bool lost() const;

 private:
  struct Connection;
  void renew();
  void give_back();

  HeadLeaseLimits limits_;
  std::string holder_;
  std::unique_ptr<Connection> connection_;
  HeadSeen seen_;
  std::atomic<std::int64_t> held_until_ms_ = 0;
  std::atomic<bool> lost_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace autotune
