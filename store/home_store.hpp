// Where the facts of a home are: in its own SQLite file, or in a PostgreSQL database that it remembers.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune {

/// The PostgreSQL database of that home ("postgresql://..."), as `<home>/store` says; empty: its own SQLite file.
Result<std::string> store_of_home(const std::filesystem::path& home);

/// Makes the home remember `store` for all verbs from now on: a "postgresql://..." without a password, or "sqlite" for
/// its own file. invalid_argument: it is neither.
Result<void> remember_store(const std::filesystem::path& home, const std::string& store);

/// A reader of the home's facts, wherever they are. not_found: nothing has been run there yet.
Result<std::unique_ptr<StoreReader>> open_home_reader(const std::filesystem::path& home);

}  // namespace autotune
