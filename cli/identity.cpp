#include "cli/identity.hpp"

#include <ctime>

#include <unistd.h>

#include "store/authority.hpp"
#include "store/certificates.hpp"

namespace autotune::cli {

namespace {

TransportIdentity files_of(const std::filesystem::path& folder) {
  return {folder / "node.pem", folder / "node.key", folder / "ca.pem"};
}

Result<TransportIdentity> sign(const std::filesystem::path& home,
                               const std::filesystem::path& folder, const std::string& name,
                               NodeRole role) {
  auto now = static_cast<std::int64_t>(std::time(nullptr));
  auto authority = Authority::open(home, now);
  if (!authority)
    return tl::unexpected(authority.error());
  auto identity = authority->make_identity(name, role, now);
  if (!identity)
    return tl::unexpected(identity.error());
  if (auto written = write_identity(folder, *identity); !written)
    return tl::unexpected(written.error());
  return files_of(folder);
}

}  // namespace

Result<TransportIdentity> head_identity(const std::filesystem::path& home) {
  return sign(home, home / "tls" / "head", "head", NodeRole::head);
}

Result<TransportIdentity> agent_identity(const std::filesystem::path& home,
                                         const std::filesystem::path& folder,
                                         const std::string& name) {
  if (::access((home / "tls" / "ca.key").c_str(), R_OK) == 0)
    return sign(home, folder / "tls", name, NodeRole::agent);
  auto known = read_identity(folder / "tls");
  if (!known)
    return fail(ErrorCode::failed_precondition,
                "this machine has no certificate of the cluster: ask for a token where the server "
                "runs (autotune token create), and give it by --token; on the server's own "
                "machine give the server's --home instead");
  return files_of(folder / "tls");
}

}  // namespace autotune::cli
