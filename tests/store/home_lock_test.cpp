#include "store/home_lock.hpp"

#include <chrono>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

TEST_CASE("a held home is refused naming the holder", "[store]") {
  TemporaryFolder folder;
  auto home = folder.path() / "not" / "yet";
  CHECK(home_holder(home).empty());
  {
    auto lock = value(lock_home(home));
    struct stat info {};
    REQUIRE(::stat(home.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
    auto second = lock_home(home);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::failed_precondition);
    CHECK_THAT(second.error().message,
               Catch::Contains("held by pid " + std::to_string(::getpid())) &&
                   Catch::Contains("(store_test") && Catch::Contains(" since 20"));
    CHECK_THAT(home_holder(home), Catch::Contains("pid " + std::to_string(::getpid())));
    // Asking who holds it does not take it, or give it away.
    CHECK_FALSE(lock_home(home));
  }
  CHECK(home_holder(home).empty());
  CHECK(lock_home(home));
}

TEST_CASE("what a killed holder was starting gives the lock back, and is waited for", "[store]") {
  TemporaryFolder folder;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  auto child = ::fork();
  if (child == 0) {
    auto lock = lock_home(folder.path());
    // As between fork and exec: it still has what its parent had open.
    if (::fork() == 0) {
      [[maybe_unused]] auto n = ::write(ready[1], lock ? "y" : "n", 1);
      ::usleep(300000);
      ::_exit(0);
    }
    ::pause();
    ::_exit(0);
  }
  char told = 0;
  REQUIRE(::read(ready[0], &told, 1) == 1);
  CHECK(told == 'y');
  ::kill(child, SIGKILL);
  siginfo_t dead{};
  ::waitid(P_PID, static_cast<id_t>(child), &dead, WEXITED | WNOWAIT);
  SECTION("reaped") { ::waitpid(child, nullptr, 0); }
  SECTION("a zombie still") {}
  CHECK(lock_home(folder.path()));
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a lock dies with its process, however that dies", "[store]") {
  TemporaryFolder folder;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  auto child = ::fork();
  if (child == 0) {
    auto lock = lock_home(folder.path());
    char told = lock ? 'y' : 'n';
    [[maybe_unused]] auto n = ::write(ready[1], &told, 1);
    ::pause();
    ::_exit(0);
  }
  char told = 0;
  REQUIRE(::read(ready[0], &told, 1) == 1);
  CHECK(told == 'y');
  auto refused = lock_home(folder.path());
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Catch::Contains("pid " + std::to_string(child)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(lock_home(folder.path()));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a program that is started while the home is held does not hold it", "[store]") {
  TemporaryFolder folder;
  pid_t child = 0;
  int until[2];
  REQUIRE(::pipe2(until, O_CLOEXEC) == 0);
  {
    auto lock = value(lock_home(folder.path()));
    CHECK((::fcntl(lock.fd(), F_GETFD) & FD_CLOEXEC) != 0);
    child = ::fork();
    if (child == 0) {
      ::dup2(until[0], 0);
      ::execl("/bin/cat", "cat", nullptr);
      ::_exit(1);
    }
    ::close(until[0]);
  }
  // The lock goes at exec; that is soon, but nothing tells us when.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!home_holder(folder.path()).empty() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CHECK(home_holder(folder.path()).empty());
  ::close(until[1]);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a home that cannot be written is said to be so", "[store]") {
  auto refused = lock_home("/proc/nothing/here");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::failed_precondition);
  CHECK_THAT(refused.error().message,
             Catch::Contains("/proc/nothing/here") && Catch::Contains("--home"));
}
