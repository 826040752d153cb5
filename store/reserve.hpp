// A file that holds room on the disk, so that a full disk can still be written down.
#pragma once

#include <cstdint>
#include <filesystem>

#include "messages/result.hpp"

namespace autotune {

class Reserve {
 public:
  /// `bytes` 0: there is no reserve, and both calls do nothing.
  Reserve(std::filesystem::path path, std::int64_t bytes) : path_(std::move(path)), bytes_(bytes) {}

  /// Allocates the room. resource_exhausted: the disk has not that much.
  Result<void> take();
  /// Gives the room back to the disk.
  Result<void> release();
  bool held() const { return held_; }

 private:
  std::filesystem::path path_;
  std::int64_t bytes_ = 0;
  bool held_ = false;
};

}  // namespace autotune
