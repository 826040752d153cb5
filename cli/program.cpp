#include "cli/program.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launchers/file_descriptor.hpp"

namespace autotune::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t output_bytes_max = 64 << 10;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words)
    list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

/// Ours, with the given ones in place of those of the same name.
std::vector<std::string> merged(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** one = environ; *one != nullptr; ++one) {
    std::string text = *one;
    auto name = text.substr(0, text.find('=') + 1);
    bool given = std::any_of(added.begin(), added.end(),
                             [&](const auto& x) { return x.rfind(name, 0) == 0; });
    if (!given)
      all.push_back(std::move(text));
  }
  return all;
}

Result<pid_t> spawn(std::vector<std::string> argv, std::vector<std::string> environment,
                    int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  int error = ::posix_spawnp(&pid, argv.front().c_str(), &actions, &attributes,
                             pointers(argv).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return fail(ErrorCode::unavailable, argv.front() + ": " + std::strerror(error));
  return pid;
}

/// Reads until the other end is closed. False: the time is up.
bool read_until(int fd, Clock::time_point deadline, std::string& text) {
  std::array<char, 4096> buffer{};
  while (true) {
    auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0)
      return false;
    pollfd watched{fd, POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(left)) <= 0)
      continue;
    auto n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return true;
    auto room = output_bytes_max - std::min(output_bytes_max, text.size());
    text.append(buffer.data(), std::min(room, static_cast<std::size_t>(n)));
  }
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/bin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return {};
}

Result<ProgramOutput> run_program(const std::vector<std::string>& argv,
                                  const std::vector<std::string>& environment,
                                  std::chrono::milliseconds time_max) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return fail(ErrorCode::unavailable, std::string("no pipe: ") + std::strerror(errno));
  FileDescriptor reading(ends[0]);
  FileDescriptor writing(ends[1]);
  auto pid = spawn(argv, merged(environment), writing.value());
  if (!pid)
    return tl::unexpected(pid.error());
  writing = FileDescriptor();
  ProgramOutput output;
  bool in_time = read_until(reading.value(), Clock::now() + time_max, output.text);
  if (!in_time)
    ::kill(-*pid, SIGKILL);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time)
    return fail(ErrorCode::unavailable, argv.front() + " took longer than " +
                                            std::to_string(time_max.count() / 1000) + " s");
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

}  // namespace autotune::cli
