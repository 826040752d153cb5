// The files of an attempt's folder that must be whole.
#include <catch2/catch.hpp>

#include <filesystem>

#include "launchers/job_folder.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
namespace fs = std::filesystem;

TEST_CASE("exit files are whole or not there", "[job_folder]") {
  Home home;
  pb::ReplicaExit exit;
  *exit.mutable_key() = key_of(shell_plan(""), "worker-0", 3);
  exit.set_cause(pb::EXIT_CAUSE_OUT_OF_MEMORY);
  exit.set_exit_code(1);
  exit.set_signal(9);
  exit.set_detail("of \"memory\"\n");
  exit.set_started_at_ms(1700000000000);
  exit.set_ended_at_ms(1700000000001);
  auto read = exit_from_json(exit_to_json(exit));
  REQUIRE(read);
  CHECK(read->SerializeAsString() == exit.SerializeAsString());
  CHECK_FALSE(exit_from_json("{}"));
  CHECK_FALSE(exit_from_json("{\"key\":{},\"cause\":\"EXIT_CAUSE_NOPE\"}"));
  CHECK_FALSE(newest_exit(home.path()));
  REQUIRE(write_whole_file(exit_path(home.path(), 0), exit_to_json(exit)));
  REQUIRE(write_whole_file(exit_path(home.path(), 10), exit_to_json(exit)));
  write_file(exit_path(home.path(), 9), "{");
  write_file(home.path() + "/exit-99.json.new", "{");
  REQUIRE(newest_exit(home.path()));
  write_file(exit_path(home.path(), 11), "{\"key\":");
  CHECK_FALSE(newest_exit(home.path()));  // torn by a crash: as if it were not there
}

TEST_CASE("folders have the names that the plan gives, and no others", "[job_folder]") {
  auto plan = shell_plan("", 12);
  CHECK(JobFolder::of("/h", plan)->replica("worker-0") ==
        "/h/trials/test-abcde/12-p4iyq/1/worker-0");
  for (const char* name : {"", "..", "a/b", "."}) {
    auto wrong = plan;
    wrong.set_experiment_id(name);
    CHECK_FALSE(JobFolder::of("/h", wrong));
  }
  plan.mutable_training_config()->mutable_tasks(0)->set_role("../up");
  CHECK_FALSE(JobFolder::of("/h", plan));
}

TEST_CASE("a start note tells its number, whoever it shares its file with", "[job_folder]") {
  Home home;
  for (const char* name : {"/a", "/b", "/c"})
    fs::create_directory(home.path() + name);
  StartNotes notes;
  const std::string environment("NAME=secret\0OTHER=secret\0", 25);
  CHECK_FALSE(newest_start(home.path() + "/a"));
  REQUIRE(notes.write(home.path() + "/a", 0, environment));
  REQUIRE(notes.write(home.path() + "/b", 0, environment));
  REQUIRE(notes.write(home.path() + "/b", 1, environment));
  CHECK(newest_start(home.path() + "/a") == 0);
  CHECK(newest_start(home.path() + "/b") == 1);
  CHECK_THAT(read_file(home.path() + "/a/environment"),
             Catch::Contains("NAME\n") && !Catch::Contains("secret"));
  fs::remove_all(home.path() + "/b");
  REQUIRE(notes.write(home.path() + "/c", 1, environment));  // what it would link to is gone
  CHECK(newest_start(home.path() + "/c") == 1);
  write_file(home.path() + "/c/environment", "");
  CHECK(newest_start(home.path() + "/c") == 0);
}

TEST_CASE("an exit file that a crash tore counts as not there", "[job_folder]") {
  Home home;
  pb::ReplicaExit exit;
  exit.mutable_key()->set_experiment_id("test-abcde");
  exit.mutable_key()->set_replica("worker-0");
  exit.set_cause(pb::EXIT_CAUSE_EXITED);
  exit.set_exit_code(7);
  REQUIRE(write_exit(home.path(), exit));
  CHECK(newest_exit(home.path())->exit_code() == 7);
  auto text = read_file(exit_path(home.path(), 0));
  for (std::size_t length = 0; length + 2 < text.size(); length += 20) {
    write_file(exit_path(home.path(), 0), text.substr(0, length));
    CHECK_FALSE(newest_exit(home.path()));
  }
  REQUIRE(write_exit(home.path(), exit));
  CHECK(newest_exit(home.path())->exit_code() == 7);
}
