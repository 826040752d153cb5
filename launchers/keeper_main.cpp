// The keeper's beginning: one per home, away from the agent's terminal and session.
#include "launchers/keeper.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "launchers/keeper_state.hpp"

namespace autotune {

namespace {

struct Arguments {
  KeeperConfig config;
  bool foreground = false;
  bool fine = false;
};

Arguments read_arguments(int argc, char** argv) {
  Arguments found;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--home" && i + 1 < argc)
      found.config.home = argv[++i];
    else if (word == "--idle-ms" && i + 1 < argc)
      found.config.idle_ms = std::atoll(argv[++i]);
    else if (word == "--foreground")
      found.foreground = true;
    else if (word != "keeper")
      return found;
  }
  found.fine = !found.config.home.empty();
  return found;
}

/// Goes into the background, away from the agent's terminal, session and files.
bool step_back() {
  auto pid = ::fork();
  if (pid < 0)
    return false;
  if (pid > 0)
    ::_exit(0);  // the agent, which waits for us, knows now that the socket is open
  ::setsid();
  int null = ::open("/dev/null", O_RDWR);
  for (int fd : {0, 1, 2})
    ::dup2(null, fd);
  if (null > 2)
    ::close(null);
  return ::chdir("/") == 0;
}

}  // namespace

int keeper_main(int argc, char** argv) {
  auto arguments = read_arguments(argc, argv);
  if (!arguments.fine) {
    std::fprintf(stderr, "usage: autotune keeper --home DIR [--idle-ms N] [--foreground]\n");
    return 2;
  }
  ::close_range(3, ~0U, 0);
  const auto& home = arguments.config.home;
  FileDescriptor lock(::open(keeper_lock_path(home).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) {
    std::fprintf(stderr, "cannot open %s: %s\n", keeper_lock_path(home).c_str(),
                 std::strerror(errno));
    return 1;
  }
  if (::flock(lock.value(), LOCK_EX | LOCK_NB) != 0)
    return 0;  // another keeper has this home
  auto listener = listen_as_keeper(home);
  if (!listener) {
    std::fprintf(stderr, "%s\n", listener.error().message.c_str());
    return 1;
  }
  if (!arguments.foreground && !step_back())
    return 1;
  ::listen(listener->value(),
           8);  // anew: who connects is told the pid of the process that listened
  ::prctl(PR_SET_NAME, "autotune-keeper");
  return Keeper(std::move(arguments.config), std::move(*listener)).run();
}

}  // namespace autotune
