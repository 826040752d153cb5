#include "cli/identity.hpp"

#include <array>
#include <cctype>
#include <ctime>
#include <fstream>
#include <sstream>

#include <pwd.h>
#include <unistd.h>

#include "actors/log.hpp"
#include "cli/enrolment_client.hpp"
#include "store/authority.hpp"
#include "store/certificates.hpp"
#include "store/join_tokens.hpp"

namespace autotune::cli {

namespace {

constexpr std::chrono::minutes renewal_look{1};
/// A command line renews its certificate at its first use of a day: nobody knows when the next one is.
constexpr std::int64_t client_renewal_s = 24 * 3600;
constexpr std::chrono::minutes client_renewal_pause{10};
constexpr std::chrono::seconds client_renewal_limit{3};

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
                                     NodeRole role, const std::string& token) {
  auto said = read_token(token);
  if (!said)
    return tl::unexpected(said.error());
  auto known = read_identity(folder);
  if (known && token_was_used(*known, *said))
    return files_of(folder);
  auto enrolled = enrol(token, name, role);
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

std::string text_of(const HostPort& place) {
  bool is_v6 = place.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + place.host + "]" : place.host) + ":" + std::to_string(place.port);
}

std::filesystem::path logins_of(const std::filesystem::path& home) { return home / "servers"; }

/// Who asks, for the server's log: "ann-laptop".
std::string client_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const auto* user = ::getpwuid(::geteuid());
  auto name = (user == nullptr ? "uid" + std::to_string(::geteuid()) : std::string(user->pw_name)) +
              "-" + host.data();
  for (auto& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_')
      c = '-';
  return name.substr(0, CertificateLimits{}.name_bytes_max);
}

/// "; logged in at: 10.0.0.1:7420", where this home is somewhere.
std::string known_logins(const std::filesystem::path& home) {
  std::string known;
  std::error_code code;
  for (const auto& login : std::filesystem::directory_iterator(logins_of(home), code))
    known += (known.empty() ? "; logged in at: " : ", ") + login.path().filename().string();
  return known;
}

/// Once in a while: where the enrolment address is out of reach, not every command waits for it.
bool may_try_renewal(const std::filesystem::path& folder) {
  auto mark = folder / "renewal-tried";
  std::error_code none;
  auto tried = std::filesystem::last_write_time(mark, none);
  if (!none && std::filesystem::file_time_type::clock::now() - tried < client_renewal_pause)
    return false;
  std::ofstream(mark, std::ios::trunc) << "\n";
  return true;
}

/// Whether a login's certificate serves; it is renewed when that is due, or later where the server cannot do it now.
Result<void> check_login(const std::filesystem::path& folder) {
  auto known = read_identity(folder);
  if (!known)
    return tl::unexpected(known.error());
  auto facts = verify_certificate(known->certificate_pem, known->ca_pem, now_s());
  if (!facts)
    return tl::unexpected(facts.error());
  if (now_s() - facts->not_before_s > client_renewal_s && may_try_renewal(folder))
    static_cast<void>(renew_identity(folder, {}, client_renewal_limit));
  return {};
}

/// Signed for this home's own server; the one of before serves while it is valid.
Result<TransportIdentity> sign_client(const std::filesystem::path& home) {
  auto folder = home / "tls" / "client";
  auto authority = Authority::open(home, now_s());
  if (!authority)
    return tl::unexpected(authority.error());
  if (auto known = read_identity(folder))
    if (auto facts =
            verify_certificate(known->certificate_pem, authority->certificate_pem(), now_s());
        facts && !renew_due(*facts, now_s()))
      return files_of(folder);
  return sign(home, folder, client_name(), NodeRole::client);
}

}  // namespace

std::string login_command(const std::string& server) {
  return "autotune login " + server +
         " --token T (T: printed by `autotune token create` on the server's machine)";
}

Result<TransportIdentity> log_in(const std::filesystem::path& home, const HostPort& server,
                                 const std::string& token) {
  return enrol_with(logins_of(home) / text_of(server), client_name(), NodeRole::client, token);
}

Result<TransportIdentity> client_identity(const std::filesystem::path& home,
                                          const HostPort& server) {
  auto folder = logins_of(home) / text_of(server);
  auto login = check_login(folder);
  if (login)
    return files_of(folder);
  if (::access((home / "tls" / "ca.key").c_str(), R_OK) == 0)
    return sign_client(home);
  bool is_there = login.error().code != ErrorCode::not_found;
  return fail(ErrorCode::unavailable,
              is_there ? "the login at " + text_of(server) +
                             " serves no more: " + login.error().message +
                             "; log in again: " + login_command(text_of(server))
                       : "this home is not logged in at " + text_of(server) + ": " +
                             login_command(text_of(server)) + known_logins(home));
}

Result<TransportIdentity> head_identity(const std::filesystem::path& home) {
  return sign(home, home / "tls" / "head", "head", NodeRole::head);
}

Result<TransportIdentity> agent_identity(const std::filesystem::path& home,
                                         const std::filesystem::path& folder,
                                         const std::string& name, const std::string& token) {
  if (!token.empty())
    return enrol_with(folder / "tls", name, NodeRole::agent, token);
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
                            const std::vector<std::string>& others,
                            std::chrono::milliseconds time_limit) {
  auto known = read_identity(folder);
  if (!known)
    return tl::unexpected(known.error());
  auto address = text_of(folder / "enrolled-at");
  EnrolOptions options;
  options.time_limit = time_limit;
  std::vector<std::string> places{address.substr(0, address.find('\n'))};
  places.insert(places.end(), others.begin(), others.end());
  auto renewed = renew_at_any(places, *known, options);
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
