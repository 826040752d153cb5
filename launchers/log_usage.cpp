#include "launchers/log_usage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace autotune {

namespace {

constexpr std::array<std::string_view, 4> counted = {"stdout", "stderr", "reports.jsonl",
                                                     "collected.jsonl"};
constexpr int replica_depth = 3;           // experiment / trial / attempt / replica
constexpr std::int64_t block_bytes = 512;  // the unit of st_blocks, whatever the file system's own

std::int64_t bytes_in(int folder, int depth) {
  auto* entries = ::fdopendir(folder);
  if (entries == nullptr) {
    ::close(folder);
    return 0;
  }
  std::int64_t total = 0;
  while (const auto* entry = ::readdir(entries)) {
    std::string_view name = entry->d_name;
    if (name == "." || name == "..")
      continue;
    if (depth < replica_depth) {
      // A trial's own links lead elsewhere.
      int below = ::openat(::dirfd(entries), entry->d_name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below >= 0)
        total += bytes_in(below, depth + 1);
      continue;
    }
    struct stat status {};
    bool ours = std::find(counted.begin(), counted.end(), name) != counted.end();
    if (ours && ::fstatat(::dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(status.st_mode))
      total += std::min<std::int64_t>(status.st_size, status.st_blocks * block_bytes);
  }
  ::closedir(entries);
  return total;
}

}  // namespace

std::int64_t log_bytes_of(const std::string& home, const std::string& experiment_id) {
  auto path = home + "/trials/" + experiment_id;
  int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return folder < 0 ? 0 : bytes_in(folder, 0);
}

}  // namespace autotune
