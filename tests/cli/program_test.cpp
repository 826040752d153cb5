#include <catch2/catch.hpp>

#include "cli/columns.hpp"
#include "cli/program.hpp"

#include <sstream>

using namespace autotune;
using namespace autotune::cli;

TEST_CASE("a program's output and exit code come back", "[cli][program]") {
  auto run = run_program({"sh", "-c", "echo $GREETING; echo err >&2; exit 3"}, {"GREETING=hello"},
                         std::chrono::seconds(30));
  REQUIRE(run);
  CHECK(run->text == "hello\nerr\n");
  CHECK(run->exit_code == 3);
  CHECK(run_program({"sh", "-c", "kill -9 $$"}, {}, std::chrono::seconds(30))->exit_code == 137);
}

TEST_CASE("a program that cannot be started, or does not end, is an error", "[cli][program]") {
  CHECK_FALSE(run_program({"/nowhere/program"}, {}, std::chrono::seconds(30)));
  auto start = std::chrono::steady_clock::now();
  auto run = run_program({"sh", "-c", "sleep 600 & sleep 600"}, {}, std::chrono::milliseconds(100));
  REQUIRE_FALSE(run);
  CHECK_THAT(run.error().message, Catch::Contains("took longer"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

TEST_CASE("output is cut, not awaited by a full pipe", "[cli][program]") {
  auto run = run_program({"sh", "-c", "head -c 1000000 /dev/zero"}, {}, std::chrono::seconds(30));
  REQUIRE(run);
  CHECK(run->text.size() == 64 << 10);
  CHECK(run->exit_code == 0);
}

TEST_CASE("columns stand below each other, by characters", "[cli][columns]") {
  Columns columns({"NAME", "VALUE"});
  columns.add({"\xC3\xA4\xC3\xB6", "1"});
  columns.add({"longer", ""});
  std::ostringstream out;
  columns.print(out);
  CHECK(out.str() == "NAME    VALUE\n\xC3\xA4\xC3\xB6      1\nlonger\n");
}

TEST_CASE("whole numbers have no point", "[cli][columns]") {
  CHECK(to_json(plain_number(3)) == "3");
  CHECK(to_json(plain_number(0.5)) == "0.5");
}
