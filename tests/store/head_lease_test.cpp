#include "store/head_lease.hpp"

#include <csignal>
#include <fstream>

#include <sys/wait.h>
#include <unistd.h>

#include "store/authority.hpp"
#include "store/postgresql_session.hpp"
#include "store/shared_keys.hpp"
#include "tests/store/postgres_server.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;
using std::chrono::milliseconds;

namespace {

constexpr HeadLeaseLimits quick{milliseconds(1500), milliseconds(300), milliseconds(100)};
constexpr std::int64_t now_s = 1'800'000'000;

/// Tries until it has the lease; how long that took.
milliseconds take(HeadLease& lease, milliseconds at_most) {
  auto start = std::chrono::steady_clock::now();
  auto waited = [&] {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
  };
  while (waited() < at_most) {
    auto taken = lease.try_take();
    if (taken && *taken)
      return waited();
    ::usleep(50'000);
  }
  FAIL("the lease was not to be had in time");
  return {};
}

}  // namespace

TEST_CASE("one head at a time has the lease, and each taking raises the epoch", "[postgresql]") {
  PostgresServer server;
  auto first = std::make_unique<HeadLease>(server.uri(), "first", quick);
  HeadLease second(server.uri(), "second", quick);
  REQUIRE(value(first->try_take()));
  CHECK(first->epoch() == 1);
  CHECK(first->held());
  REQUIRE_FALSE(value(second.try_take()));
  CHECK(second.seen().holder == "first");
  CHECK_FALSE(second.held());
  // It is renewed, for as long as its holder lives.
  const auto until = second.seen().renewed_until_ms;
  ::usleep(2'000'000);
  REQUIRE_FALSE(value(second.try_take()));
  CHECK(second.seen().renewed_until_ms > until);
  CHECK(first->held());
  first.reset();
  REQUIRE(value(second.try_take()));
  CHECK(second.epoch() == 2);
}

TEST_CASE("the lease of a head that was killed is over after its span", "[postgresql]") {
  PostgresServer server;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  auto child = ::fork();
  if (child == 0) {
    HeadLease lease(server.uri(), "killed", quick);
    auto taken = lease.try_take();
    if (!taken || !*taken || ::write(pipe[1], "x", 1) != 1)
      ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char told = 0;
  REQUIRE(::read(pipe[0], &told, 1) == 1);
  HeadLease next(server.uri(), "next", quick);
  CHECK_FALSE(value(next.try_take()));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(take(next, milliseconds(4000)) > milliseconds(300));
  CHECK(next.epoch() == 2);
}

TEST_CASE("a head that is frozen knows when it wakes that it is none, even in a transaction",
          "[postgresql]") {
  PostgresServer server;
  HeadLease old(server.uri(), "old", quick);
  REQUIRE(value(old.try_take()));
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  auto child = ::fork();
  if (child == 0) {
    // It holds the lock of the row, as in the midst of a long commit, then says nothing more.
    PostgresqlSession session(server.uri(), PostgresqlSession::Role::writer);
    session.begin();
    session.execute("UPDATE head SET until = clock_timestamp() + interval '1 second'");
    if (::write(pipe[1], "x", 1) != 1)
      ::_exit(1);
    for (int i = 0; i < 4; ++i) {
      ::usleep(1'000'000);
      session.execute("SELECT 1");
    }
    ::pause();
    ::_exit(0);
  }
  char told = 0;
  REQUIRE(::read(pipe[0], &told, 1) == 1);
  ::usleep(3'000'000);  // its renewals cannot pass the lock
  CHECK_FALSE(old.held());
  HeadLease next(server.uri(), "next", quick);
  // Whoever comes first after the server has rolled the frozen one back.
  for (int i = 0; i < 100 && !old.lost() && !old.held(); ++i)
    if (auto taken = next.try_take(); taken && *taken)
      break;
  CHECK(old.held() != next.held());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a head that was overtaken learns of it and gives nothing back", "[postgresql]") {
  PostgresServer server;
  auto old = std::make_unique<HeadLease>(server.uri(), "old", quick);
  REQUIRE(value(old->try_take()));
  PostgresqlSession session(server.uri(), PostgresqlSession::Role::writer);
  session.begin();
  session.execute(
      "UPDATE head SET epoch = 5, holder = 'new', until = clock_timestamp() + interval '1 minute'");
  session.commit();
  for (int i = 0; i < 100 && !old->lost(); ++i)
    ::usleep(50'000);
  CHECK(old->lost());
  CHECK_FALSE(old->held());
  old.reset();
  session.begin();
  auto row = session.execute("SELECT epoch, until > clock_timestamp() FROM head")[0];
  CHECK(row[0].as<int>() == 5);
  CHECK(row[1].as<bool>());
}

TEST_CASE("heads of one store have the same keys, or say which is missing", "[postgresql]") {
  PostgresServer server;
  TemporaryFolder first;
  TemporaryFolder second;
  value(check_shared_keys(server.uri(), first.path(), true, now_s));
  value(check_shared_keys(server.uri(), first.path(), true, now_s));
  auto refused = check_shared_keys(server.uri(), second.path(), true, now_s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::failed_precondition);
  CHECK_THAT(refused.error().message, Catch::Contains("secret.key"));
  std::filesystem::copy_file(first.path() / "secret.key", second.path() / "secret.key");
  value(check_shared_keys(server.uri(), second.path(), false, now_s));
  CHECK_THAT(check_shared_keys(server.uri(), second.path(), true, now_s).error().message,
             Catch::Contains("ca.key"));
  CHECK_FALSE(std::filesystem::exists(second.path() / "tls"));
  TemporaryFolder other;
  value(Authority::open(other.path(), now_s));
  std::filesystem::copy(other.path() / "tls", second.path() / "tls");
  CHECK_THAT(check_shared_keys(server.uri(), second.path(), true, now_s).error().message,
             Catch::Contains("ca.key"));
  for (const char* file : {"ca.key", "ca.pem"})
    std::filesystem::copy_file(first.path() / "tls" / file, second.path() / "tls" / file,
                               std::filesystem::copy_options::overwrite_existing);
  value(check_shared_keys(server.uri(), second.path(), true, now_s));
  std::ofstream(second.path() / "secret.key", std::ios::trunc) << std::string(32, 'x');
  CHECK_THAT(check_shared_keys(server.uri(), second.path(), true, now_s).error().message,
             Catch::Contains("secret.key"));
}
