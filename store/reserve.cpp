#include "store/reserve.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace autotune {

Result<void> Reserve::take() {
  if (bytes_ == 0 || held_)
    return {};
  int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  int error = fd < 0 ? errno : ::posix_fallocate(fd, 0, bytes_);
  if (fd >= 0) {
    // Half an allocation would fill the disk that has no room anyway.
    if (error != 0 && ::ftruncate(fd, 0) != 0)
      ::unlink(path_.c_str());
    ::close(fd);
  }
  if (error == 0) {
    held_ = true;
    return {};
  }
  auto code =
      error == ENOSPC || error == EDQUOT ? ErrorCode::resource_exhausted : ErrorCode::unavailable;
  return fail(code, "cannot keep " + std::to_string(bytes_ >> 10) + " KiB in reserve in " +
                        path_.string() + ": " + strerror(error));
}

Result<void> Reserve::release() {
  if (bytes_ == 0)
    return {};
  held_ = false;
  if (::truncate(path_.c_str(), 0) != 0 && errno != ENOENT)
    return fail(ErrorCode::unavailable,
                "cannot release the reserve " + path_.string() + ": " + strerror(errno));
  return {};
}

}  // namespace autotune
