#include "store/join_tokens.hpp"

#include <atomic>
#include <set>
#include <thread>

#include <sys/stat.h>

#include "store/private_file.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

constexpr std::int64_t now_s = 1'800'000'000;
constexpr std::int64_t hour_s = 3600;
constexpr std::int64_t day_s = 24 * hour_s;
const std::string address = "10.0.0.1:7422";
const std::string print = "00ff" + std::string(60, 'a');

std::string token_of(const TemporaryFolder& home, std::int64_t expires_at_s = now_s + hour_s) {
  return value(make_token(home.path(), address, print, expires_at_s, now_s));
}

std::string secret_of(const std::string& token) { return value(read_token(token)).secret; }

std::vector<std::filesystem::path> records(const TemporaryFolder& home) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(home.path() / "tokens"))
    found.push_back(entry.path());
  return found;
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

}  // namespace

TEST_CASE("a token carries the address, the authority's fingerprint and a secret",
          "[store][token]") {
  TemporaryFolder home;
  auto text = token_of(home);
  CHECK_THAT(text, Catch::StartsWith("at1_"));
  auto token = value(read_token(text));
  CHECK(token.enrol_address == address);
  CHECK(token.ca_fingerprint == print);
  CHECK(token.secret.size() == 20);
  CHECK(secret_of(token_of(home)) != token.secret);
}

TEST_CASE("the home keeps a hash of the secret, for its owner alone", "[store][token]") {
  TemporaryFolder home;
  auto text = token_of(home);
  auto files = records(home);
  REQUIRE(files.size() == 1);
  CHECK(mode_of(home.path() / "tokens") == 0700);
  CHECK(mode_of(files[0]) == 0600);
  CHECK(files[0].filename().string().size() == 64);
  CHECK(value(read_small_file(files[0])) == std::to_string(now_s + hour_s) + "\n");
}

TEST_CASE("a token is good once", "[store][token]") {
  TemporaryFolder home;
  auto secret = secret_of(token_of(home));
  CHECK(check_token(home.path(), secret, now_s));
  CHECK(check_token(home.path(), secret, now_s));  // a look costs nothing
  CHECK(take_token(home.path(), secret, now_s));
  auto again = take_token(home.path(), secret, now_s);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::failed_precondition);
  CHECK(again.error().message ==
        "this token was used already, or is none of this server's: make another there with "
        "`autotune token create`");
  CHECK(check_token(home.path(), secret, now_s).error() == again.error());
  CHECK(records(home).empty());
}

TEST_CASE("of many that take a token at once one gets it", "[store][token]") {
  TemporaryFolder home;
  for (int round = 0; round < 20; ++round) {
    auto secret = secret_of(token_of(home));
    std::atomic<int> taken{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        while (!go)
          std::this_thread::yield();
        if (take_token(home.path(), secret, now_s))
          ++taken;
      });
    go = true;
    for (auto& thread : threads)
      thread.join();
    REQUIRE(taken == 1);
  }
}

TEST_CASE("an expired token says so, and is forgotten a day later", "[store][token]") {
  TemporaryFolder home;
  auto secret = secret_of(token_of(home, now_s + hour_s));
  CHECK(check_token(home.path(), secret, now_s + hour_s - 1));
  for (auto at_s : {now_s + hour_s, now_s + day_s}) {
    auto late = take_token(home.path(), secret, at_s);
    REQUIRE_FALSE(late);
    CHECK(late.error().code == ErrorCode::failed_precondition);
    CHECK_THAT(late.error().message, Catch::StartsWith("this token has expired: make another"));
  }
  auto lasting = secret_of(token_of(home, now_s + 3 * day_s));
  CHECK(value(sweep_tokens(home.path(), now_s + day_s + hour_s - 1)) == 0);
  CHECK(value(sweep_tokens(home.path(), now_s + day_s + hour_s)) == 1);
  CHECK_THAT(take_token(home.path(), secret, now_s + 2 * day_s).error().message,
             Catch::StartsWith("this token was used already"));
  CHECK(take_token(home.path(), lasting, now_s + 2 * day_s));
}

TEST_CASE("making a token sweeps those long expired", "[store][token]") {
  TemporaryFolder home;
  token_of(home, now_s + 1);
  value(make_token(home.path(), address, print, now_s + 3 * day_s, now_s + 2 * day_s));
  CHECK(records(home).size() == 1);
}

TEST_CASE("a secret that nobody made is unknown, whatever it looks like", "[store][token]") {
  TemporaryFolder home;
  CHECK_FALSE(take_token(home.path(), "x", now_s));  // no folder yet
  CHECK(value(sweep_tokens(home.path(), now_s)) == 0);
  token_of(home);
  for (const auto& secret : {std::string(), std::string(20, '\0'), std::string("../tls/ca.key"),
                             std::string(100000, 'x')})
    CHECK(take_token(home.path(), secret, now_s).error().code == ErrorCode::failed_precondition);
  CHECK(records(home).size() == 1);
}

TEST_CASE("a damaged record lets nobody in", "[store][token]") {
  TemporaryFolder home;
  auto secret = secret_of(token_of(home));
  for (const char* text : {"", "soon\n", "99999999999", "99999999999x\n"}) {
    value(replace_private_file(records(home)[0], text));
    CHECK(take_token(home.path(), secret, now_s).error().code == ErrorCode::data_loss);
  }
}

TEST_CASE("a token that is none, or not whole, says what is wrong with it", "[store][token]") {
  TemporaryFolder home;
  auto text = token_of(home);
  auto mistake = [](std::string_view token) {
    auto read = read_token(token);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::invalid_argument);
    return read.error().message;
  };
  CHECK_THAT(mistake(""), Catch::StartsWith("this is no token; one begins with 'at1_'"));
  CHECK_THAT(mistake("hunter2"), Catch::StartsWith("this is no token"));
  CHECK_THAT(
      mistake("at2_" + text.substr(4)),
      Catch::Contains("begins with 'at2_', and this version of AutoTune knows 'at1_' alone"));
  for (std::size_t size = 4; size < text.size(); ++size)
    CHECK_THAT(mistake(text.substr(0, size)), Catch::StartsWith("this token is damaged"));
  for (std::size_t i = 4; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_THAT(mistake(changed), Catch::StartsWith("this token is damaged"));
  }
  CHECK_THAT(mistake(text + "A"), Catch::StartsWith("this token is damaged"));
  CHECK_THAT(mistake(text + "\n"), Catch::StartsWith("this token is damaged"));
  CHECK_THAT(mistake("at1_" + std::string(100000, 'A')),
             Catch::StartsWith("this token is damaged"));
}

TEST_CASE("a token needs an address, a fingerprint and a time", "[store][token]") {
  TemporaryFolder home;
  auto code = [&](const std::string& at, const std::string& of, std::int64_t until_s) {
    auto made = make_token(home.path(), at, of, until_s, now_s);
    REQUIRE_FALSE(made);
    return made.error().code;
  };
  auto soon_s = now_s + hour_s;
  CHECK(code("nowhere", print, soon_s) == ErrorCode::invalid_argument);
  CHECK(code(address, print.substr(1), soon_s) == ErrorCode::invalid_argument);
  CHECK(code(address, std::string(64, 'A'), soon_s) == ErrorCode::invalid_argument);
  CHECK(code(address, print, now_s) == ErrorCode::invalid_argument);
  CHECK(code(address, print, now_s + 30 * day_s + 1) == ErrorCode::invalid_argument);
  CHECK(make_token(home.path(), address, print, now_s + 30 * day_s, now_s));
}

TEST_CASE("a thousand unused tokens are enough", "[store][token]") {
  TemporaryFolder home;
  value(make_private_folder(home.path() / "tokens"));
  auto name = [](int i) {
    auto text = std::to_string(i);
    return std::string(64 - text.size(), '0') + text;
  };
  for (int i = 0; i < 1000; ++i)
    value(replace_private_file(home.path() / "tokens" / name(i), std::to_string(now_s + i) + "\n"));
  // The first of them has expired by now.
  CHECK(make_token(home.path(), address, print, now_s + 2 * hour_s, now_s));
  auto last = make_token(home.path(), address, print, now_s + 2 * hour_s, now_s);
  REQUIRE_FALSE(last);
  CHECK(last.error().code == ErrorCode::resource_exhausted);
  CHECK_THAT(last.error().message, Catch::StartsWith("1000 tokens are unused"));
}

TEST_CASE("an address is a host and a port", "[store][token]") {
  auto is = [](const std::string& text, const std::string& host, int port) {
    auto parsed = value(parse_host_port(text));
    CHECK(parsed.host == host);
    CHECK(parsed.port == port);
  };
  is("localhost:1", "localhost", 1);
  is("10.0.0.1:7422", "10.0.0.1", 7422);
  is("gpu_7.lab-2:65535", "gpu_7.lab-2", 65535);
  is("[::1]:80", "::1", 80);
  is("[fe80::1%eth0]:80", "fe80::1%eth0", 80);
  for (const auto& text :
       {"", "host", "host:", ":80", "host:0", "host:65536", "host:80x", "host:-1", "host: 80",
        "::1:80", "[]:80", "a b:80", "user@host:80", "http://host:80", "host:80/"}) {
    CAPTURE(text);
    CHECK(parse_host_port(text).error().code == ErrorCode::invalid_argument);
  }
  CHECK_FALSE(parse_host_port(std::string(300, 'a') + ":80"));
}
