#include "store/private_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace autotune {
namespace {

tl::unexpected<Error> file_error(const std::filesystem::path& path, int error) {
  bool full = error == ENOSPC || error == EDQUOT;
  auto code = full              ? ErrorCode::resource_exhausted
              : error == ENOENT ? ErrorCode::not_found
                                : ErrorCode::unavailable;
  return fail(code, path.string() + ": " + strerror(error) +
                        (full              ? "; make room, then try again"
                         : error == EACCES ? "; it must belong to the user who runs AutoTune"
                                           : ""));
}

/// Makes the folder's new entry durable; a failure only matters to a loss of power.
void sync_folder(const std::filesystem::path& folder) {
  int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  ::fsync(fd);
  ::close(fd);
}

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n < 0 ? errno : ENOSPC;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(fd) == 0 ? 0 : errno;
}

/// The text in a file of a name that no other thread or process uses.
Result<std::filesystem::path> write_beside(const std::filesystem::path& path,
                                           std::string_view text) {
  static std::atomic<unsigned> count{0};
  auto fresh = path;
  fresh += ".new." + std::to_string(::getpid()) + "." + std::to_string(count++);
  ::unlink(fresh.c_str());  // what a process of that number has left
  int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return file_error(path, errno);
  int error = write_all(fd, text);
  ::close(fd);
  if (error == 0)
    return fresh;
  ::unlink(fresh.c_str());
  return file_error(path, error);
}

}  // namespace

Result<void> make_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (auto above = folder.parent_path(); !above.empty())
    std::filesystem::create_directories(above, error);
  if (!error && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return file_error(folder, errno);
  if (error)
    return file_error(folder, error.value());
  if (::chmod(folder.c_str(), 0700) != 0)
    return file_error(folder, errno);
  return {};
}

Result<void> replace_private_file(const std::filesystem::path& path, std::string_view text) {
  auto fresh = write_beside(path, text);
  if (!fresh)
    return tl::unexpected(fresh.error());
  if (::rename(fresh->c_str(), path.c_str()) != 0) {
    int error = errno;
    ::unlink(fresh->c_str());
    return file_error(path, error);
  }
  sync_folder(path.parent_path());
  return {};
}

Result<bool> create_private_file(const std::filesystem::path& path, std::string_view text) {
  auto fresh = write_beside(path, text);
  if (!fresh)
    return tl::unexpected(fresh.error());
  // A link, unlike a rename, never replaces what another process has made meanwhile.
  int error = ::link(fresh->c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(fresh->c_str());
  if (error == EEXIST)
    return false;
  if (error != 0)
    return file_error(path, error);
  sync_folder(path.parent_path());
  return true;
}

Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t bytes_max) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return file_error(path, errno);
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  int error = 0;
  while (size < text.size()) {
    auto n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      error = errno;
    if (n <= 0)
      break;
    size += static_cast<std::size_t>(n);
  }
  ::close(fd);
  if (error != 0)
    return file_error(path, error);
  if (size > bytes_max)
    return fail(ErrorCode::data_loss, path.string() + " is longer than the " +
                                          std::to_string(bytes_max) +
                                          " bytes that it may have: it is none of ours");
  text.resize(size);
  return text;
}

}  // namespace autotune
