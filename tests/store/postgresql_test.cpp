#include "store/postgresql.hpp"

#include <csignal>
#include <random>

#include <sys/wait.h>
#include <unistd.h>

#include "store/postgresql_schema.hpp"
#include "tests/store/cutting_proxy.hpp"
#include "tests/store/postgres_server.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

struct Place {
  PostgresServer server;
  TemporaryFolder folder;

  std::unique_ptr<StoreWriter> new_writer(std::uint64_t epoch = 0) const {
    return value(open_postgresql_writer(server.uri(), {epoch, key(), true}));
  }
  std::unique_ptr<StoreReader> new_reader() const {
    return value(open_postgresql_reader(server.uri(), key()));
  }
  std::filesystem::path key() const { return folder.path() / "secret.key"; }
  void execute(const std::string& sql) const {
    PostgresqlSession session(server.uri(), PostgresqlSession::Role::writer);
    session.begin();
    session.execute(sql);
    session.commit();
  }
};

/// A trial that begins and ends, with a report.
std::vector<StoreWrite> trial(Sequence n) {
  return {append("a-11111", {created(n), launched(n), started(n)}),
          AddReports{"a-11111", {report(n, 1, {{"default", 0.5}})}},
          append("a-11111", {ended(n, pb::TRIAL_STATE_SUCCEEDED, {{"default", 0.5}})})};
}

/// That `trials` of `trial` are there, each once.
void check_whole(StoreReader& read, std::size_t trials) {
  CHECK(value(read.trials("a-11111")).size() == trials);
  CHECK(value(read.events("a-11111")).size() == 1 + 4 * trials);
  CHECK(value(read.reports("a-11111", {}, pb::REPORT_KIND_UNSPECIFIED)).size() == trials);
  auto counts = value(read.experiment("a-11111")).counts();
  CHECK(counts.succeeded() == static_cast<std::int64_t>(trials));
  CHECK(counts.pending() + counts.running() == 0);
}

[[noreturn]] void write_until_killed(const Place& place, Sequence first, int tell) {
  auto write = open_postgresql_writer(place.server.uri(), {0, place.key(), true});
  for (Sequence i = first; write; ++i)
    if (!(*write)->commit(trial(i)) || ::write(tell, &i, sizeof i) != sizeof i)
      break;
  ::_exit(1);
}

}  // namespace

TEST_CASE("a commit whose answer was lost is found out about, and nothing is doubled",
          "[postgresql]") {
  using Cut = CuttingProxy::Cut;
  Place place;
  CuttingProxy proxy(place.folder.path(), place.server.folder());
  auto write = value(
      open_postgresql_writer(PostgresServer::uri_of(place.folder.path()), {0, place.key(), true}));
  value(write->commit({append("a-11111", {submitted("a")})}));
  Sequence n = 0;
  for (auto cut : {Cut::after_server, Cut::before_server, Cut::after_server, Cut::none}) {
    proxy.cut_next(cut);
    // As the store actor does: what could not be written now is written again, with what has come since.
    auto writes = trial(n++);
    auto done = write->commit(writes);
    while (!done) {
      CHECK(done.error().code == ErrorCode::unavailable);
      for (auto& more : trial(n++))
        writes.push_back(std::move(more));
      REQUIRE(n < 50);
      done = write->commit(writes);
    }
    check_whole(*place.new_reader(), static_cast<std::size_t>(n));
  }
  CHECK(proxy.cuts() == 3);
}

TEST_CASE("while the server is away nothing is acknowledged, and all comes after it",
          "[postgresql]") {
  Place place;
  auto write = place.new_writer();
  auto read = place.new_reader();
  value(write->commit({append("a-11111", {submitted("a")})}));
  value(write->commit(trial(0)));
  place.server.kill();
  auto away = write->commit(trial(1));
  REQUIRE_FALSE(away);
  CHECK(away.error().code == ErrorCode::unavailable);
  CHECK(read->experiments().error().code == ErrorCode::unavailable);
  CHECK(write->commit(trial(1)).error().code == ErrorCode::unavailable);
  place.server.start();
  value(write->commit(trial(1)));
  check_whole(*read, 2);
}

TEST_CASE("a connection that ends between two commits is made anew", "[postgresql]") {
  Place place;
  auto write = place.new_writer();
  value(write->commit({append("a-11111", {submitted("a")})}));
  for (Sequence n = 0; n < 3; ++n) {
    place.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND application_name = 'autotune'");
    auto done = write->commit(trial(n));
    if (!done) {
      CHECK(done.error().code == ErrorCode::unavailable);
      value(write->commit(trial(n)));
    }
  }
  check_whole(*place.new_reader(), 3);
}

TEST_CASE("what PostgreSQL acknowledged survives kill -9 of the writer, whole", "[postgresql]") {
  Place place;
  value(place.new_writer()->commit({append("a-11111", {submitted("a")})}));
  std::mt19937_64 random(2026);
  Sequence acknowledged = -1;
  for (int round = 0; round < 8; ++round) {
    CAPTURE(round);
    auto first = static_cast<Sequence>(value(place.new_reader()->trials("a-11111")).size());
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    auto child = ::fork();
    if (child == 0)
      write_until_killed(place, first, pipe[1]);
    ::close(pipe[1]);
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
    // The server may be about to carry out the killed one's last commit.
    value(place.new_writer()->commit({AddReports{"a-11111", {}}}));
    auto read = place.new_reader();
    auto trials = static_cast<Sequence>(value(read->trials("a-11111")).size());
    REQUIRE(trials > acknowledged);
    CHECK(trials <= acknowledged + 2);
    check_whole(*read, static_cast<std::size_t>(trials));
  }
  CHECK(acknowledged >= 8);
}

TEST_CASE("a head whose epoch is over writes nothing", "[postgresql]") {
  Place place;
  auto old = place.new_writer(0);
  value(old->commit({append("a-11111", {submitted("a")})}));
  place.execute("UPDATE head SET epoch = 7, holder = 'other'");
  auto refused = old->commit(trial(0));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::unavailable);
  CHECK_THAT(refused.error().message, Catch::Contains("other") && Catch::Contains("epoch 7"));
  check_whole(*place.new_reader(), 0);
  value(place.new_writer(7)->commit(trial(0)));
  check_whole(*place.new_reader(), 1);
}

TEST_CASE("texts of any bytes are taken", "[postgresql]") {
  Place place;
  auto write = place.new_writer();
  const std::string odd("it's \\x $1 \0 \xff", 14);
  value(write->commit({append("a-11111", {submitted("a"), created(0, R"({"x": "it's $2; \\"})"),
                                          launched(0, 1, "n'1"), notice(odd, 0)})}));
  auto trial = value(place.new_reader()->trial("a-11111", 0));
  CHECK(trial.node() == "n'1");
  CHECK(trial.parameters_json() == R"({"x": "it's $2; \\"})");
  CHECK(trial.detail() == "it's \\x $1 \xef\xbf\xbd \xef\xbf\xbd");
}

TEST_CASE("tables of a newer version are refused, those of none are told of", "[postgresql]") {
  Place place;
  CHECK(open_postgresql_reader(place.server.uri(), place.key()).error().code ==
        ErrorCode::not_found);
  place.new_writer();
  place.execute("UPDATE schema_version SET version = 99");
  for (const auto& error : {open_postgresql_writer(place.server.uri(), {}).error(),
                            open_postgresql_reader(place.server.uri(), place.key()).error()}) {
    CHECK(error.code == ErrorCode::failed_precondition);
    CHECK_THAT(error.message, Catch::Contains("version 99"));
  }
}

TEST_CASE("older tables are migrated once, in one transaction", "[postgresql]") {
  Place place;
  value(place.new_writer()->commit({append("a-11111", {submitted("a")})}));
  const auto last = postgresql_migrations().back().to_version;
  const PostgresqlMigration next[] = {
      {last, "SELECT 1 / 0"},  // is not run again
      {last + 1, "CREATE TABLE added (x BIGINT); INSERT INTO added VALUES (5)"}};
  const PostgresqlMigration broken[] = {{last + 1, "CREATE TABLE half (x BIGINT)"},
                                        {last + 2, "SELECT 1 / 0"}};
  PostgresqlSession session(place.server.uri(), PostgresqlSession::Role::writer);
  CHECK_THROWS(migrate_postgresql(session, "there", broken));
  session.roll_back();
  CHECK(open_postgresql_reader(place.server.uri(), place.key()));
  migrate_postgresql(session, "there", next);
  migrate_postgresql(session, "there", next);
  session.begin();
  CHECK(session.execute("SELECT x FROM added")[0][0].as<int>() == 5);
  CHECK(session.execute("SELECT to_regclass('half') IS NULL")[0][0].as<bool>());
}

TEST_CASE("an address without a password is taken, another one is not", "[postgresql]") {
  for (const char* fine : {"postgresql://db/autotune", "postgresql://me@10.0.0.9:5432/autotune",
                           "postgresql:///autotune?host=/run/postgresql", "postgres://[::1]:5/x"})
    CHECK(check_postgresql_uri(fine));
  for (const char* wrong : {"postgresql://me:hush@db/autotune", "postgresql://db/x?password=hush",
                            "postgresql://db/x?a=b&password=hush", "mysql://db/x", "autotune"}) {
    auto refused = check_postgresql_uri(wrong);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid_argument);
    CHECK_THAT(refused.error().message, !Catch::Contains("hush"));
  }
}

TEST_CASE("a server that is not there is named, and what to do", "[postgresql]") {
  auto refused = open_postgresql_reader("postgresql://autotune@/x?host=/nowhere", "key");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::unavailable);
  CHECK_THAT(refused.error().message, Catch::Contains("/nowhere"));
}
