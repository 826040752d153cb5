// Whole process trees end: children in sessions of their own, orphans, and those without an environment.
#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>

#include "launchers/job_folder.hpp"
#include "launchers/process_tree.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
using std::chrono::milliseconds;

namespace {

// Each line starts a process that outlives its parent in another way, and notes its pid.
const std::string family = R"(
  pids=$AUTOTUNE_TRIAL_DIR/pids
  sleep 1000 & echo $! >> $pids
  setsid sleep 1001 & echo $! >> $pids
  (sleep 1002 & echo $! >> $pids)
  (setsid sh -c '(setsid sleep 1003 & echo $! >> "$0")' $pids) &
  wait $!
  env -i setsid sleep 1004 & echo $! >> $pids
  env -i setsid sh -c 'trap "" TERM HUP INT; echo $$$$ >> "$0"; while :; do sleep 0.05; done' $pids &
)";
constexpr std::size_t family_size = 6;

std::string pids_path(const Home& home, const pb::AttemptPlan& plan) {
  return JobFolder::of(home.path(), plan)->trial() + "/pids";
}

bool all_gone(const std::vector<int>& pids) {
  return std::none_of(pids.begin(), pids.end(), [](int pid) { return alive(pid); });
}

}  // namespace

TEST_CASE("what a trial leaves behind when it ends is ended too", "[process][tree]") {
  Home home;
  auto options = options_for(home);
  options.cgroup_per_trial = GENERATE(false, true);
  CAPTURE(options.cgroup_per_trial);
  Watched launcher(make_process_launcher(options));
  auto plan = shell_plan(family + "while [ $(wc -l < $pids) -lt 6 ]; do sleep 0.01; done; exit 4");
  auto exit = launcher.run(plan);
  CHECK(exit.cause() == pb::EXIT_CAUSE_EXITED);
  CHECK(exit.exit_code() == 4);
  auto pids = numbers_in(pids_path(home, plan));
  CHECK(pids.size() == family_size);
  CHECK(all_gone(pids));
}

TEST_CASE("a stopped trial takes its whole family with it", "[process][tree]") {
  Home home;
  auto options = options_for(home);
  options.cgroup_per_trial = GENERATE(false, true);
  CAPTURE(options.cgroup_per_trial);
  Watched launcher(make_process_launcher(options));
  auto plan = shell_plan(family + "wait");
  REQUIRE(launcher->prepare(plan));
  launcher->start(key_of(plan), std::nullopt);
  auto path = pids_path(home, plan);
  REQUIRE(eventually([&] { return numbers_in(path).size() == family_size; }));
  auto pids = numbers_in(path);
  CHECK(std::all_of(pids.begin(), pids.end(), alive));
  launcher->stop(key_of(plan), milliseconds(200));
  auto exit = launcher.wait_for_exit(key_of(plan));
  CHECK(exit.cause() == pb::EXIT_CAUSE_STOPPED);
  CHECK(all_gone(pids));
}

TEST_CASE("two trials at a time do not end each other's processes", "[process][tree]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto staying = shell_plan(family + "wait; sleep 1000", 0);
  auto going = shell_plan(family + "while [ $(wc -l < $pids) -lt 6 ]; do sleep 0.01; done", 1);
  REQUIRE(launcher->prepare(staying));
  launcher->start(key_of(staying), std::nullopt);
  REQUIRE(eventually([&] { return numbers_in(pids_path(home, staying)).size() == family_size; }));
  CHECK(launcher.run(going).exit_code() == 0);
  CHECK(all_gone(numbers_in(pids_path(home, going))));
  auto pids = numbers_in(pids_path(home, staying));
  CHECK(std::all_of(pids.begin(), pids.end(), alive));
  launcher->stop(key_of(staying), milliseconds(0));
  launcher.wait_for_exit(key_of(staying));
  CHECK(all_gone(pids));
}

TEST_CASE("a child that is asked to go may use the grace after its parent has gone",
          "[process][tree]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan(R"(
    setsid sh -c 'trap "sleep 0.2; echo saved > $AUTOTUNE_TRIAL_DIR/saved; exit" TERM
                  echo $$$$ > $AUTOTUNE_TRIAL_DIR/pids; while :; do sleep 0.01; done' &
    wait)");
  REQUIRE(launcher->prepare(plan));
  launcher->start(key_of(plan), std::nullopt);
  REQUIRE(eventually([&] { return !numbers_in(pids_path(home, plan)).empty(); }));
  launcher->stop(key_of(plan), milliseconds(15000));
  launcher.wait_for_exit(key_of(plan));
  CHECK(read_file(JobFolder::of(home.path(), plan)->trial() + "/saved") == "saved\n");
}

TEST_CASE("a marker names one start of one replica of one home", "[tree]") {
  auto plan = shell_plan("");
  auto key = key_of(plan);
  auto marker = marker_of("/home", key);
  CHECK(marker == marker_of("/home", key));
  CHECK(marker != marker_of("/other", key));
  key.set_restart(1);
  CHECK(marker != marker_of("/home", key));
  CHECK(marker_on(::getpid()) == 0);
  CHECK(marker_on(-5) == 0);
}

TEST_CASE("a process' stat is read whatever its name", "[tree]") {
  auto own = stat_of(::getpid());
  REQUIRE(own);
  CHECK(own->pid == ::getpid());
  CHECK(own->parent == ::getppid());
  CHECK(own->start_ticks > 0);
  CHECK(age_ms(own->start_ticks) >= 0);
  CHECK(age_ms(own->start_ticks) < 600000);
  CHECK_FALSE(stat_of(-1));
}
