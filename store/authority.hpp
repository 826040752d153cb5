// A home's own certificate authority: who holds one of its certificates belongs to the cluster.
//
//   <home>/tls/ca.key   key and certificate of the authority, in one file, so that both change at once
//   <home>/tls/ca.pem   the certificate again, for whoever wants to read it
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "store/certificates.hpp"

namespace autotune {

/// Signs certificates of one home. A value: after `rotate` by another process, open it again. Its functions may be
/// called from several threads.
class Authority {
 public:
  /// Makes the authority where the home has none; of several that try at once one does.
  /// data_loss: `ca.key` is damaged; unavailable, resource_exhausted: it cannot be read or written.
  static Result<Authority> open(const std::filesystem::path& home, std::int64_t now_s);

  const std::string& certificate_pem() const { return certificate_pem_; }
  const std::string& fingerprint() const { return fingerprint_; }
  std::int64_t not_after_s() const { return not_after_s_; }

  /// The certificate for the key of a request, under a name and role that the caller has decided on (what the request
  /// itself says of them counts for nothing). `valid_for` from a minute to 30 days; never beyond the authority's own.
  /// invalid_argument: the request, the name or the duration; failed_precondition: the authority has expired.
  Result<std::string> issue(std::string_view request_pem, std::string_view name, NodeRole role,
                            std::int64_t now_s,
                            std::chrono::seconds valid_for = CertificateLimits{}.node_life) const;

  /// Key and certificate in one go, for a node of the same user on the same machine.
  Result<Identity> make_identity(std::string_view name, NodeRole role, std::int64_t now_s) const;

  /// Puts a new authority in the place of this one at once: nobody's certificate is good from then on. The old key is
  /// gone; the old certificate stays as `<home>/tls/retired-TIME-FINGERPRINT.pem`, a record without use.
  Result<void> rotate(std::int64_t now_s);

 private:
  Authority(std::filesystem::path folder, std::string key_pem, std::string certificate_pem);
  static Result<Authority> load(const std::filesystem::path& folder);

  std::filesystem::path folder_;
  std::string key_pem_;
  std::string certificate_pem_;
  std::string fingerprint_;
  std::int64_t not_after_s_ = 0;
};

}  // namespace autotune
