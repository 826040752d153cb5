// A .tar.gz of texts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "messages/result.hpp"

namespace autotune::cli {

/// Gathers files in memory, then writes them at once.
class Archive {
 public:
  /// `name` is relative and has at most 100 bytes.
  void add(std::string name, std::string text) {
    files_.emplace_back(std::move(name), std::move(text));
  }

  /// Writes a gzipped ustar archive that its owner alone may read, in one step: beside it first,
  /// then renamed. `time`: seconds since 1970, the stamp of all files. Errors: unavailable,
  /// resource_exhausted.
  Result<void> write(const std::filesystem::path& path, std::int64_t time) const;

 private:
  std::vector<std::pair<std::string, std::string>> files_;
};

}  // namespace autotune::cli
