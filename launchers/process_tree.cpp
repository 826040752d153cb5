#include "launchers/process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>

#include "launchers/file_descriptor.hpp"

namespace autotune {

namespace {

// Above it is infinity's neighbourhood, below it numbers that someone could have meant: 2^61 us are 73,000 years.
constexpr std::uint64_t marker_bit = 1ULL << 61;
constexpr std::uint64_t marker_mask = marker_bit - 1;

// PIDFD_GET_INFO of Linux 6.13 and PIDFD_INFO_EXIT of 6.15, which Debian 12's headers do not have yet.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, tgid, ppid;
  std::uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t pidfd_info_exit = 1ULL << 3;
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, PidfdInfo);

std::uint64_t mix(std::uint64_t hash, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i)
    hash = (hash ^ bytes[i]) * 1099511628211ULL;  // FNV-1a
  return hash;
}

/// Reads a small file of /proc whole; -1 where it is gone.
ssize_t read_small(const char* path, char* buffer, std::size_t size) {
  FileDescriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file)
    return -1;
  return ::read(file.value(), buffer, size - 1);
}

template <class Visit>
void for_each_number(const char* folder, Visit visit) {
  auto* entries = ::opendir(folder);
  if (entries == nullptr)
    return;
  while (const auto* entry = ::readdir(entries)) {
    int number = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    auto [stop, code] = std::from_chars(entry->d_name, end, number);
    if (code == std::errc{} && stop == end)
      visit(static_cast<pid_t>(number));
  }
  ::closedir(entries);
}

FileDescriptor list_of_children(pid_t pid, pid_t thread) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, thread);
  return FileDescriptor(::open(path, O_RDONLY | O_CLOEXEC));
}

void add_listed(const FileDescriptor& list, std::vector<pid_t>& found) {
  if (!list)
    return;
  std::string text;
  char buffer[4096];
  ssize_t n = 0;
  while ((n = ::pread(list.value(), buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0)
    text.append(buffer, static_cast<std::size_t>(n));
  const char* at = text.c_str();
  char* next = nullptr;
  for (auto child = std::strtol(at, &next, 10); next != at; child = std::strtol(at, &next, 10)) {
    found.push_back(static_cast<pid_t>(child));
    at = next;
  }
}

}  // namespace

std::uint64_t marker_of(const std::string& home, const pb::ReplicaKey& key) {
  std::uint64_t hash = 14695981039346656037ULL;
  hash = mix(hash, home.c_str(), home.size() + 1);
  hash = mix(hash, key.experiment_id().c_str(), key.experiment_id().size() + 1);
  std::int64_t numbers[] = {key.sequence(), key.attempt(), key.restart()};
  hash = mix(hash, numbers, sizeof numbers);
  hash = mix(hash, key.replica().c_str(), key.replica().size() + 1);
  return (hash & marker_mask) | marker_bit;
}

bool mark_self(std::uint64_t marker) {
  rlimit limit{marker, marker};
  return ::setrlimit(RLIMIT_RTTIME, &limit) == 0;
}

std::uint64_t marker_on(pid_t pid) {
  rlimit limit{};
  if (::prlimit(pid, RLIMIT_RTTIME, nullptr, &limit) != 0)
    return 0;
  bool ours = (limit.rlim_max & ~marker_mask) == marker_bit;
  return ours ? limit.rlim_max : 0;
}

std::optional<ProcessStat> stat_of(pid_t pid) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  char buffer[1024];
  auto n = read_small(path, buffer, sizeof buffer);
  if (n <= 0)
    return std::nullopt;
  buffer[n] = '\0';
  // The name in parentheses may hold anything, parentheses too: fields count from the last one.
  char* after_name = std::strrchr(buffer, ')');
  if (after_name == nullptr || after_name[1] == '\0')
    return std::nullopt;
  ProcessStat found;
  found.pid = pid;
  int field = 3;
  char* rest = nullptr;
  for (char* word = ::strtok_r(after_name + 1, " \n", &rest); word != nullptr;
       word = ::strtok_r(nullptr, " \n", &rest), ++field) {
    switch (field) {
      case 3: found.state = word[0]; break;
      case 4: found.parent = static_cast<pid_t>(std::atoi(word)); break;
      case 6: found.session = static_cast<pid_t>(std::atoi(word)); break;
      case 22: found.start_ticks = std::strtoull(word, nullptr, 10); break;
      case 52: found.exit_code = std::atoi(word); break;
      default: break;
    }
  }
  if (field < 23)
    return std::nullopt;
  return found;
}

std::uint64_t start_ticks_of(pid_t pid) {
  auto found = stat_of(pid);
  return found ? found->start_ticks : 0;
}

std::int64_t age_ms(std::uint64_t start_ticks) {
  static const auto ticks_per_second = ::sysconf(_SC_CLK_TCK);
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  auto started = static_cast<std::int64_t>(start_ticks) * 1000 / ticks_per_second;
  return now.tv_sec * 1000 + now.tv_nsec / 1000000 - started;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> found;
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task", pid);
  for_each_number(path, [&](pid_t thread) { add_listed(list_of_children(pid, thread), found); });
  return found;
}

FileDescriptor own_children() { return list_of_children(::getpid(), ::getpid()); }

std::vector<pid_t> children_in(const FileDescriptor& list) {
  std::vector<pid_t> found;
  add_listed(list, found);
  return found;
}

void add_descendants(pid_t pid, std::vector<pid_t>& found) {
  auto next = found.size();
  for (auto child : children_of(pid))
    found.push_back(child);
  for (; next < found.size(); ++next)
    for (auto child : children_of(found[next]))
      found.push_back(child);
}

std::vector<pid_t> all_marked(std::uint64_t marker) {
  std::vector<pid_t> found;
  for_each_number("/proc", [&](pid_t pid) {
    if (marker_on(pid) != marker)
      return;
    auto stat = stat_of(pid);
    if (stat && stat->state != 'Z' && stat->state != 'X')
      found.push_back(pid);
  });
  return found;
}

std::optional<ProcessStat> first_marked(std::uint64_t marker) {
  std::optional<ProcessStat> first;
  for (auto pid : all_marked(marker)) {
    auto stat = stat_of(pid);
    if (!stat)
      continue;
    bool earlier = !first || stat->start_ticks < first->start_ticks ||
                   // Within a tick the leader of the session came first: we made that session.
                   (stat->start_ticks == first->start_ticks && stat->session == pid &&
                    first->session != first->pid);
    if (earlier)
      first = stat;
  }
  return first;
}

FileDescriptor open_process(pid_t pid, std::uint64_t start_ticks) {
  FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd && start_ticks_of(pid) != start_ticks)
    return {};
  return pidfd;
}

ProcessEnd end_of(const FileDescriptor& pidfd, pid_t pid) {
  ProcessEnd found;
  pollfd look{pidfd.value(), POLLIN, 0};
  if (::poll(&look, 1, 0) <= 0 || look.revents == 0)
    return found;
  found.ended = true;
  found.reaped = (look.revents & POLLHUP) != 0;
  PidfdInfo info{};
  info.mask = pidfd_info_exit;
  if (::ioctl(pidfd.value(), pidfd_get_info, &info) == 0) {
    if ((info.mask & pidfd_info_exit) != 0) {
      found.status = info.exit_code;
      found.reaped = true;
    }
  } else if (errno == ESRCH) {
    found.reaped = true;
  }
  if (found.status || found.reaped)
    return found;
  // A zombie still has its status in /proc, for those who may look (older kernels: the only way).
  auto stat = stat_of(pid);
  if (stat && stat->state == 'Z' && ::geteuid() == 0)
    found.status = stat->exit_code;
  return found;
}

bool signal_marked(pid_t pid, std::uint64_t marker, int signal) {
  FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd || marker_on(pid) != marker)
    return false;
  return ::syscall(SYS_pidfd_send_signal, pidfd.value(), signal, nullptr, 0) == 0;
}

std::int64_t resident_bytes(const std::vector<pid_t>& processes) {
  static const auto page_bytes = ::sysconf(_SC_PAGESIZE);
  std::int64_t sum = 0;
  for (auto pid : processes) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/statm", pid);
    char buffer[256];
    auto n = read_small(path, buffer, sizeof buffer);
    if (n <= 0)
      continue;
    buffer[n] = '\0';
    long long size = 0;
    long long resident = 0;
    if (std::sscanf(buffer, "%lld %lld", &size, &resident) == 2)
      sum += resident * page_bytes;
  }
  return sum;
}

}  // namespace autotune
