// The files into which a trial's replicas write: those of this machine, or of a head elsewhere.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>

#include "actors/query_core.hpp"
#include "cli/remote_reader.hpp"

namespace autotune::cli {

/// Of a home, and of agents of this machine that share it.
TrialLogs local_logs(const std::filesystem::path& home);

/// Of the head that is asked.
TrialLogs remote_logs(AskHead ask);

/// One file of a replica, read on from where it was read before.
class LogTail {
 public:
  /// `prefix` stands before each line; empty: bytes are copied as they are.
  LogTail(const TrialLogs& logs, LogPlace place, std::string replica, std::string stream,
          std::string prefix);

  /// Writes what there is more by now. With a prefix a line that has no end yet waits, unless this is the `last` look.
  Result<void> copy(std::ostream& out, bool last);

 private:
  void write(const std::string& bytes, std::ostream& out);

  const TrialLogs& logs_;
  LogPlace place_;
  std::string replica_;
  std::string stream_;
  std::string prefix_;
  std::int64_t offset_ = 0;
  std::string half_line_;
};

}  // namespace autotune::cli
