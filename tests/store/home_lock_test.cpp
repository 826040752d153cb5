#include "store/home_lock.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>
#include <utility>

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

namespace {

/// A process that holds a home until it is killed.
class Holder {
 public:
  /// `starts`: for 300 ms it has a child that is between fork and exec, which has all that its parent has open.
  explicit Holder(const std::filesystem::path& home, bool starts = false) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      auto lock = lock_home(home);
      const bool is_child = starts && ::fork() == 0;
      if (!starts || is_child) {
        [[maybe_unused]] auto n = ::write(ready[1], lock ? "y" : "n", 1);
      }
      if (is_child) {
        ::usleep(300000);
        ::_exit(0);
      }
      for (;;)
        ::pause();
    }
    char told = 0;
    REQUIRE(::read(ready[0], &told, 1) == 1);
    CHECK(told == 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Holder() {
    kill();
    reap();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  pid_t pid() const { return pid_; }
  /// It is a zombie then.
  void kill() const {
    siginfo_t dead{};
    if (!reaped_ && ::kill(pid_, SIGKILL) == 0)
      ::waitid(P_PID, static_cast<id_t>(pid_), &dead, WEXITED | WNOWAIT);
  }
  void reap() {
    if (!std::exchange(reaped_, true))
      ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
  bool reaped_ = false;
};

}  // namespace

TEST_CASE("what a killed holder was starting gives the lock back, and is waited for", "[store]") {
  TemporaryFolder folder;
  Holder holder(folder.path(), true);
  holder.kill();
  SECTION("reaped") { holder.reap(); }
  SECTION("a zombie still") {}
  CHECK(lock_home(folder.path()));
}

TEST_CASE("a lock dies with its process, however that dies", "[store]") {
  TemporaryFolder folder;
  Holder holder(folder.path());
  auto refused = lock_home(folder.path());
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Catch::Contains("pid " + std::to_string(holder.pid())));
  holder.kill();
  holder.reap();
  CHECK(lock_home(folder.path()));
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
