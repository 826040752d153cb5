#include <atomic>
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

std::string integrity(const std::filesystem::path& path) {
  SQLite::Database database(path.string(), SQLite::OPEN_READONLY, 5000);
  return database.execAndGet("PRAGMA integrity_check").getString();
}

/// Commits trial after trial with a report each, and tells of each one that is acknowledged. Never returns.
[[noreturn]] void write_until_killed(const std::filesystem::path& path, Sequence first, int tell) {
  auto write = open_writer(path);
  for (Sequence i = first; write; ++i) {
    auto done = (*write)->commit(
        {append("a-11111", {created(i), launched(i), started(i)}),
         AddReports{"a-11111", {report(i, 1, {{"default", 0.5}})}},
         append("a-11111", {ended(i, pb::TRIAL_STATE_SUCCEEDED, {{"default", 0.5}})})});
    if (!done || ::write(tell, &i, sizeof i) != sizeof i)
      break;
  }
  ::_exit(1);
}

}  // namespace

TEST_CASE("what was acknowledged survives kill -9 at any moment, whole", "[store]") {
  TemporaryFolder folder;
  {
    auto write = writer(folder.database());
    value(write->commit({append("a-11111", {submitted("a")})}));
  }
  std::mt19937_64 random(2026);
  Sequence acknowledged = -1;
  for (int round = 0; round < 25; ++round) {
    CAPTURE(round);
    Sequence first = 0;
    {
      auto read = value(open_reader(folder.database()));
      first = static_cast<Sequence>(value(read->trials("a-11111")).size());
    }
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    auto child = ::fork();
    if (child == 0)
      write_until_killed(folder.database(), first, pipe[1]);
    ::close(pipe[1]);
    // A moment at random: some acknowledgements, and some spins into the next commit.
    Sequence told = 0;
    for (auto n = random() % 20 + 1; n > 0 && ::read(pipe[0], &told, sizeof told) == sizeof told;
         --n)
      acknowledged = told;
    for (volatile auto spin = random() % 500'000; spin > 0;)
      spin = spin - 1;
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    while (::read(pipe[0], &told, sizeof told) == sizeof told)
      acknowledged = told;
    ::close(pipe[0]);

    auto read = value(open_reader(folder.database()));
    auto trials = value(read->trials("a-11111"));
    REQUIRE(static_cast<Sequence>(trials.size()) > acknowledged);
    // At most the one commit whose acknowledgement was cut off is there beside them.
    CHECK(static_cast<Sequence>(trials.size()) <= acknowledged + 2);
    CHECK(value(read->events("a-11111")).size() == 1 + 4 * trials.size());
    CHECK(value(read->reports("a-11111", {}, pb::REPORT_KIND_UNSPECIFIED)).size() == trials.size());
    auto counts = value(read->experiment("a-11111")).counts();
    CHECK(counts.succeeded() == static_cast<std::int64_t>(trials.size()));
    CHECK(counts.pending() + counts.running() == 0);
  }
  CHECK(acknowledged >= 25);
  CHECK(integrity(folder.database()) == "ok");
}

TEST_CASE("readers see a long write whole or not at all, and are not held up by it", "[store]") {
  TemporaryFolder folder;
  auto write = writer(folder.database());
  value(write->commit({append("a-11111", {submitted("a")})}));
  std::vector<pb::Event> many;
  for (Sequence i = 0; i < 20'000; ++i)
    many.push_back(created(i));
  std::atomic<bool> done = false;
  Result<void> committed;
  std::thread long_write([&] {
    committed = write->commit({append("a-11111", many)});
    done = true;
  });
  auto read = value(open_reader(folder.database()));
  int before = 0;
  bool torn = false;
  while (!done) {
    auto pending = value(read->experiment("a-11111")).counts().pending();
    before += pending == 0 ? 1 : 0;
    torn |= pending != 0 && pending != 20'000;
  }
  long_write.join();
  value(committed);
  CHECK(before > 0);
  CHECK_FALSE(torn);
  CHECK(value(read->trials("a-11111")).size() == 20'000);
}

TEST_CASE("a reader in the midst of reading does not hold up the writer", "[store]") {
  TemporaryFolder folder;
  auto write = writer(folder.database());
  value(write->commit({append("a-11111", {submitted("a"), created(0)})}));
  SQLite::Database other(folder.database().string(), SQLite::OPEN_READONLY, 0);
  other.exec("BEGIN");
  CHECK(other.execAndGet("SELECT COUNT(*) FROM trials").getInt() == 1);
  for (Sequence i = 1; i < 50; ++i)
    value(write->commit({append("a-11111", {created(i)})}));
  CHECK(other.execAndGet("SELECT COUNT(*) FROM trials").getInt() == 1);
  other.exec("COMMIT");
  CHECK(other.execAndGet("SELECT COUNT(*) FROM trials").getInt() == 50);
}

TEST_CASE("a reader that was opened first sees what is written later, by another writer too",
          "[store]") {
  TemporaryFolder folder;
  auto write = writer(folder.database());
  value(write->commit({append("a-11111", {submitted("a")})}));
  auto read = value(open_reader(folder.database()));
  write.reset();
  CHECK(value(read->experiments()).size() == 1);
  write = writer(folder.database());
  value(write->commit({append("b-22222", {submitted("b")})}));
  CHECK(value(read->experiments()).size() == 2);
}

TEST_CASE("a writer that another process holds up gives up with a word", "[store]") {
  TemporaryFolder folder;
  WriterOptions options;
  options.busy_timeout = std::chrono::milliseconds(1);
  auto write = value(open_writer(folder.database(), options));
  value(write->commit({append("a-11111", {submitted("a")})}));
  SQLite::Database other(folder.database().string(), SQLite::OPEN_READWRITE, 0);
  other.exec("BEGIN IMMEDIATE");
  auto refused = write->commit({append("a-11111", {created(0)})});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::unavailable);
  other.exec("ROLLBACK");
  value(write->commit({append("a-11111", {created(0)})}));
}
