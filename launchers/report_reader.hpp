// Follows a replica's reports file: new lines as reports, from where it stopped the last time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "launchers/launcher.hpp"
#include "messages/redaction.hpp"

namespace autotune {

/// Bounds of reading, each with its reason.
struct ReportLimits {
  /// A longer line is no report: it would be a value of a million bytes. It is skipped, and counted as bad.
  std::size_t line_bytes_max = 1 << 20;
  /// One read; many lines, few system calls.
  std::size_t chunk_bytes = 256 * 1024;
  /// Lines before `after_line` that one call skips after a restart, so that none takes long.
  std::int64_t skipped_lines_max = 50000;
};

/// What stands in a file is numbered by lines from 1. A blank line is no report and no mistake. What happens to a
/// file that shrinks or is replaced (a script that opens it for writing anew): reading goes on at its beginning, and
/// the numbers go on rising. A file that is gone says nothing more.
class ReportReader {
 public:
  /// `key` and the trial's numbers are copied into each report; no example of a bad line shows `secrets`.
  ReportReader(std::string path, pb::ReplicaKey key, ReportLimits limits = {},
               Redaction secrets = {});

  /// Reads on; see Launcher::read_reports. Error: failed_precondition (the file is there but cannot be read).
  Result<ReportBatch> read(std::int64_t after_line, std::size_t lines_max, bool ended);

 private:
  struct Cursor {
    off_t offset = 0;       // of the first byte not yet understood
    std::int64_t line = 0;  // lines before it
    std::int64_t next_step = 0;
    bool skipping = false;    // inside a line that is too long
    bool half_taken = false;  // the last line was taken without its newline, which may still come
    ino_t inode = 0;
  };

  void take_line(std::string_view text, std::int64_t after_line, ReportBatch& batch);
  void bad_line(std::string_view text, std::int64_t after_line, ReportBatch& batch);
  std::size_t take_lines(std::string_view chunk, bool last, std::int64_t after_line,
                         std::size_t lines_max, ReportBatch& batch);
  bool full(const ReportBatch& batch, std::size_t lines_max, std::int64_t first_line) const;

  std::string path_;
  pb::ReplicaKey key_;
  ReportLimits limits_;
  Redaction secrets_;
  Cursor at_;
  std::string buffer_;
  std::string long_line_;  // the beginning of the line that is being skipped
  std::int64_t now_ms_ = 0;
  std::int64_t first_line_ = 0;  // where this call began
};

}  // namespace autotune
