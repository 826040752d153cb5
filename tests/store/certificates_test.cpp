#include "store/certificates.hpp"

#include <sys/stat.h>

#include "store/authority.hpp"
#include "store/openssl.hpp"
#include "store/private_file.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

constexpr std::int64_t now_s = 1'800'000'000;  // 2027-01-15 08:00:00 UTC
constexpr std::int64_t day_s = 24 * 3600;

}  // namespace

TEST_CASE("roles have words, and other words are told so", "[store][tls]") {
  for (auto role : {NodeRole::head, NodeRole::agent, NodeRole::client})
    CHECK(value(role_of(name_of(role))) == role);
  auto wrong = role_of("root");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message == "'root' is no role; known are: head, agent, client");
}

TEST_CASE("a node's name is plain and short", "[store][tls]") {
  for (const auto& good : {std::string("a"), std::string("gpu-7.lab_2"), std::string(64, 'x')})
    CHECK(check_node_name(good));
  for (const auto& bad : {std::string(), std::string(65, 'x'), std::string("a b"),
                          std::string("a/CN=b"), std::string("a\0b", 3), std::string("\xc3\xa4")}) {
    CAPTURE(bad);
    CHECK(check_node_name(bad).error().code == ErrorCode::invalid_argument);
    CHECK(make_key_and_request(bad).error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("a request is for a key of its own, made anew each time", "[store][tls]") {
  auto one = value(make_key_and_request("a"));
  auto two = value(make_key_and_request("a"));
  CHECK(one.key_pem != two.key_pem);
  CHECK(one.request_pem.find("PRIVATE") == std::string::npos);
  auto key = openssl::read_key(one.key_pem);
  auto request = openssl::read_request(one.request_pem);
  REQUIRE(key != nullptr);
  REQUIRE(request != nullptr);
  CHECK(X509_REQ_verify(request.get(), key.get()) == 1);
  CHECK(X509_REQ_verify(request.get(), openssl::read_key(two.key_pem).get()) != 1);
}

// A certificate made by `openssl req -x509`, and its fingerprint by `openssl x509 -fingerprint -sha256`.
TEST_CASE("a fingerprint is the one that openssl x509 prints", "[store][tls]") {
  constexpr const char* pem = R"(-----BEGIN CERTIFICATE-----
MIIBZjCCAQygAwIBAgIBATAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdleGFtcGxl
MB4XDTI2MTEyNjIwMDUwOFoXDTM2MTEyMzIwMDUwOFowEjEQMA4GA1UEAwwHZXhh
bXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAiXNCF2M3+/BWtB5cqhpJcq
TDDztwdQiQqN4Xvzsmbt+VoMgbNfLkJNpDapedpgJPsh/wx9u81R1e4mnrs6lEWj
UzBRMB0GA1UdDgQWBBSMNBoA6/GwPTYL4QonTHvMX0GGtjAfBgNVHSMEGDAWgBSM
NBoA6/GwPTYL4QonTHvMX0GGtjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMC
A0gAMEUCIQCSN+fkOEzoBDg+6AoQJ03bmXaEv4A0Gzen0p/VqaWq6wIgMK7Dm5+m
K1W0E5yKONnJGlW7Nw0J7R+0J5KGKPlFRw0=
-----END CERTIFICATE-----
)";
  CHECK(value(fingerprint(pem)) ==
        "2879d9fb40acc270005f98b028a3355d20522b48ead71411d7c09550154ec1bc");
  CHECK(fingerprint("-----BEGIN CERTIFICATE-----").error().code == ErrorCode::invalid_argument);
  // It has no role: it may be well made, but it is none of ours.
  CHECK(inspect(pem).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("a certificate is due after two thirds of its time", "[store][tls]") {
  CertificateFacts facts{"a", NodeRole::agent, 1000, 1000 + 3 * 600};
  CHECK_FALSE(renew_due(facts, 0));
  CHECK_FALSE(renew_due(facts, 1000 + 1199));
  CHECK(renew_due(facts, 1000 + 1200));
  CHECK(renew_due(facts, 9999));
}

TEST_CASE("a certificate is believed by its authority, in its time alone", "[store][tls]") {
  TemporaryFolder folder;
  TemporaryFolder elsewhere;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto other = value(Authority::open(elsewhere.path(), now_s));
  auto identity = value(authority.make_identity("gpu-7", NodeRole::agent, now_s));
  auto verify = [&](const Authority& by, std::int64_t at_s) {
    return verify_certificate(identity.certificate_pem, by.certificate_pem(), at_s);
  };
  auto facts = value(verify(authority, now_s));
  CHECK(facts.name == "gpu-7");
  CHECK(facts.role == NodeRole::agent);
  CHECK(facts.not_before_s == now_s - 300);
  CHECK(facts.not_after_s == now_s + day_s);
  CHECK(verify(authority, facts.not_before_s));
  CHECK(verify(authority, facts.not_after_s - 1));

  auto early = verify(authority, facts.not_before_s - 1);
  REQUIRE_FALSE(early);
  CHECK(early.error().message ==
        "the certificate of agent 'gpu-7' is not valid before 2027-01-15 07:55 UTC, but it is "
        "2027-01-15 07:54 UTC here: set the clock of this machine or of the other");
  auto late = verify(authority, facts.not_after_s);
  REQUIRE_FALSE(late);
  CHECK(late.error().message ==
        "the certificate of agent 'gpu-7' expired at 2027-01-16 08:00 UTC (it is 2027-01-16 08:00 "
        "UTC here): join again with a new token");
  auto foreign = verify(other, now_s);
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().code == ErrorCode::failed_precondition);
  CHECK_THAT(foreign.error().message, Catch::Contains("is not of this cluster's authority"));
  CHECK(verify_certificate("", authority.certificate_pem(), now_s).error().code ==
        ErrorCode::invalid_argument);
  // The authority's own certificate names no node.
  CHECK_FALSE(verify_certificate(authority.certificate_pem(), authority.certificate_pem(), now_s));
}

TEST_CASE("a node's certificate is no authority for others", "[store][tls]") {
  TemporaryFolder folder;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto node = value(authority.make_identity("a", NodeRole::agent, now_s));
  // A file in the authority's form that holds the node's key: what it signs is not believed.
  TemporaryFolder forged;
  value(make_private_folder(forged.path() / "tls"));
  value(replace_private_file(forged.path() / "tls/ca.key", node.key_pem + node.certificate_pem));
  auto forger = value(Authority::open(forged.path(), now_s));
  auto identity = value(forger.make_identity("b", NodeRole::head, now_s));
  CHECK_FALSE(verify_certificate(identity.certificate_pem, authority.certificate_pem(), now_s));
  CHECK_FALSE(verify_certificate(identity.certificate_pem, node.certificate_pem, now_s));
}

TEST_CASE("an identity is written whole and read again", "[store][tls]") {
  TemporaryFolder folder;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto identity = value(authority.make_identity("a", NodeRole::client, now_s));
  auto place = folder.path() / "node";
  CHECK(read_identity(place).error().code == ErrorCode::not_found);
  value(write_identity(place, identity));
  auto again = value(read_identity(place));
  CHECK(again.key_pem == identity.key_pem);
  CHECK(again.certificate_pem == identity.certificate_pem);
  CHECK(again.ca_pem == identity.ca_pem);
  CHECK(value(read_small_file(place / "node.pem")) == identity.certificate_pem);
  CHECK(value(read_small_file(place / "ca.pem")) == authority.certificate_pem());
  for (const char* name : {"node.key", "node.pem", "ca.pem"}) {
    struct stat found {};
    REQUIRE(::stat((place / name).c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
  }
  // Renewed: in place of the old one.
  auto renewed = value(authority.make_identity("a", NodeRole::client, now_s + 100));
  value(write_identity(place, renewed));
  CHECK(value(read_identity(place)).certificate_pem == renewed.certificate_pem);
}

TEST_CASE("an identity whose parts do not belong together is refused", "[store][tls]") {
  TemporaryFolder folder;
  TemporaryFolder elsewhere;
  auto authority = value(Authority::open(folder.path(), now_s));
  auto other = value(Authority::open(elsewhere.path(), now_s));
  auto good = value(authority.make_identity("a", NodeRole::agent, now_s));
  auto wrong_key = good;
  wrong_key.key_pem = value(make_key_and_request("a")).key_pem;
  auto wrong_ca = good;
  wrong_ca.ca_pem = other.certificate_pem();
  auto no_ca = good;
  no_ca.ca_pem.clear();
  for (const auto& identity : {wrong_key, wrong_ca, no_ca}) {
    value(write_identity(folder.path() / "node", identity));
    CHECK(read_identity(folder.path() / "node").error().code == ErrorCode::data_loss);
  }
}
