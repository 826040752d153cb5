#include "store/home_store.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "store/postgresql.hpp"
#include "store/private_file.hpp"
#include "store/sqlite.hpp"

namespace autotune {

namespace {

std::filesystem::path memory_of(const std::filesystem::path& home) { return home / "store"; }

}  // namespace

Result<std::string> store_of_home(const std::filesystem::path& home) {
  auto text = read_small_file(memory_of(home), 4096);
  if (!text && text.error().code == ErrorCode::not_found)
    return "";
  if (!text)
    return fail(ErrorCode::failed_precondition, "the home " + home.string() +
                                                    " cannot be used: " + text.error().message +
                                                    ", or choose another by --home");
  return text->substr(0, text->find('\n'));
}

Result<void> remember_store(const std::filesystem::path& home, const std::string& store) {
  if (store == "sqlite") {
    if (::unlink(memory_of(home).c_str()) != 0 && errno != ENOENT)
      return fail(ErrorCode::unavailable,
                  memory_of(home).string() + " cannot be removed: " + std::strerror(errno));
    return {};
  }
  if (auto fine = check_postgresql_uri(store); !fine)
    return fine;
  if (auto made = make_private_folder(home); !made)
    return made;
  return replace_private_file(memory_of(home), store + "\n");
}

Result<std::unique_ptr<StoreReader>> open_home_reader(const std::filesystem::path& home) {
  auto store = store_of_home(home);
  if (!store)
    return tl::unexpected(store.error());
  if (store->empty())
    return open_reader(database_path(home));
  return open_postgresql_reader(*store, home / "secret.key");
}

}  // namespace autotune
