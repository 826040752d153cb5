#include <catch2/catch.hpp>

#include <algorithm>

#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cli/doctor.hpp"
#include "launchers/keeper_protocol.hpp"
#include "messages/value.hpp"
#include "store/home_lock.hpp"
#include "tests/cli/temporary_home.hpp"

using namespace autotune;
using namespace autotune::cli;
using autotune::test::shell;
using autotune::test::TemporaryFolder;

namespace {

const Check& named(const Checks& checks, const std::string& name) {
  auto found =
      std::find_if(checks.begin(), checks.end(), [&](const auto& one) { return one.name == name; });
  INFO(name);
  REQUIRE(found != checks.end());
  return *found;
}

}  // namespace

TEST_CASE("a home that is not there yet is fine, and is not made", "[cli][doctor]") {
  TemporaryFolder folder;
  auto home = folder.path() / "a" / "home";
  auto checks = check_home(home);
  CHECK(named(checks, "home").level == CheckLevel::fine);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "a"));
}

TEST_CASE("a home that cannot be is a problem with an advice", "[cli][doctor]") {
  TemporaryFolder folder;
  auto checks = check_home(std::filesystem::path(folder.write("file", "")) / "home");
  CHECK(named(checks, "home").level == CheckLevel::problem);
  CHECK_THAT(named(checks, "home").advice, Catch::Contains("--home"));
}

TEST_CASE("a home that others may enter is warned of", "[cli][doctor]") {
  TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 0755);
  CHECK(named(check_home(folder.path()), "home").level == CheckLevel::warning);
  ::chmod(folder.path().c_str(), 0700);
  CHECK(named(check_home(folder.path()), "home").level == CheckLevel::fine);
}

TEST_CASE("doctor leaves a home as it was", "[cli][doctor]") {
  TemporaryFolder folder;
  check_home(folder.path());
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("whoever holds the home is named", "[cli][doctor]") {
  TemporaryFolder folder;
  CHECK(named(check_home(folder.path()), "lock").level == CheckLevel::fine);
  auto lock = lock_home(folder.path());
  REQUIRE(lock);
  auto check = named(check_home(folder.path()), "lock");
  CHECK(check.level == CheckLevel::warning);  // held, and nobody answers on the socket
  CHECK_THAT(check.found, Catch::Contains("pid " + std::to_string(::getpid())));
}

TEST_CASE("a keeper is seen by its lock, and not disturbed while somebody holds the home",
          "[cli][doctor]") {
  TemporaryFolder folder;
  CHECK(named(check_home(folder.path()), "keeper").level == CheckLevel::information);
  FileDescriptor held(
      ::open(keeper_lock_path(folder.path().string()).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(::flock(held.value(), LOCK_EX | LOCK_NB) == 0);
  auto check = named(check_home(folder.path()), "keeper");
  CHECK(check.level == CheckLevel::problem);  // nobody listens
  CHECK_THAT(check.found, Catch::Contains("pid " + std::to_string(::getpid())));

  auto listener = listen_as_keeper(folder.path().string());
  REQUIRE(listener);
  auto connections = [&] {
    int count = 0;
    pollfd watched{listener->value(), POLLIN, 0};
    for (; ::poll(&watched, 1, 0) == 1; ++count)
      FileDescriptor(::accept4(listener->value(), nullptr, nullptr, SOCK_CLOEXEC));
    return count;
  };
  CHECK(named(check_home(folder.path()), "keeper").level == CheckLevel::fine);
  CHECK(connections() == 1);
  auto lock = lock_home(folder.path());
  REQUIRE(lock);
  CHECK(named(check_home(folder.path()), "keeper").level == CheckLevel::fine);
  CHECK(connections() == 0);
}

TEST_CASE("doctor says what a database holds and when it cannot be read", "[cli][doctor]") {
  TemporaryFolder folder;
  CHECK(named(check_home(folder.path()), "database").level == CheckLevel::fine);
  test::store_events(folder.path(), "one-aaaaa", {test::submitted(test::named("one"))});
  auto check = named(check_home(folder.path()), "database");
  CHECK(check.level == CheckLevel::fine);
  CHECK_THAT(check.found, Catch::Contains("1 experiment"));

  SECTION("of a newer version") {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(database_path(folder.path()).c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, "PRAGMA user_version = 999", nullptr, nullptr, nullptr) ==
            SQLITE_OK);
    sqlite3_close(database);
    check = named(check_home(folder.path()), "database");
    CHECK(check.level == CheckLevel::problem);
    CHECK_THAT(check.found, Catch::Contains("999"));
  }
  SECTION("that is no database") {
    for (const char* rest : {"-wal", "-shm"})
      std::filesystem::remove(database_path(folder.path()).string() + rest);
    std::ofstream(database_path(folder.path())) << std::string(8192, 'x');
    check = named(check_home(folder.path()), "database");
    CHECK(check.level == CheckLevel::problem);
    CHECK_FALSE(check.advice.empty());
  }
}

TEST_CASE("all that the machine has to give is looked at", "[cli][doctor]") {
  auto checks = check_machine();
  for (const char* name : {"machine", "launchers", "other engines", "limits", "volumes", "gpus",
                           "python", "ports", "clock", "open files", "processes"})
    CHECK_FALSE(named(checks, name).found.empty());
  for (const auto& check : checks) {
    CAPTURE(check.name, check.found);
    bool asks_for_something =
        check.level == CheckLevel::warning || check.level == CheckLevel::problem;
    CHECK((asks_for_something || check.advice.empty()));
  }
}

TEST_CASE("GPUs are counted as trials get them", "[cli][doctor]") {
  TemporaryFolder folder;
  folder.write("nvidia-smi", "#!/bin/sh\necho GPU 0: one\necho GPU 1: two\nexit ${SMI_CODE:-0}\n");
  std::filesystem::permissions(folder.path() / "nvidia-smi", std::filesystem::perms::owner_all);
  auto doctor = "PATH=" + folder.path().string() +
                ":$PATH CUDA_VISIBLE_DEVICES=1 $AUTOTUNE doctor --home /nowhere/home";
  CHECK_THAT(shell(doctor).text,
             Catch::Contains("1 for trials, as CUDA_VISIBLE_DEVICES says, 2 by nvidia-smi"));
  CHECK_THAT(shell("export SMI_CODE=9; " + doctor).text,
             Catch::Contains("nvidia-smi -L ends with 9"));
}

TEST_CASE("few open files are warned of", "[cli][doctor]") {
  auto run = shell("ulimit -n 200; $AUTOTUNE doctor --home /nowhere/home");
  CHECK_THAT(run.text, Catch::Contains("200 (at most 200): few"));
}

TEST_CASE("doctor ends with 1 where there is a problem, and its JSON counts them",
          "[cli][doctor]") {
  TemporaryFolder folder;
  auto file = folder.write("file", "");
  auto run = shell("$AUTOTUNE doctor --home " + file + "/home -o json 2>/dev/null");
  CHECK(run.exit_code == 1);
  auto value = parse_json(run.text);
  REQUIRE(value);
  CHECK(value->find("problems")->to_integer().value_or(0) >= 1);
  CHECK(value->find("checks")->as_array()->size() > 10);
}
