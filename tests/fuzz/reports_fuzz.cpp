// Any bytes as what trials and their keepers write: a reports file, read in one go and in two parts that the first
// byte divides; a record of TensorBoard's; an exit file. Reading in parts tells the same as reading at once.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <google/protobuf/stubs/logging.h>
#include <sys/mman.h>
#include <unistd.h>

#include "launchers/job_folder.hpp"
#include "launchers/report_line.hpp"
#include "launchers/report_reader.hpp"
#include "launchers/tensorboard.hpp"

namespace {

using namespace autotune;

constexpr std::size_t lines_max = 5;  // small, so that batches are cut
constexpr std::size_t line_bytes_max = 300;

void require(bool condition, const char* what) {
  if (condition)
    return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

ReportLimits small_limits() {
  ReportLimits limits;
  limits.line_bytes_max = line_bytes_max;
  limits.chunk_bytes = 64;
  limits.skipped_lines_max = 3;
  return limits;
}

/// One file in memory, written anew for each input.
class File {
 public:
  File() : fd_(::memfd_create("reports", 0)), path_("/proc/self/fd/" + std::to_string(fd_)) {}

  const std::string& path() const { return path_; }
  void clear() {
    require(::ftruncate(fd_, 0) == 0 && ::lseek(fd_, 0, SEEK_SET) == 0, "no memory file");
  }
  void append(std::string_view text) {
    require(::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
            "no memory file");
  }

 private:
  int fd_;
  std::string path_;
};

/// Reads until there is no more; what was found as one text.
std::string read_all(ReportReader& reader, std::int64_t& last, bool ended) {
  std::string found;
  for (bool more = true; more;) {
    auto batch = reader.read(last, lines_max, ended);
    require(batch.has_value(), "a reports file cannot be read");
    require(batch->last_line >= last, "line numbers go back");
    for (auto& report : batch->reports) {
      require(report.line() > last, "a line was given twice");
      require(report.metrics_size() > 0, "a report without a metric");
      require(report.kind() != pb::REPORT_KIND_UNSPECIFIED && report.step() >= 0,
              "a report without kind or step");
      report.set_at_ms(0);
      std::string bytes;
      require(report.SerializeToString(&bytes), "a report that cannot be written");
      found += bytes + "\n";
    }
    require(batch->bad_example.size() <= 200, "an example is too long");
    for (auto line : batch->bad_lines)
      found += "bad " + std::to_string(line) + "\n";
    last = batch->last_line;
    more = batch->more;
  }
  return found;
}

void check_file(std::string_view bytes) {
  static File file;
  const auto cut = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]) % bytes.size();
  file.clear();
  file.append(bytes.substr(0, cut));
  ReportReader in_parts(file.path(), {}, small_limits());
  std::int64_t last = 0;
  auto parts = read_all(in_parts, last, false);
  file.append(bytes.substr(cut));
  parts += read_all(in_parts, last, false);
  parts += read_all(in_parts, last, true);
  ReportReader at_once(file.path(), {}, small_limits());
  std::int64_t whole_last = 0;
  // A line that is given without its newline is given when it has ended, so both look twice.
  auto whole = read_all(at_once, whole_last, false);
  whole += read_all(at_once, whole_last, true);
  auto sorted =
      [](std::string text) {  // batches are cut at other places: bad lines stand elsewhere between
        std::vector<std::string> lines;
        for (std::size_t at = 0; at < text.size();) {
          auto end = text.find('\n', at);
          lines.push_back(text.substr(at, end - at));
          at = end == std::string::npos ? text.size() : end + 1;
        }
        std::sort(lines.begin(), lines.end());
        return lines;
      };
  require(last == whole_last, "reading in parts counts other lines");
  require(sorted(parts) == sorted(whole), "reading in parts gives other reports");
}

void check_exit(std::string_view bytes) {
  auto exit = exit_from_json(bytes);
  if (!exit)
    return;
  auto again = exit_from_json(exit_to_json(*exit));
  require(again && again->SerializeAsString() == exit->SerializeAsString(),
          "an exit changes when it is written");
}

void check_events(std::string_view bytes) {
  auto record = first_record(bytes, 1 << 20);
  require(record.size <= bytes.size(), "a record is larger than its file");
  for (const auto& scalar : scalars_in(bytes, "a"))
    require(std::isnan(scalar.value) || scalar.value == scalar.value, "no number");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const google::protobuf::LogSilencer silence;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_file(bytes);
  check_exit(bytes);
  check_events(bytes);
  return 0;
}
