#include <ctime>

#include <catch2/catch.hpp>

#include "cli/cli.hpp"
#include "messages/value.hpp"
#include "store/authority.hpp"
#include "store/join_tokens.hpp"
#include "tests/cli/temporary_home.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

std::int64_t clock_s() { return std::time(nullptr); }

}  // namespace

TEST_CASE("token create prints a token that the home takes once", "[cli][token]") {
  TemporaryFolder home;
  auto run = shell("$AUTOTUNE token create --home " + home.path().string() + " 2>/dev/null");
  REQUIRE(run.exit_code == 0);
  REQUIRE_THAT(run.text, Catch::EndsWith("\n"));
  auto token = read_token(run.text.substr(0, run.text.size() - 1));
  REQUIRE(token);
  CHECK(token->enrol_address == "127.0.0.1:7422");
  auto authority = Authority::open(home.path(), clock_s());
  REQUIRE(authority);
  CHECK(token->ca_fingerprint == authority->fingerprint());
  CHECK(check_token(home.path(), token->secret, clock_s() + 3500));
  CHECK_FALSE(check_token(home.path(), token->secret, clock_s() + 3601));
  CHECK(take_token(home.path(), token->secret, clock_s()));
  CHECK_FALSE(take_token(home.path(), token->secret, clock_s()));
}

TEST_CASE("token create says what to do with the token", "[cli][token]") {
  TemporaryFolder home;
  auto said = [&](const std::string& options) {
    return shell("$AUTOTUNE token create --home " + home.path().string() + " " + options +
                 " 2>&1 >/dev/null")
        .text;
  };
  auto local = said("");
  CHECK_THAT(local, Catch::StartsWith("Good once, for 1h. On the machine that joins:\n"
                                      "  autotune agent --join 127.0.0.1:7420 --token at1_"));
  CHECK_THAT(local, Catch::Contains("Other machines do not reach 127.0.0.1:7422"));
  auto wide = said("--enroll node-1:9000 --expires 2d");
  CHECK_THAT(wide, Catch::StartsWith("Good once, for 2d."));
  CHECK_THAT(wide, Catch::Contains("--join node-1:7420 --token at1_"));
  CHECK_THAT(wide, !Catch::Contains("Other machines"));
  CHECK_THAT(said("--enroll '[fd00::1]:9000'"), Catch::Contains("--join [fd00::1]:7420 "));
}

TEST_CASE("token create gives JSON to scripts", "[cli][token]") {
  TemporaryFolder home;
  auto run = shell("$AUTOTUNE token create --home " + home.path().string() +
                   " --enroll node-1:9000 --expires 90s -o json 2>&1");
  REQUIRE(run.exit_code == 0);
  auto value = parse_json(run.text);
  REQUIRE(value);
  auto text = [&](const char* name) {
    const auto* member = value->find(name);
    REQUIRE(member != nullptr);
    return *member->as_string();
  };
  CHECK(text("enroll") == "node-1:9000");
  CHECK(text("fingerprint").size() == 64);
  CHECK_THAT(text("expiresAt"), Catch::Matches("20..-..-..T..:..:..\\.000Z"));
  auto token = read_token(text("token"));
  REQUIRE(token);
  CHECK(token->ca_fingerprint == text("fingerprint"));
}

TEST_CASE("token create refuses times and addresses that are none", "[cli][token]") {
  TemporaryFolder home;
  auto mistake = [&](const std::string& options) {
    auto run =
        shell("$AUTOTUNE token create --home " + home.path().string() + " " + options + " 2>&1");
    CAPTURE(options, run.text);
    CHECK(run.exit_code == cli::exit_usage);
    return run.text;
  };
  for (const char* time : {"1", "h", "0h", "-1h", "1.5h", "1w", "31d", "99999999999s"})
    CHECK_THAT(mistake("--expires=" + std::string(time)),
               Catch::Contains("is no time from 1s to 30d; write a whole number and s, m, h or d"));
  CHECK_THAT(mistake("--enroll node-1"),
             Catch::StartsWith("autotune: --enroll: 'node-1' is no address; write HOST:PORT"));
  CHECK_THAT(mistake("--enroll node-1:0"), Catch::Contains("is no address"));
  CHECK_FALSE(std::filesystem::exists(home.path() / "tokens"));
  CHECK_THAT(shell("$AUTOTUNE token 2>&1").text,
             Catch::StartsWith("autotune: what to token is missing; known are: create"));
}
