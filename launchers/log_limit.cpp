#include "launchers/log_limit.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "launchers/file_descriptor.hpp"

namespace autotune {

namespace {

constexpr std::int64_t tail_bytes_max = 1 << 20;  // copied in one go: a millisecond

std::string words(std::int64_t left_out, std::int64_t limit) {
  return "\n[autotune: " + std::to_string(left_out) +
         " bytes are left out here; the log's limit is " + std::to_string(limit) + " bytes]\n";
}

/// Moves the file's end into its middle. What is written between our reading and our truncating is left out too.
std::int64_t cut_by_moving(int fd, std::int64_t size, std::int64_t limit, std::int64_t already) {
  auto head = limit / 2;
  auto tail = std::min(limit / 4, tail_bytes_max);
  std::vector<char> end(static_cast<std::size_t>(tail));
  auto n = ::pread(fd, end.data(), end.size(), size - tail);
  if (n < 0 || ::ftruncate(fd, head) != 0)
    return 0;
  auto left_out = size - head - n;
  auto line = words(already + left_out, limit);
  // The file is open for appending, so that this lands behind what the replica has written since.
  if (::write(fd, line.data(), line.size()) < 0 ||
      ::write(fd, end.data(), static_cast<std::size_t>(n)) < 0)
    return left_out + n;
  return left_out;
}

/// Frees the blocks between head and end: offsets stay, the file has a hole.
std::int64_t cut_by_hole(int fd, std::int64_t size, std::int64_t limit, std::int64_t already) {
  auto head = limit / 2;
  auto tail = limit / 4;
  auto length = size - head - tail;
  if (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, head, length) != 0)
    return 0;
  auto line = words(length, limit);
  FileDescriptor file(
      ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::pwrite(file.value(), line.data(), line.size(), head) < 0)
    return length - already;
  return length - already;
}

}  // namespace

std::string LogLimit::check() {
  if (bytes_max <= 0)
    return {};
  std::string told;
  for (int i = 0; i < 2; ++i) {
    const char* name = i == 0 ? "stdout" : "stderr";
    auto path = folder + "/" + name;
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
      continue;
    bool hole = keep_offsets && i == 0;
    auto size = static_cast<std::int64_t>(status.st_size);
    auto occupied = hole ? size - cut_bytes[i] : size;
    if (occupied <= bytes_max)
      continue;
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    if (!file)
      continue;
    bool first = cut_bytes[i] == 0;
    cut_bytes[i] += hole ? cut_by_hole(file.value(), size, bytes_max, cut_bytes[i])
                         : cut_by_moving(file.value(), size, bytes_max, cut_bytes[i]);
    if (first && cut_bytes[i] > 0)
      told += (told.empty() ? "" : "; ") + std::string(name) + " grew beyond its limit of " +
              std::to_string(bytes_max) + " bytes: its middle is left out";
  }
  return told;
}

}  // namespace autotune
