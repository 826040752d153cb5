#include "store/shared_keys.hpp"

#include "store/authority.hpp"
#include "store/fault.hpp"
#include "store/postgresql_schema.hpp"
#include "store/secret_box.hpp"

namespace autotune {
namespace {

constexpr const char* known_text = "autotune";
constexpr const char* known_context = "heads of this store";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
  throw StoreFault(ErrorCode::failed_precondition,
                   file.string() + " is missing, or another than the " + what +
                       " of the heads of this store: copy it here from the home of the first head "
                       "(scp, mode 0600), then start this one again");
}

template <class T>
T value_of(Result<T> result) {
  if (!result)
    throw StoreFault(result.error());
  return std::move(*result);
}

/// The first to come leaves a text that only the key's owner can have sealed.
void check_secret_key(PostgresqlSession& session, const std::filesystem::path& file) {
  auto find = session.prepare("SELECT key_check FROM head FOR UPDATE");
  find->step();
  if (find->is_null(0)) {
    auto box = value_of(SecretBox::open_or_create(file));
    auto sealed = value_of(box.seal(known_text, known_context));
    auto save = session.prepare("UPDATE head SET key_check = $1");
    save->set_bytes(1, sealed);
    save->run();
    return;
  }
  auto box = SecretBox::open(file);
  if (!box || !box->unseal(find->bytes(0), known_context))
    refuse(file, "key of secrets");
}

void check_authority(PostgresqlSession& session, const std::filesystem::path& home,
                     std::int64_t now_s) {
  const auto file = home / "tls" / "ca.key";
  auto find = session.prepare("SELECT authority FROM head FOR UPDATE");
  find->step();
  const std::string known(find->text(0));
  if (!known.empty() && !std::filesystem::exists(file))
    refuse(file, "authority");
  auto authority = value_of(Authority::open(home, now_s));
  if (!known.empty() && authority.fingerprint() != known)
    refuse(file, "authority");
  auto save = session.prepare("UPDATE head SET authority = $1");
  save->set_text(1, authority.fingerprint());
  save->run();
}

}  // namespace

Result<void> check_shared_keys(const std::string& uri, const std::filesystem::path& home,
                               bool with_authority, std::int64_t now_s) {
  try {
    PostgresqlSession session(uri, PostgresqlSession::Role::writer);
    if (auto made = make_postgresql_tables(session, uri); !made)
      return made;
    session.begin();
    check_secret_key(session, home / "secret.key");
    if (with_authority)
      check_authority(session, home, now_s);
    session.commit();
    return {};
  } catch (const std::exception& e) {
    return tl::unexpected(postgresql_error(e, "compare keys by " + uri));
  }
}

}  // namespace autotune
