#include "cli/identity.hpp"

#include <ctime>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "actors/log.hpp"
#include "cli/enrolment_client.hpp"
#include "store/authority.hpp"
#include "store/certificates.hpp"
#include "store/join_tokens.hpp"

namespace autotune::cli {

namespace {

constexpr std::chrono::minutes renewal_look{1};

std::int64_t now_s() { return static_cast<std::int64_t>(std::time(nullptr)); }

/// One file for key and certificate, so that a connection never finds one of them renewed and the other not.
TransportIdentity files_of(const std::filesystem::path& folder) {
  return {folder / "node.key", folder / "node.key", folder / "ca.pem"};
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<TransportIdentity> sign(const std::filesystem::path& home,
                               const std::filesystem::path& folder, const std::string& name,
                               NodeRole role) {
  auto authority = Authority::open(home, now_s());
  if (!authority)
    return tl::unexpected(authority.error());
  auto identity = authority->make_identity(name, role, now_s());
  if (!identity)
    return tl::unexpected(identity.error());
  if (auto written = write_identity(folder, *identity); !written)
    return tl::unexpected(written.error());
  return files_of(folder);
}

/// Whether what lies there is valid, and of the cluster that the token is of.
bool token_was_used(const Identity& identity, const JoinToken& token) {
  auto authority = fingerprint(identity.ca_pem);
  return authority && *authority == token.ca_fingerprint &&
         verify_certificate(identity.certificate_pem, identity.ca_pem, now_s());
}

Result<TransportIdentity> enrol_with(const std::filesystem::path& folder, const std::string& name,
                                     const std::string& token) {
  auto said = read_token(token);
  if (!said)
    return tl::unexpected(said.error());
  auto known = read_identity(folder);
  if (known && token_was_used(*known, *said))
    return files_of(folder);
  auto enrolled = enrol(token, name, NodeRole::agent);
  if (!enrolled)
    return tl::unexpected(enrolled.error());
  if (auto written = write_identity(folder, enrolled->identity); !written)
    return tl::unexpected(written.error());
  std::ofstream address(folder / "enrolled-at", std::ios::trunc);
  address << said->enrol_address << "\n";
  address.close();
  if (!address)
    return fail(ErrorCode::resource_exhausted, "cannot write below " + folder.string());
  return files_of(folder);
}

}  // namespace

Result<TransportIdentity> head_identity(const std::filesystem::path& home) {
  return sign(home, home / "tls" / "head", "head", NodeRole::head);
}

Result<TransportIdentity> agent_identity(const std::filesystem::path& home,
                                         const std::filesystem::path& folder,
                                         const std::string& name, const std::string& token) {
  if (!token.empty())
    return enrol_with(folder / "tls", name, token);
  if (::access((home / "tls" / "ca.key").c_str(), R_OK) == 0)
    return sign(home, folder / "tls", name, NodeRole::agent);
  const std::string remedy =
      ": ask for a token where the server runs (autotune token create), and give it by --token; "
      "on the server's own machine give the server's --home instead";
  auto known = read_identity(folder / "tls");
  if (!known)
    return fail(ErrorCode::failed_precondition,
                "this machine has no certificate of the cluster" + remedy);
  if (auto valid = verify_certificate(known->certificate_pem, known->ca_pem, now_s()); !valid)
    return fail(ErrorCode::failed_precondition, valid.error().message + remedy);
  return files_of(folder / "tls");
}

Result<void> renew_identity(const std::filesystem::path& folder,
                            const std::vector<std::string>& others) {
  auto known = read_identity(folder);
  if (!known)
    return tl::unexpected(known.error());
  auto address = text_of(folder / "enrolled-at");
  std::vector<std::string> places{address.substr(0, address.find('\n'))};
  places.insert(places.end(), others.begin(), others.end());
  auto renewed = renew_at_any(places, *known);
  if (!renewed)
    return tl::unexpected(renewed.error());
  return write_identity(folder, renewed->identity);
}

Renewal::Renewal(std::filesystem::path certificate, std::function<Result<void>()> renew)
    : certificate_(std::move(certificate)),
      renew_(std::move(renew)),
      thread_([this] { watch(); }) {}

Renewal::~Renewal() {
  {
    std::lock_guard guard(mutex_);
    ends_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Renewal::watch() {
  std::unique_lock guard(mutex_);
  while (!wake_.wait_for(guard, renewal_look, [this] { return ends_; })) {
    auto facts = inspect(text_of(certificate_));
    if (facts && !renew_due(*facts, now_s()))
      continue;
    if (auto renewed = renew_(); renewed)
      log::info("certificate-renewed", "file={}", certificate_.string());
    else
      log::warn("certificate-not-renewed", "file={} error={}", certificate_.string(),
                renewed.error().message);
  }
}

}  // namespace autotune::cli
