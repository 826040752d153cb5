// What becomes of trials when the keeper that holds them dies.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <csignal>
#include <fstream>

#include "launchers/job_folder.hpp"
#include "launchers/process_tree.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
using std::chrono::milliseconds;

namespace {

/// Whether the kernel tells how a process ended that is not our child (Linux 6.15).
bool kernel_tells_exits() {
  std::ifstream file("/proc/sys/kernel/osrelease");
  int major = 0;
  int minor = 0;
  char dot = 0;
  file >> major >> dot >> minor;
  return major > 6 || (major == 6 && minor >= 15);
}

}  // namespace

TEST_CASE("a trial outlives its keeper, and the next keeper tells how it ended",
          "[process][keeper]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = waiting_plan("exit 5");
  REQUIRE(launcher->prepare(plan));
  launcher->start(key_of(plan), std::nullopt);
  REQUIRE(launcher.wait_for_start(key_of(plan)));
  auto old_keeper = home.keeper_pid();
  kill_keeper(home);
  REQUIRE(
      launcher.wait_for([&] { return home.keeper_pid() > 0 && home.keeper_pid() != old_keeper; }));
  CHECK(alive(launcher.started[0].pid()));
  write_file(trial_file(home, plan, "go"), "");
  auto exit = launcher.wait_for_exit(key_of(plan));
  if (kernel_tells_exits()) {
    CHECK(exit.cause() == pb::EXIT_CAUSE_EXITED);
    CHECK(exit.exit_code() == 5);
  } else {
    CHECK(exit.cause() == pb::EXIT_CAUSE_LOST);
  }
  CHECK(launcher.exits.size() == 1);
}

TEST_CASE("a trial that ends together with its keeper is judged by its pidfd",
          "[process][keeper]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = waiting_plan("sleep 1000");
  REQUIRE(launcher->prepare(plan));
  launcher->start(key_of(plan), std::nullopt);
  REQUIRE(launcher.wait_for_start(key_of(plan)));
  auto pid = launcher.started[0].pid();
  auto keeper = home.keeper_pid();
  ::kill(keeper, SIGSTOP);
  ::kill(pid, SIGKILL);
  ::kill(keeper, SIGKILL);
  auto exit = launcher.wait_for_exit(key_of(plan));
  if (kernel_tells_exits()) {
    CHECK(exit.cause() == pb::EXIT_CAUSE_EXITED);
    CHECK(exit.signal() == SIGKILL);
  } else {
    CHECK(exit.cause() == pb::EXIT_CAUSE_LOST);
  }
}

TEST_CASE("stop and deadline reach a trial whose keeper has died", "[process][keeper]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan("setsid sleep 1000 & echo $! > $AUTOTUNE_TRIAL_DIR/pids; exec sleep 1001");
  REQUIRE(launcher->prepare(plan));
  bool by_deadline = GENERATE(false, true);
  CAPTURE(by_deadline);
  launcher->start(key_of(plan), by_deadline ? std::optional(milliseconds(1500)) : std::nullopt);
  REQUIRE(launcher.wait_for_start(key_of(plan)));
  REQUIRE(eventually([&] { return !numbers_in(trial_file(home, plan, "pids")).empty(); }));
  auto child = numbers_in(trial_file(home, plan, "pids"))[0];
  kill_keeper(home);
  if (!by_deadline)
    launcher->stop(key_of(plan), milliseconds(5000));
  auto exit = launcher.wait_for_exit(key_of(plan));
  CHECK(exit.cause() == (by_deadline ? pb::EXIT_CAUSE_DEADLINE : pb::EXIT_CAUSE_STOPPED));
  CHECK_FALSE(alive(child));
}

TEST_CASE("a trial without agent and without keeper is found by a new agent", "[process][keeper]") {
  Home home;
  auto running = waiting_plan("exit 5", 0);
  auto gone = waiting_plan("exit 6", 1);
  int pid = 0;
  {
    Watched first(make_process_launcher(options_for(home)));
    for (const auto* plan : {&running, &gone}) {
      REQUIRE(first->prepare(*plan));
      first->start(key_of(*plan), std::nullopt);
      REQUIRE(first.wait_for_start(key_of(*plan)));
    }
    pid = first.started[0].pid();
    auto keeper = home.keeper_pid();
    first.drop();
    ::kill(keeper, SIGKILL);
    REQUIRE(eventually([&] { return !alive(keeper); }));
    ::kill(first.started[1].pid(), SIGKILL);
    REQUIRE(eventually([&] { return !alive(first.started[1].pid()); }));
  }
  REQUIRE(alive(pid));
  Watched second(make_process_launcher(options_for(home)));
  auto found = second->adopt(running);
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK_FALSE(found->front().exit);
  auto lost = second->adopt(gone);
  REQUIRE(lost);
  CHECK(second.wait_for_exit(key_of(gone)).cause() == pb::EXIT_CAUSE_LOST);
  REQUIRE(second.wait_for_start(key_of(running)));
  CHECK(second.started[0].pid() == pid);
  write_file(trial_file(home, running, "go"), "");
  auto exit = second.wait_for_exit(key_of(running));
  CHECK(exit.cause() == (kernel_tells_exits() ? pb::EXIT_CAUSE_EXITED : pb::EXIT_CAUSE_LOST));
}

TEST_CASE("what outlives a trial's process and its keeper is not taken for the trial",
          "[process][keeper]") {
  Home home;
  auto plan = shell_plan("sleep 1000 & echo $! > $AUTOTUNE_TRIAL_DIR/child; wait");
  pid_t child = 0;
  {
    Watched first(make_process_launcher(options_for(home)));
    REQUIRE(first->prepare(plan));
    first->start(key_of(plan), std::nullopt);
    REQUIRE(first.wait_for_start(key_of(plan)));
    REQUIRE(eventually([&] {
      child = std::atoi(read_file(trial_file(home, plan, "child")).c_str());
      return child > 0;
    }));
    auto keeper = home.keeper_pid();
    first.drop();
    ::kill(keeper, SIGKILL);
    REQUIRE(eventually([&] { return !alive(keeper); }));
    ::kill(first.started[0].pid(), SIGKILL);
    REQUIRE(eventually([&] { return !alive(first.started[0].pid()); }));
  }
  REQUIRE(alive(child));
  Watched second(make_process_launcher(options_for(home)));
  REQUIRE(second->adopt(plan));
  auto exit = second.wait_for_exit(key_of(plan));
  CHECK(exit.cause() == pb::EXIT_CAUSE_LOST);
  CHECK_THAT(exit.detail(), Catch::Contains("what that had started was ended"));
  CHECK(eventually([&] { return !alive(child); }));
}
