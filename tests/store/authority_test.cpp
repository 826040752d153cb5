#include "store/authority.hpp"

#include <set>
#include <thread>

#include <openssl/rsa.h>
#include <sys/stat.h>

#include "store/openssl.hpp"
#include "store/private_file.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t now_s = 1'800'000'000;
constexpr std::int64_t day_s = 24 * 3600;

unsigned mode_of(const std::filesystem::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

/// A request for a key of another kind, signed by it.
std::string request_for(EVP_PKEY* key) {
  openssl::Key owned(key);
  openssl::Request request(X509_REQ_new());
  REQUIRE(X509_REQ_set_pubkey(request.get(), owned.get()) == 1);
  REQUIRE(X509_REQ_sign(request.get(), owned.get(), EVP_sha256()) > 0);
  return openssl::pem_of(request.get());
}

}  // namespace

TEST_CASE("an authority is made at its first use and found again", "[store][tls]") {
  TemporaryFolder folder;
  auto home = folder.path() / "new/home";
  auto made = value(Authority::open(home, now_s));
  auto found = value(Authority::open(home, now_s + 10));
  CHECK(made.certificate_pem() == found.certificate_pem());
  CHECK(made.fingerprint() == value(fingerprint(found.certificate_pem())));
  CHECK(made.not_after_s() == now_s + 3652 * day_s);
  CHECK(mode_of(home) == 0700);
  CHECK(mode_of(home / "tls") == 0700);
  CHECK(mode_of(home / "tls/ca.key") == 0600);
  CHECK(value(read_small_file(home / "tls/ca.pem")) == made.certificate_pem());
  CHECK(made.certificate_pem().find("PRIVATE") == std::string::npos);
}

TEST_CASE("many that open a home at once find one authority", "[store][tls]") {
  TemporaryFolder folder;
  std::vector<std::string> prints(8);
  std::vector<std::thread> threads;
  for (auto& print : prints)
    threads.emplace_back([&] {
      if (auto authority = Authority::open(folder.path(), now_s))
        print = authority->fingerprint();
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(prints.front().size() == 64);
  CHECK(std::set<std::string>(prints.begin(), prints.end()).size() == 1);
}

TEST_CASE("the copy of the authority's certificate is mended", "[store][tls]") {
  TemporaryFolder folder;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto copy = folder.path() / "tls/ca.pem";
  value(replace_private_file(copy, "old"));
  value(Authority::open(folder.path(), now_s));
  CHECK(value(read_small_file(copy)) == authority.certificate_pem());
}

TEST_CASE("a damaged authority is not replaced behind one's back", "[store][tls]") {
  TemporaryFolder folder;
  TemporaryFolder elsewhere;
  value(Authority::open(folder.path(), now_s));
  value(Authority::open(elsewhere.path(), now_s));
  auto path = folder.path() / "tls/ca.key";
  auto good = value(read_small_file(path));
  auto other = value(read_small_file(elsewhere.path() / "tls/ca.key"));
  // Empty, cut, without its certificate, with another's.
  auto split = good.find("-----BEGIN CERTIFICATE");
  auto other_split = other.find("-----BEGIN CERTIFICATE");
  for (const auto& text : {std::string(), good.substr(0, good.size() / 2), good.substr(0, split),
                           good.substr(0, split) + other.substr(other_split)}) {
    value(replace_private_file(path, text));
    auto opened = Authority::open(folder.path(), now_s);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::data_loss);
    CHECK_THAT(opened.error().message, Catch::Contains(path.string()));
    CHECK(value(read_small_file(path)) == text);
  }
}

TEST_CASE("a certificate says what the authority decided, not what was asked", "[store][tls]") {
  TemporaryFolder folder;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto made = value(make_key_and_request("wishful"));
  auto pem = value(authority.issue(made.request_pem, "real", NodeRole::client, now_s, 90min));
  auto facts = value(verify_certificate(pem, authority.certificate_pem(), now_s));
  CHECK(facts.name == "real");
  CHECK(facts.role == NodeRole::client);
  CHECK(facts.not_after_s == now_s + 90 * 60);
  auto certificate = openssl::read_certificate(pem);
  // For the key of the request.
  CHECK(X509_check_private_key(certificate.get(), openssl::read_key(made.key_pem).get()) == 1);
  // Good at either end of a connection, and no authority.
  CHECK(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0) == 1);
  CHECK(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_SERVER, 0) == 1);
  CHECK(X509_check_ca(certificate.get()) == 0);
  CHECK(X509_check_ca(openssl::read_certificate(authority.certificate_pem()).get()) == 1);
}

TEST_CASE("no two certificates have one serial", "[store][tls]") {
  TemporaryFolder folder;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto made = value(make_key_and_request("a"));
  std::set<std::string> serials;
  for (int i = 0; i < 20; ++i) {
    auto pem = value(authority.issue(made.request_pem, "a", NodeRole::agent, now_s));
    auto certificate = openssl::read_certificate(pem);
    const auto* serial = X509_get0_serialNumber(certificate.get());
    CHECK(ASN1_STRING_type(serial) == V_ASN1_INTEGER);  // not negative
    serials.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                    static_cast<std::size_t>(ASN1_STRING_length(serial)));
  }
  CHECK(serials.size() == 20);
}

TEST_CASE("what may not be signed is refused", "[store][tls]") {
  TemporaryFolder folder;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto good = value(make_key_and_request("a")).request_pem;
  auto code = [&](const std::string& request, const std::string& name,
                  std::chrono::seconds valid_for) {
    auto issued = authority.issue(request, name, NodeRole::agent, now_s, valid_for);
    REQUIRE_FALSE(issued);
    return issued.error().code;
  };
  CHECK(code("", "a", 1h) == ErrorCode::invalid_argument);
  CHECK(code("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n", "a", 1h) ==
        ErrorCode::invalid_argument);
  CHECK(code(good, "a b", 1h) == ErrorCode::invalid_argument);
  CHECK(code(good, "a", 59s) == ErrorCode::invalid_argument);
  CHECK(code(good, "a", 24h * 30 + 1s) == ErrorCode::invalid_argument);
  CHECK(code(request_for(EVP_RSA_gen(1024)), "a", 1h) == ErrorCode::invalid_argument);
  CHECK(code(request_for(EVP_EC_gen("P-384")), "a", 1h) == ErrorCode::invalid_argument);
  // One that somebody else's key has signed: who asks must hold the key.
  openssl::Key mine(EVP_EC_gen("P-256"));
  openssl::Key theirs(EVP_EC_gen("P-256"));
  openssl::Request request(X509_REQ_new());
  REQUIRE(X509_REQ_set_pubkey(request.get(), theirs.get()) == 1);
  REQUIRE(X509_REQ_sign(request.get(), mine.get(), EVP_sha256()) > 0);
  CHECK(code(openssl::pem_of(request.get()), "a", 1h) == ErrorCode::invalid_argument);
}

TEST_CASE("no certificate outlives its authority", "[store][tls]") {
  TemporaryFolder folder;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto end_s = authority.not_after_s();
  auto last = value(authority.make_identity("a", NodeRole::agent, end_s - 100));
  CHECK(value(inspect(last.certificate_pem)).not_after_s == end_s);
  auto late = authority.make_identity("a", NodeRole::agent, end_s);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::failed_precondition);
  CHECK_THAT(late.error().message, Catch::Contains("autotune node revoke"));
}

TEST_CASE("a new authority takes the old one's place and believes none of its nodes",
          "[store][tls]") {
  TemporaryFolder folder;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto old_pem = authority.certificate_pem();
  auto old_key = value(read_small_file(folder.path() / "tls/ca.key"));
  auto identity = value(authority.make_identity("a", NodeRole::agent, now_s));
  value(authority.rotate(now_s + 5));
  CHECK(authority.certificate_pem() != old_pem);
  CHECK_FALSE(verify_certificate(identity.certificate_pem, authority.certificate_pem(), now_s + 5));
  auto fresh = value(authority.make_identity("a", NodeRole::agent, now_s + 5));
  CHECK(verify_certificate(fresh.certificate_pem, authority.certificate_pem(), now_s + 5));
  CHECK_FALSE(verify_certificate(fresh.certificate_pem, old_pem, now_s + 5));
  CHECK(value(Authority::open(folder.path(), now_s + 6)).fingerprint() == authority.fingerprint());
  CHECK(value(read_small_file(folder.path() / "tls/ca.pem")) == authority.certificate_pem());
  // The old certificate is on record, its key nowhere.
  auto key_text = old_key.substr(0, old_key.find("-----END PRIVATE"));
  int records = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "tls")) {
    auto text = value(read_small_file(entry.path()));
    CHECK(text.find(key_text) == std::string::npos);
    records += text == old_pem ? 1 : 0;
  }
  CHECK(records == 1);
}

TEST_CASE("an authority that another process has replaced signs on until it is opened again",
          "[store][tls]") {
  TemporaryFolder folder;
  auto stale = value(Authority::open(folder.path(), now_s));
  auto other = value(Authority::open(folder.path(), now_s));
  value(other.rotate(now_s));
  auto identity = value(stale.make_identity("a", NodeRole::agent, now_s));
  CHECK_FALSE(verify_certificate(identity.certificate_pem, other.certificate_pem(), now_s));
  auto again = value(Authority::open(folder.path(), now_s));
  auto good = value(again.make_identity("a", NodeRole::agent, now_s));
  CHECK(verify_certificate(good.certificate_pem, other.certificate_pem(), now_s));
}
