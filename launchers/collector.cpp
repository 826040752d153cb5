#include "launchers/collector.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <regex>

#include "launchers/collected_file.hpp"
#include "launchers/file_descriptor.hpp"
#include "launchers/report_line.hpp"
#include "launchers/tensorboard.hpp"

namespace autotune {

namespace {

/// The number that a text is, spaces around it aside.
std::optional<double> number_in(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  if (text.starts_with('+'))
    text.remove_prefix(1);
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty())
    return std::nullopt;
  if (code == std::errc::result_out_of_range)
    return std::strtod(std::string(text).c_str(), nullptr);
  return code == std::errc{} ? std::optional(value) : std::nullopt;
}

/// The characters that every match begins with: most lines can be passed over without the expression.
std::string literal_prefix(const std::string& pattern) {
  if (pattern.find('|') != std::string::npos)
    return {};
  auto end = pattern.find_first_of("\\^$.*+?()[]{}");
  auto prefix = pattern.substr(0, end);
  bool optional = end != std::string::npos && std::strchr("*?{", pattern[end]) != nullptr;
  if (optional && !prefix.empty())
    prefix.pop_back();
  return prefix;
}

/// One number per matching line of a text file.
class LineCollector : public Collector {
 public:
  LineCollector(std::string source, const std::string& target, std::optional<std::regex> pattern,
                std::string prefix, CollectorLimits limits)
      : source_(std::move(source)),
        collected_(target),
        pattern_(std::move(pattern)),
        prefix_(std::move(prefix)),
        limits_(limits) {}

  Result<void> collect(bool ended) override {
    collected_.open();
    if (!at_)
      at_ = collected_.place("");
    read(ended);
    if (ended)
      collected_.add_final();
    return collected_.flush();
  }

 private:
  void read(bool ended) {
    FileDescriptor file(::open(source_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!file || ::fstat(file.value(), &status) != 0 || !S_ISREG(status.st_mode))
      return;
    if (status.st_size < *at_)
      at_ = 0;  // written anew
    std::string buffer(limits_.chunk_bytes, '\0');
    for (;;) {
      auto n = ::pread(file.value(), buffer.data(), buffer.size(), *at_);
      if (n <= 0)
        return;
      auto size = static_cast<std::size_t>(n);
      bool last = size < buffer.size();
      if (buffer[0] == '\0' && skip_hole(file.value(), status.st_size))
        continue;
      auto used = take_lines({buffer.data(), size}, last && ended, !last);
      *at_ += static_cast<std::int64_t>(used);
      if (last || used == 0)
        return;
    }
  }

  /// What the log limit has cut out reads as zeros.
  bool skip_hole(int file, off_t size) {
    auto data = ::lseek(file, *at_, SEEK_DATA);
    auto next = data < 0 ? size : data;
    if (next <= *at_)
      return false;
    at_ = next;
    return true;
  }

  std::size_t take_lines(std::string_view chunk, bool last, bool full) {
    std::size_t used = 0;
    while (used < chunk.size()) {
      auto end = chunk.find('\n', used);
      // A line longer than the buffer is looked at in pieces; it is nothing that a pattern was made for.
      bool piece = end == std::string_view::npos && used == 0 && full;
      if (end == std::string_view::npos && !last && !piece)
        break;
      auto line = chunk.substr(used, end == std::string_view::npos ? end : end - used);
      used = end == std::string_view::npos ? chunk.size() : end + 1;
      take_line(line, *at_ + static_cast<std::int64_t>(used));
    }
    return used;
  }

  void take_line(std::string_view line, std::int64_t place) {
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    line = line.substr(0, limits_.line_bytes_max);
    if (!pattern_) {
      ReportLine report;
      google::protobuf::RepeatedPtrField<pb::Metric> metrics;
      if (auto value = number_in(line))
        collected_.add("", place, std::nullopt, *value);
      else if (parse_report(line, report, metrics))
        collected_.add_line("", place, std::string(line));
      return;
    }
    if (!prefix_.empty() && line.find(prefix_) == std::string_view::npos)
      return;
    std::cmatch match;
    try {
      if (!std::regex_search(line.data(), line.data() + line.size(), match, *pattern_))
        return;
    } catch (const std::regex_error&) {
      return;  // too much work for this line: it does not match
    }
    const auto& group = match[match.size() > 1 ? 1 : 0];
    auto value = number_in({group.first, static_cast<std::size_t>(group.length())});
    if (value)
      collected_.add("", place, std::nullopt, *value);
  }

  std::string source_;
  CollectedFile collected_;
  std::optional<std::regex> pattern_;
  std::string prefix_;
  CollectorLimits limits_;
  std::optional<std::int64_t> at_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_collector(const pb::MetricsCollector& how,
                                                  const std::string& source,
                                                  const std::string& target,
                                                  CollectorLimits limits) {
  const auto& kind = how.kind();
  if (kind.empty() || kind == "sdk")
    return nullptr;
  if (kind == "tensorboard")
    return make_tensorboard_collector(source, how.tag(), target, limits);
  if (kind != "stdout" && kind != "file")
    return fail(
        ErrorCode::invalid_argument,
        "metricsCollector '" + kind + "' is unknown; known are sdk, stdout, file, tensorboard");
  std::optional<std::regex> pattern;
  if (!how.pattern().empty()) {
    try {
      pattern.emplace(how.pattern(), std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
      return fail(ErrorCode::invalid_argument,
                  "metricsCollector.pattern '" + how.pattern() + "': " + error.what());
    }
  } else if (kind == "stdout") {
    return fail(ErrorCode::invalid_argument,
                "metricsCollector of kind stdout wants a pattern, e.g. 'accuracy=([0-9.eE+-]+)'");
  }
  return std::make_unique<LineCollector>(source, target, std::move(pattern),
                                         literal_prefix(how.pattern()), limits);
}

}  // namespace autotune
