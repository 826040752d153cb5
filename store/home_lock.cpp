#include "store/home_lock.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace autotune {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t command_bytes_max = 200;
constexpr auto dead_holder_wait = 2000ms;
constexpr auto look_interval = 5ms;

/// An OFD lock can be asked after without being taken, unlike one of flock().
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::string slurp(int fd, std::size_t bytes_max) {
  std::string text(bytes_max, '\0');
  auto n = ::pread(fd, text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

/// "autotune run x.yaml", cut, without what could break a line.
std::string own_command() {
  int fd = ::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return "unknown command";
  std::string text(command_bytes_max, '\0');
  auto n = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!text.empty() && text.back() == '\0')
    text.pop_back();
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20)
      c = ' ';
  // The folder of the program says nothing that the holder's name does not.
  auto word = text.find(' ');
  auto slash = text.rfind('/', word == std::string::npos ? std::string::npos : word);
  return slash == std::string::npos ? text : text.substr(slash + 1);
}

std::string now_text() {
  std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string holder_of(int fd) {
  auto text = slurp(fd, 512);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text.empty() ? "another process" : text;
}

/// Whether the process that signed is one that runs. False for a zombie, and where the text names none.
bool is_alive(const std::string& holder) {
  int pid = 0;
  if (std::sscanf(holder.c_str(), "pid %d", &pid) != 1 || pid <= 0)
    return false;
  int fd = ::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  auto stat = slurp(fd, 512);
  ::close(fd);
  auto name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat[name_end + 2] != 'Z' && stat[name_end + 2] != 'X';
}

/// Takes the lock. A process that is killed in the moment between fork and exec of another leaves that one with its
/// lock until it has executed: a dead holder is waited for, a living one is not.
bool take(int fd) {
  auto whole = whole_file();
  for (auto waited = 0ms;; waited += look_interval) {
    if (::fcntl(fd, F_OFD_SETLK, &whole) == 0)
      return true;
    if ((errno != EAGAIN && errno != EACCES) || waited >= dead_holder_wait)
      return false;
    if (is_alive(holder_of(fd))) {
      errno = EAGAIN;
      return false;
    }
    std::this_thread::sleep_for(look_interval);
  }
}

/// Who we are; padded in one write, so that a reader never sees half of it and an old text is covered.
void sign(int fd) {
  auto text = "pid " + std::to_string(::getpid()) + " (" + own_command() + ") since " + now_text();
  text.resize(400, ' ');
  text += '\n';
  // On a full disk the lock holds all the same; only its holder's name is missing.
  [[maybe_unused]] auto n = ::pwrite(fd, text.data(), text.size(), 0);
}

}  // namespace

HomeLock::~HomeLock() {
  if (fd_ >= 0)
    ::close(fd_);
}

Result<HomeLock> lock_home(const std::filesystem::path& home) {
  auto unusable = [&](const std::string& why) {
    return fail(ErrorCode::failed_precondition,
                "the home " + home.string() + " cannot be used: " + why +
                    "; check its permissions or choose another by --home");
  };
  std::error_code error;
  if (!std::filesystem::exists(home, error)) {
    if (std::filesystem::create_directories(home, error); error)
      return unusable(error.message());
    std::filesystem::permissions(home, std::filesystem::perms::owner_all, error);
  }
  int fd = ::open((home / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return unusable(strerror(errno));
  HomeLock lock(fd);
  if (!take(fd)) {
    if (errno != EAGAIN && errno != EACCES)
      return unusable(strerror(errno));
    return fail(ErrorCode::failed_precondition,
                "the home " + home.string() + " is held by " + holder_of(fd) +
                    "; wait until it ends, stop it, or choose another by --home");
  }
  sign(fd);
  return lock;
}

std::string home_holder(const std::filesystem::path& home) {
  int fd = ::open((home / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return "";
  auto whole = whole_file();
  std::string holder;
  if (::fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
    holder = holder_of(fd);
  ::close(fd);
  return holder;
}

}  // namespace autotune
