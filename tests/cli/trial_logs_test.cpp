#include "cli/trial_logs.hpp"

#include <sstream>

#include <catch2/catch.hpp>

#include "actors/machine.hpp"
#include "tests/cli/temporary_home.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

const LogPlace place{"e-aaaaa", 0, "p4iya", 1};
const std::string folder = "trials/e-aaaaa/0-p4iya/1/";

/// The same files, as their own machine and another one see them.
struct Home {
  Home() {
    store_events(home.path(), "e-aaaaa", {submitted(named("e")), created(0, "{}")});
    reader = std::move(*open_reader(database_path(home.path())));
    local = cli::local_logs(home.path());
    QueryLimits limits;
    limits.log_bytes = 7;  // pages that end within lines
    core = std::make_unique<QueryCore>(local, limits);
    remote = cli::remote_logs([this](const pb::Query& query) -> Result<pb::QueryAnswer> {
      auto answer = core->answer(*reader, query);
      if (!answer.error().empty())
        return fail(static_cast<ErrorCode>(answer.error_code()), answer.error());
      return answer;
    });
  }

  TemporaryFolder home;
  std::unique_ptr<StoreReader> reader;
  std::unique_ptr<QueryCore> core;
  TrialLogs local;
  TrialLogs remote;
};

}  // namespace

TEST_CASE("which replicas have written is told here and from afar", "[cli][logs]") {
  Home home;
  bool afar = GENERATE(false, true);
  const auto& logs = afar ? home.remote : home.local;
  auto none = logs.list(place);
  REQUIRE(none);
  CHECK_FALSE(none->exists());
  CHECK(none->machine() == this_machine().name);
  home.home.write(folder + "worker-1/stdout", "");
  home.home.write(folder + "worker-0/stdout", "");
  home.home.write(folder + "parameters.json", "{}");
  auto found = logs.list(place);
  REQUIRE(found);
  CHECK(found->exists());
  REQUIRE(found->replicas_size() == 2);
  CHECK(found->replicas(0) == "worker-0");
}

TEST_CASE("a file of an agent that shares the home is found", "[cli][logs]") {
  Home home;
  home.home.write("nodes/a/" + folder + "worker-0/stdout", "hello\n");
  for (const auto* logs : {&home.local, &home.remote}) {
    std::ostringstream out;
    cli::LogTail tail(*logs, place, "worker-0", "stdout", "");
    CHECK(tail.copy(out, true));
    CHECK(out.str() == "hello\n");
  }
}

TEST_CASE("a tail writes each byte once, also where the file grows or is cut", "[cli][logs]") {
  Home home;
  bool afar = GENERATE(false, true);
  const auto& logs = afar ? home.remote : home.local;
  home.home.write(folder + "worker-0/stdout", "one line\nand half");
  std::ostringstream out;
  cli::LogTail tail(logs, place, "worker-0", "stdout", "");
  CHECK(tail.copy(out, false));
  CHECK(out.str() == "one line\nand half");
  CHECK(tail.copy(out, false));
  home.home.write(folder + "worker-0/stdout", "one line\nand half a line\n");
  CHECK(tail.copy(out, false));
  CHECK(out.str() == "one line\nand half a line\n");
  home.home.write(folder + "worker-0/stdout", "anew\n");
  CHECK(tail.copy(out, true));
  CHECK(out.str() == "one line\nand half a line\nanew\n");
}

TEST_CASE("with a prefix a line waits for its end, but not for ever", "[cli][logs]") {
  Home home;
  bool afar = GENERATE(false, true);
  const auto& logs = afar ? home.remote : home.local;
  home.home.write(folder + "worker-0/stdout", "first\n\nsecond and a hal");
  std::ostringstream out;
  cli::LogTail tail(logs, place, "worker-0", "stdout", "w0: ");
  CHECK(tail.copy(out, false));
  CHECK(out.str() == "w0: first\nw0: \n");
  home.home.write(folder + "worker-0/stdout", "first\n\nsecond and a half");
  CHECK(tail.copy(out, true));
  CHECK(out.str() == "w0: first\nw0: \nw0: second and a half\n");
}
