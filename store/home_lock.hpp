// One process owns a home: the lock that says so, and names its holder.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "messages/result.hpp"

namespace autotune {

/// Held until destroyed or until the process dies, however it dies. The lock belongs to the open file: it is not
/// inherited through exec, but a child that forks and runs on without exec must close `fd()`.
class HomeLock {
 public:
  HomeLock(HomeLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  HomeLock& operator=(HomeLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  HomeLock(const HomeLock&) = delete;
  HomeLock& operator=(const HomeLock&) = delete;
  ~HomeLock();

  int fd() const { return fd_; }

 private:
  friend Result<HomeLock> lock_home(const std::filesystem::path& home);
  explicit HomeLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// Takes `<home>/lock`, making the folder (mode 0700) where it is absent. Does not wait for a holder that
/// lives; for what a dead one left behind, up to two seconds.
/// Error: failed_precondition ("held by pid 123 (autotune run x.yaml) since 2026-01-01T00:00:00Z", or the folder cannot
/// be written).
Result<HomeLock> lock_home(const std::filesystem::path& home);

/// Who holds the home's lock now: "pid 123 (autotune run x.yaml) since ..."; empty where nobody does.
std::string home_holder(const std::filesystem::path& home);

}  // namespace autotune
