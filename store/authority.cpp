#include "store/authority.hpp"

#include <array>
#include <ctime>

#include <openssl/rand.h>

#include "store/openssl.hpp"
#include "store/private_file.hpp"

namespace autotune {
namespace {

using namespace openssl;

constexpr std::chrono::seconds issue_min = std::chrono::minutes(1);
constexpr std::chrono::seconds issue_max = std::chrono::hours(24 * 30);

std::filesystem::path key_path(const std::filesystem::path& folder) { return folder / "ca.key"; }
std::filesystem::path copy_path(const std::filesystem::path& folder) { return folder / "ca.pem"; }

/// A number that nobody has had before: 19 random bytes, positive, within the 20 that RFC 5280 allows.
bool set_random_serial(X509* certificate) {
  std::array<unsigned char, 19> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return false;
  std::unique_ptr<BIGNUM, Releaser<BN_free>> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number != nullptr &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool add_text(X509_NAME* name, int nid, std::string_view text) {
  return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Releaser<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// What all certificates share: version 3, a serial, a time, a public key.
bool begin(X509* certificate, EVP_PKEY* key, std::int64_t from_s, std::int64_t to_s) {
  return X509_set_version(certificate, X509_VERSION_3) == 1 && set_random_serial(certificate) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<std::time_t>(from_s)) !=
             nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<std::time_t>(to_s)) !=
             nullptr &&
         X509_set_pubkey(certificate, key) == 1;
}

/// Key and certificate of a new authority; empty where OpenSSL fails.
std::string make_authority(std::int64_t now_s) {
  const CertificateLimits limits;
  Key key(EVP_EC_gen("P-256"));
  Certificate certificate(X509_new());
  std::array<unsigned char, 4> random{};
  if (key == nullptr || certificate == nullptr ||
      RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return "";
  // Two authorities never have the same name, so that nobody looks for one's signature under the other.
  std::string name = "AutoTune cluster ";
  for (auto byte : random) {
    name += "0123456789abcdef"[byte >> 4];
    name += "0123456789abcdef"[byte & 15];
  }
  auto* self = certificate.get();
  auto skew_s = std::chrono::seconds(limits.clock_skew).count();
  auto life_s = std::chrono::seconds(limits.authority_life).count();
  if (!begin(self, key.get(), now_s - skew_s, now_s + life_s) ||
      !add_text(X509_get_subject_name(self), NID_commonName, name) ||
      X509_set_issuer_name(self, X509_get_subject_name(self)) != 1 ||
      !add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(self, self, NID_subject_key_identifier, "hash") ||
      X509_sign(self, key.get(), EVP_sha256()) <= 0)
    return "";
  return pem_of(key.get()) + pem_of(self);
}

/// Another curve or kind of key would be as good as its holder chose it, and we would not know.
bool is_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

tl::unexpected<Error> openssl_failed() {
  return fail(ErrorCode::internal, "OpenSSL cannot make a certificate");
}

}  // namespace

Authority::Authority(std::filesystem::path folder, std::string key_pem, std::string certificate_pem)
    : folder_(std::move(folder)),
      key_pem_(std::move(key_pem)),
      certificate_pem_(std::move(certificate_pem)) {}

Result<Authority> Authority::load(const std::filesystem::path& folder) {
  auto text = read_small_file(key_path(folder));
  if (!text)
    return tl::unexpected(text.error());
  auto key = read_key(*text);
  auto certificate = read_certificate(*text);
  if (key == nullptr || certificate == nullptr ||
      X509_check_private_key(certificate.get(), key.get()) != 1)
    return fail(ErrorCode::data_loss,
                key_path(folder).string() +
                    " holds no key with its certificate: put back the file that was made here, or "
                    "remove it, after which every node must join again with a new token");
  Authority authority(folder, pem_of(key.get()), pem_of(certificate.get()));
  auto print = autotune::fingerprint(authority.certificate_pem_);
  if (!print)
    return tl::unexpected(print.error());
  authority.fingerprint_ = *print;
  std::tm utc{};
  ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &utc);
  authority.not_after_s_ = timegm(&utc);
  // The copy is behind after a loss of power between the two writes.
  if (auto copy = read_small_file(copy_path(folder)); !copy || *copy != authority.certificate_pem_)
    if (auto written = replace_private_file(copy_path(folder), authority.certificate_pem_);
        !written)
      return tl::unexpected(written.error());
  return authority;
}

Result<Authority> Authority::open(const std::filesystem::path& home, std::int64_t now_s) {
  auto folder = home / "tls";
  auto there = load(folder);
  if (there || there.error().code != ErrorCode::not_found)
    return there;
  std::error_code error;
  if (!std::filesystem::exists(home, error))
    if (auto made = make_private_folder(home); !made)
      return tl::unexpected(made.error());
  if (auto made = make_private_folder(folder); !made)
    return tl::unexpected(made.error());
  auto text = make_authority(now_s);
  if (text.empty())
    return openssl_failed();
  if (auto created = create_private_file(key_path(folder), text); !created)
    return tl::unexpected(created.error());
  return load(folder);
}

Result<std::string> Authority::issue(std::string_view request_pem, std::string_view name,
                                     NodeRole role, std::int64_t now_s,
                                     std::chrono::seconds valid_for) const {
  if (auto fine = check_node_name(name); !fine)
    return tl::unexpected(fine.error());
  if (valid_for < issue_min || valid_for > issue_max)
    return fail(ErrorCode::invalid_argument,
                "a certificate is valid for a minute to 30 days, not for " +
                    std::to_string(valid_for.count()) + " s");
  if (now_s >= not_after_s_)
    return fail(ErrorCode::failed_precondition,
                "the authority of this cluster, " + copy_path(folder_).string() +
                    ", has expired: make another with `autotune node revoke`");
  auto request = read_request(request_pem);
  auto* requested = request == nullptr ? nullptr : X509_REQ_get0_pubkey(request.get());
  if (requested == nullptr || !is_p256(requested) || X509_REQ_verify(request.get(), requested) != 1)
    return fail(ErrorCode::invalid_argument,
                "this is no signing request in PEM, signed by its own EC key on P-256");
  auto key = read_key(key_pem_);
  auto issuer = read_certificate(certificate_pem_);
  Certificate certificate(X509_new());
  if (key == nullptr || issuer == nullptr || certificate == nullptr)
    return openssl_failed();
  auto* node = certificate.get();
  auto* subject = X509_get_subject_name(node);
  auto skew_s = std::chrono::seconds(CertificateLimits{}.clock_skew).count();
  if (!begin(node, requested, now_s - skew_s, std::min(now_s + valid_for.count(), not_after_s_)) ||
      !add_text(subject, NID_organizationalUnitName, name_of(role)) ||
      !add_text(subject, NID_commonName, name) ||
      X509_set_issuer_name(node, X509_get_subject_name(issuer.get())) != 1 ||
      !add_extension(node, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(node, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(node, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(node, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(node, issuer.get(), NID_authority_key_identifier, "keyid:always") ||
      X509_sign(node, key.get(), EVP_sha256()) <= 0)
    return openssl_failed();
  return pem_of(node);
}

Result<Identity> Authority::make_identity(std::string_view name, NodeRole role,
                                          std::int64_t now_s) const {
  auto made = make_key_and_request(name);
  if (!made)
    return tl::unexpected(made.error());
  auto certificate = issue(made->request_pem, name, role, now_s);
  if (!certificate)
    return tl::unexpected(certificate.error());
  return Identity{std::move(made->key_pem), std::move(*certificate), certificate_pem_};
}

Result<void> Authority::rotate(std::int64_t now_s) {
  auto text = make_authority(now_s);
  if (text.empty())
    return openssl_failed();
  auto record =
      folder_ / ("retired-" + std::to_string(now_s) + "-" + fingerprint_.substr(0, 8) + ".pem");
  if (auto kept = replace_private_file(record, certificate_pem_); !kept)
    return kept;
  if (auto replaced = replace_private_file(key_path(folder_), text); !replaced)
    return replaced;
  auto fresh = load(folder_);
  if (!fresh)
    return tl::unexpected(fresh.error());
  *this = std::move(*fresh);
  return {};
}

}  // namespace autotune
