// A program that is spoken to in lines: what is sent goes to its stdin, what it prints comes back line by line, and its
// stderr goes to a log file. It ends with whoever started it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace autotune {

/// Bounds of such a program.
struct LineProgramLimits {
  std::size_t line_bytes_max = 16u << 20;  ///< of one line on stdout; longer is an error
  std::int64_t log_bytes_max = 16 << 20;   ///< of its log file; what follows is dropped
  std::size_t tail_bytes_max = 1000;       ///< of stderr, kept for the message of its end
  /// What it has between the end of its stdin and SIGTERM, and again until SIGKILL.
  std::chrono::milliseconds grace{1000};
};

struct LineProgramOptions {
  std::vector<std::string> argv;         ///< the program, looked for in PATH, and its arguments
  std::string folder;                    ///< to run in
  std::vector<std::string> environment;  ///< NAME=VALUE, all of it
  std::filesystem::path log;             ///< appended to; its folder is made where it is missing
  std::uint64_t marker = 0;              ///< of all its processes (launchers/process_tree.hpp)
  std::function<void(std::string line)> on_line;  ///< on a thread of its own, as what follows
  /// Once, last: how it ended ("exit code 1"), and the last that it wrote on stderr. Not after the destructor began.
  std::function<void(std::string how)> on_end;
  LineProgramLimits limits;
};

/// Never blocks but in its destructor, which ends the program and all that it started, within three times the grace.
class LineProgram {
 public:
  /// What cannot be started is told by `on_end`.
  explicit LineProgram(LineProgramOptions options);
  ~LineProgram();
  LineProgram(const LineProgram&) = delete;
  LineProgram& operator=(const LineProgram&) = delete;

  /// Sends a line (without its end). From any thread; what the program does not read yet is kept for it.
  void send(const std::string& line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace autotune
