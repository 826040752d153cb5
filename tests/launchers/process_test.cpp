// The process launcher with real processes: starting, ending, reports.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <csignal>

#include "launchers/job_folder.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
using std::chrono::milliseconds;

TEST_CASE("a trial's exit code and its reports come back", "[process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan(R"(echo '{"type":"final","value":0.5}' >> "$AUTOTUNE_REPORTS"; exit 3)");
  auto exit = launcher.run(plan);
  CHECK(exit.cause() == pb::EXIT_CAUSE_EXITED);
  CHECK(exit.exit_code() == 3);
  CHECK(exit.signal() == 0);
  CHECK(launcher.started.size() == 1);
  auto batch = launcher->read_reports(key_of(plan), 0, 100, true);
  REQUIRE(batch);
  REQUIRE(batch->reports.size() == 1);
  CHECK(batch->reports[0].kind() == pb::REPORT_KIND_FINAL);
  CHECK(batch->reports[0].metrics(0).value() == 0.5);
  CHECK(batch->last_line == 1);
  auto written = exit_from_json(read_file(folder_of(home, plan) + "/exit-0.json"));
  REQUIRE(written);
  CHECK(written->SerializeAsString() == exit.SerializeAsString());
}

TEST_CASE("a trial that dies of a signal says which", "[process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto exit =
      launcher.run(shell_plan("kill -SEGV $$$$"));  // $$ is a dollar sign, as Kubernetes has it
  CHECK(exit.cause() == pb::EXIT_CAUSE_EXITED);
  CHECK(exit.signal() == SIGSEGV);
}

TEST_CASE("a command that is missing is an end with its reason", "[process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan("true");
  plan.mutable_training_config()->mutable_tasks(0)->mutable_container()->set_command(
      0, "no-such-command");
  auto exit = launcher.run(plan);
  CHECK(exit.cause() == pb::EXIT_CAUSE_SPAWN_FAILED);
  CHECK_THAT(exit.detail(), Catch::Contains("no-such-command") && Catch::Contains("No such file"));
  plan.set_attempt(2);
  auto& container = *plan.mutable_training_config()->mutable_tasks(0)->mutable_container();
  container.set_command(0, "sh");
  container.set_working_dir("/no/such/folder");
  exit = launcher.run(plan);
  CHECK(exit.cause() == pb::EXIT_CAUSE_SPAWN_FAILED);
  CHECK_THAT(exit.detail(), Catch::Contains("workingDir /no/such/folder"));
}

TEST_CASE("why a trial failed does not show its secrets", "[process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan(
      "echo \"login with $TOKEN failed\" >&2; echo \"$TOKEN\" >> $AUTOTUNE_REPORTS; exit 3");
  auto& secret = *plan.add_secrets();
  secret.set_name("mine");
  (*secret.mutable_data())["token"] = "correct-horse\n";
  auto& container = *plan.mutable_training_config()->mutable_tasks(0)->mutable_container();
  auto& variable = *container.add_env();
  variable.set_name("TOKEN");
  variable.mutable_secret_ref()->set_name("mine");
  variable.mutable_secret_ref()->set_key("token");
  SECTION("on its stderr and in its reports") {
    auto exit = launcher.run(plan);
    CHECK(exit.exit_code() == 3);
    CHECK(exit.detail() == "login with *** failed");
    auto batch = launcher->read_reports(key_of(plan), 0, 100, true);
    REQUIRE(batch);
    CHECK(batch->bad_example == "***");
  }
  SECTION("as the command that is missing, after a restart of the agent too") {
    container.set_command(0, "/no/such/$(TOKEN)");
    CHECK_THAT(launcher.run(plan).detail(),
               Catch::Contains("/no/such/***") && !Catch::Contains("correct-horse"));
    launcher.drop();
    Watched next(make_process_launcher(options_for(home)));
    auto adopted = next->adopt(plan);
    REQUIRE(adopted);
    REQUIRE(adopted->size() == 1);
    REQUIRE(adopted->front().exit);
    CHECK_THAT(adopted->front().exit->detail(),
               Catch::Contains("/no/such/***") && !Catch::Contains("correct-horse"));
  }
}

TEST_CASE("stopping asks, waits for the grace, and kills", "[process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  SECTION("a trial that goes when asked") {
    auto plan = shell_plan(
        "trap 'exit 7' TERM; echo ready > $AUTOTUNE_TRIAL_DIR/ready; while :; do sleep 0.01; done");
    REQUIRE(launcher->prepare(plan));
    launcher->start(key_of(plan), std::nullopt);
    auto ready = JobFolder::of(home.path(), plan)->trial() + "/ready";
    REQUIRE(eventually([&] { return !read_file(ready).empty(); }));
    launcher->stop(key_of(plan), milliseconds(10000));
    auto exit = launcher.wait_for_exit(key_of(plan));
    CHECK(exit.cause() == pb::EXIT_CAUSE_STOPPED);
    CHECK(exit.exit_code() == 7);
  }
  SECTION("a trial that does not") {
    auto plan = shell_plan(
        "trap '' TERM; echo ready > $AUTOTUNE_TRIAL_DIR/ready; while :; do sleep 0.01; done");
    REQUIRE(launcher->prepare(plan));
    launcher->start(key_of(plan), std::nullopt);
    auto ready = JobFolder::of(home.path(), plan)->trial() + "/ready";
    REQUIRE(eventually([&] { return !read_file(ready).empty(); }));
    launcher->stop(key_of(plan), milliseconds(100));
    auto exit = launcher.wait_for_exit(key_of(plan));
    CHECK(exit.cause() == pb::EXIT_CAUSE_STOPPED);
    CHECK(exit.signal() == SIGKILL);
  }
  SECTION("a second stop without grace hurries") {
    auto plan = shell_plan(
        "trap '' TERM; echo ready > $AUTOTUNE_TRIAL_DIR/ready; while :; do sleep 0.01; done");
    REQUIRE(launcher->prepare(plan));
    launcher->start(key_of(plan), std::nullopt);
    auto ready = JobFolder::of(home.path(), plan)->trial() + "/ready";
    REQUIRE(eventually([&] { return !read_file(ready).empty(); }));
    launcher->stop(key_of(plan), milliseconds(3600000));
    launcher->stop(key_of(plan), milliseconds(0));
    CHECK(launcher.wait_for_exit(key_of(plan)).signal() == SIGKILL);
  }
}

TEST_CASE("a deadline ends the trial in time", "[process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan("exec sleep 1000");
  REQUIRE(launcher->prepare(plan));
  auto begin = std::chrono::steady_clock::now();
  launcher->start(key_of(plan), milliseconds(300));
  auto exit = launcher.wait_for_exit(key_of(plan));
  auto took = std::chrono::steady_clock::now() - begin;
  CHECK(exit.cause() == pb::EXIT_CAUSE_DEADLINE);
  CHECK(exit.signal() == SIGTERM);
  CHECK(took >= milliseconds(300));
  CHECK(took < milliseconds(500));
}

TEST_CASE("a new agent finds what runs and what has ended meanwhile", "[process]") {
  Home home;
  auto running =
      shell_plan("while [ ! -e $AUTOTUNE_TRIAL_DIR/go ]; do sleep 0.01; done; exit 5", 0);
  auto ending = shell_plan("while [ ! -e $AUTOTUNE_TRIAL_DIR/go ]; do sleep 0.01; done; exit 6", 1);
  auto go = [&](const pb::AttemptPlan& plan) {
    write_file(JobFolder::of(home.path(), plan)->trial() + "/go", "");
  };
  int pid = 0;
  {
    Watched first(make_process_launcher(options_for(home)));
    for (const auto* plan : {&running, &ending}) {
      REQUIRE(first->prepare(*plan));
      first->start(key_of(*plan), std::nullopt);
      REQUIRE(first.wait_for_start(key_of(*plan)));
    }
    pid = first.started[0].pid();
  }
  go(ending);
  REQUIRE(eventually([&] { return !read_file(folder_of(home, ending) + "/exit-0.json").empty(); }));
  CHECK(alive(pid));
  Watched second(make_process_launcher(options_for(home)));
  auto ended = second->adopt(ending);
  REQUIRE(ended);
  REQUIRE(ended->size() == 1);
  REQUIRE(ended->front().exit);
  CHECK(ended->front().exit->exit_code() == 6);
  auto found = second->adopt(running);
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK_FALSE(found->front().exit);
  go(running);
  CHECK(second.wait_for_exit(key_of(running)).exit_code() == 5);
  CHECK(second.exits.size() == 1);
  auto never = second->adopt(shell_plan("true", 2));
  REQUIRE(never);
  CHECK(never->empty());
}
