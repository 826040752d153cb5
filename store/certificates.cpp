#include "store/certificates.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "store/openssl.hpp"
#include "store/private_file.hpp"

namespace autotune {
namespace {

using namespace openssl;

/// The first of that kind in a name; empty where there is none.
std::string entry_of(const X509_NAME* name, int nid) {
  int index = X509_NAME_get_index_by_NID(const_cast<X509_NAME*>(name), nid, -1);
  if (index < 0)
    return "";
  const auto* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm utc{};
  return ASN1_TIME_to_tm(time, &utc) == 1 ? timegm(&utc) : 0;
}

Result<CertificateFacts> facts_of(const X509* certificate) {
  const auto* subject = X509_get_subject_name(certificate);
  CertificateFacts facts;
  facts.name = entry_of(subject, NID_commonName);
  auto role = role_of(entry_of(subject, NID_organizationalUnitName));
  if (!role || !check_node_name(facts.name))
    return fail(ErrorCode::invalid_argument,
                "a certificate is none of a node: it lacks a name (CN) or a role (OU)");
  facts.role = *role;
  facts.not_before_s = seconds_of(X509_get0_notBefore(certificate));
  facts.not_after_s = seconds_of(X509_get0_notAfter(certificate));
  return facts;
}

tl::unexpected<Error> no_certificate() {
  return fail(ErrorCode::invalid_argument, "this text holds no certificate in PEM");
}

/// "2026-01-01 00:00 UTC".
std::string time_text(std::int64_t seconds) {
  auto time = static_cast<std::time_t>(seconds);
  std::tm utc{};
  gmtime_r(&time, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &utc);
  return text.data();
}

tl::unexpected<Error> refusal(int error, const CertificateFacts& facts, std::int64_t now_s) {
  auto who = "the certificate of " + std::string(name_of(facts.role)) + " '" + facts.name + "' ";
  if (error == X509_V_ERR_CERT_HAS_EXPIRED)
    return fail(ErrorCode::failed_precondition, who + "expired at " + time_text(facts.not_after_s) +
                                                    " (it is " + time_text(now_s) +
                                                    " here): join again with a new token");
  if (error == X509_V_ERR_CERT_NOT_YET_VALID)
    return fail(ErrorCode::failed_precondition,
                who + "is not valid before " + time_text(facts.not_before_s) + ", but it is " +
                    time_text(now_s) + " here: set the clock of this machine or of the other");
  return fail(ErrorCode::failed_precondition,
              who + "is not of this cluster's authority, or of one that was revoked (" +
                  X509_verify_cert_error_string(error) + "): join again with a new token");
}

}  // namespace

std::string_view name_of(NodeRole role) {
  switch (role) {
    case NodeRole::head: return "head";
    case NodeRole::agent: return "agent";
    case NodeRole::client: return "client";
  }
  return "";
}

Result<NodeRole> role_of(std::string_view word) {
  for (auto role : {NodeRole::head, NodeRole::agent, NodeRole::client})
    if (word == name_of(role))
      return role;
  return fail(ErrorCode::invalid_argument,
              "'" + std::string(word) + "' is no role; known are: head, agent, client");
}

Result<void> check_node_name(std::string_view name) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!name.empty() && name.size() <= CertificateLimits{}.name_bytes_max &&
      std::all_of(name.begin(), name.end(), allowed))
    return {};
  return fail(ErrorCode::invalid_argument,
              "a node's name has 1 to 64 of the letters A-Z and a-z, digits, '.', '_' and '-'");
}

Result<KeyAndRequest> make_key_and_request(std::string_view name) {
  if (auto fine = check_node_name(name); !fine)
    return tl::unexpected(fine.error());
  Key key(EVP_EC_gen("P-256"));
  Request request(X509_REQ_new());
  if (key == nullptr || request == nullptr ||
      X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request.get()), NID_commonName,
                                 MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.data()),
                                 static_cast<int>(name.size()), -1, 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0)
    return fail(ErrorCode::internal, "OpenSSL cannot make a key and a signing request");
  return KeyAndRequest{pem_of(key.get()), pem_of(request.get())};
}

Result<std::string> fingerprint(std::string_view certificate_pem) {
  auto certificate = read_certificate(certificate_pem);
  unsigned char* der = nullptr;
  int size = certificate == nullptr ? -1 : i2d_X509(certificate.get(), &der);
  if (size <= 0)
    return no_certificate();
  auto text = sha256_hex({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return text;
}

Result<CertificateFacts> inspect(std::string_view certificate_pem) {
  auto certificate = read_certificate(certificate_pem);
  return certificate == nullptr ? no_certificate() : facts_of(certificate.get());
}

bool renew_due(const CertificateFacts& certificate, std::int64_t now_s) {
  auto life_s = certificate.not_after_s - certificate.not_before_s;
  return now_s >= certificate.not_before_s + life_s / 3 * 2;
}

Result<CertificateFacts> verify_certificate(std::string_view certificate_pem,
                                            std::string_view ca_pem, std::int64_t now_s) {
  auto certificate = read_certificate(certificate_pem);
  auto ca = read_certificate(ca_pem);
  if (certificate == nullptr || ca == nullptr)
    return no_certificate();
  auto facts = facts_of(certificate.get());
  if (!facts)
    return facts;
  std::unique_ptr<X509_STORE, Releaser<X509_STORE_free>> store(X509_STORE_new());
  std::unique_ptr<X509_STORE_CTX, Releaser<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  if (store == nullptr || check == nullptr || X509_STORE_add_cert(store.get(), ca.get()) != 1 ||
      X509_STORE_CTX_init(check.get(), store.get(), certificate.get(), nullptr) != 1)
    return fail(ErrorCode::internal, "OpenSSL cannot check a certificate");
  X509_STORE_CTX_set_time(check.get(), 0, static_cast<std::time_t>(now_s));
  if (X509_verify_cert(check.get()) == 1)
    return facts;
  return refusal(X509_STORE_CTX_get_error(check.get()), *facts, now_s);
}

Result<void> write_identity(const std::filesystem::path& folder, const Identity& identity) {
  if (auto made = make_private_folder(folder); !made)
    return made;
  auto whole = identity.key_pem + identity.certificate_pem + identity.ca_pem;
  for (const auto& [name, text] : {std::pair<const char*, const std::string&>{"node.key", whole},
                                   {"node.pem", identity.certificate_pem},
                                   {"ca.pem", identity.ca_pem}})
    if (auto written = replace_private_file(folder / name, text); !written)
      return written;
  return {};
}

Result<Identity> read_identity(const std::filesystem::path& folder) {
  auto path = folder / "node.key";
  auto text = read_small_file(path);
  if (!text)
    return tl::unexpected(text.error());
  const std::string end = "-----END CERTIFICATE-----\n";
  auto key = read_key(*text);
  auto certificate = read_certificate(*text);
  auto first_end = text->find(end);
  auto ca = read_certificate(
      first_end == std::string::npos ? "" : std::string_view(*text).substr(first_end + end.size()));
  if (key == nullptr || certificate == nullptr || ca == nullptr ||
      X509_check_private_key(certificate.get(), key.get()) != 1 ||
      X509_verify(certificate.get(), X509_get0_pubkey(ca.get())) != 1)
    return fail(ErrorCode::data_loss,
                path.string() + " holds no key with its certificate and authority: join again");
  return Identity{pem_of(key.get()), pem_of(certificate.get()), pem_of(ca.get())};
}

}  // namespace autotune
