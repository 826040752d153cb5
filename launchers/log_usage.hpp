// How many bytes the logs and reports of an experiment's trials take on the disk.
#pragma once

#include <cstdint>
#include <string>

namespace autotune {

/// Bytes of stdout, stderr and report files of all attempts; what else a trial keeps in its folder (checkpoints) is
/// its own. Holes in cut logs do not count. What cannot be looked at counts as nothing. Cost: a stat per file.
std::int64_t log_bytes_of(const std::string& home, const std::string& experiment_id);

}  // namespace autotune
