// Batches that a thread of their own fills while the caller works on those before.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace autotune {

/// Hands batches from a filling thread to the caller, in order; a few exist, and are used again and again. `fill` is
/// called on the thread with a batch of before, until it says false: then that batch is the last. The destructor waits
/// for the fill under way.
template <class Batch>
class ReadAhead {
 public:
  explicit ReadAhead(std::function<bool(Batch&)> fill)
      : fill_(std::move(fill)), thread_([this] { run(); }) {}
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead() {
    {
      std::lock_guard lock(mutex_);
      given_up_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// The next batch, which is the caller's until the next call; null after the last. Throws what `fill` threw, after
  /// the batches before.
  const Batch* next() {
    std::unique_lock lock(mutex_);
    if (holds_one_)
      ++taken_;
    holds_one_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return filled_ > taken_ || over_; });
    if (filled_ > taken_) {
      holds_one_ = true;
      return &batches_[taken_ % batches_.size()];
    }
    if (fault_)
      std::rethrow_exception(fault_);
    return nullptr;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!over_) {
      changed_.wait(lock, [this] { return given_up_ || filled_ - taken_ < batches_.size(); });
      if (given_up_)
        return;
      auto& batch = batches_[filled_ % batches_.size()];
      lock.unlock();
      bool more = false;
      std::exception_ptr fault;
      try {
        more = fill_(batch);
      } catch (...) {
        fault = std::current_exception();
      }
      lock.lock();
      filled_ += fault ? 0 : 1;
      fault_ = fault;
      over_ = !more;
      changed_.notify_all();
    }
  }

  std::function<bool(Batch&)> fill_;
  std::array<Batch, 4> batches_;  // one to work on, one to fill, two so that neither side waits
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t filled_ = 0;
  std::size_t taken_ = 0;
  bool holds_one_ = false;
  bool over_ = false;
  bool given_up_ = false;
  std::exception_ptr fault_;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace autotune
