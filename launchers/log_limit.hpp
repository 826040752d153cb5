// Keeps a replica's stdout and stderr below their limit while its processes go on writing to them.
#pragma once

#include <cstdint>
#include <string>

namespace autotune {

/// One replica's two logs.
struct LogLimit {
  std::string folder;
  std::int64_t bytes_max = 0;  ///< of each; 0: no limit
  bool keep_offsets =
      false;  ///< something reads stdout by its offsets: cut it by a hole, not by moving its end
  std::int64_t cut_bytes[2] = {0, 0};

  /// Looks at both sizes and cuts what is too long: its first half stays, a line says how much is left out, and its
  /// end follows. Returns what a user should be told (once a log), else nothing.
  std::string check();
};

}  // namespace autotune
