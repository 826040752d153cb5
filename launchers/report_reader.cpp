#include "launchers/report_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launchers/file_descriptor.hpp"
#include "launchers/keeper_protocol.hpp"
#include "launchers/report_line.hpp"

namespace autotune {

namespace {

constexpr std::size_t example_bytes_max = 200;

}  // namespace

ReportReader::ReportReader(std::string path, pb::ReplicaKey key, ReportLimits limits,
                           Redaction secrets)
    : path_(std::move(path)), key_(std::move(key)), limits_(limits), secrets_(std::move(secrets)) {}

Result<ReportBatch> ReportReader::read(std::int64_t after_line, std::size_t lines_max, bool ended) {
  ReportBatch batch;
  FileDescriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.value(), &status) != 0) {
    batch.last_line = std::max(at_.line, after_line);
    if (errno == ENOENT || errno == ENOTDIR)
      return batch;
    return fail(ErrorCode::failed_precondition,
                "cannot read " + path_ + ": " + std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::failed_precondition, path_ + " is no regular file");
  bool replaced = at_.inode != 0 && (at_.inode != status.st_ino || status.st_size < at_.offset);
  if (replaced) {
    at_.offset = 0;
    at_.skipping = at_.half_taken = false;
  } else if (after_line < at_.line) {
    at_ = {};  // asked for what was read before: from the beginning
  }
  at_.inode = status.st_ino;
  now_ms_ = wall_clock_ms();
  first_line_ = at_.line;
  // Most files are one short line: a buffer no larger than what is there, and one byte to see that it is the end.
  auto there = static_cast<std::size_t>(std::max<off_t>(0, status.st_size - at_.offset));
  auto want = std::min(limits_.chunk_bytes, there + 1);
  for (;;) {
    if (buffer_.size() < want)
      buffer_.resize(want);
    auto n = ::pread(file.value(), buffer_.data(), want, at_.offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(ErrorCode::failed_precondition,
                  "cannot read " + path_ + ": " + std::strerror(errno));
    auto size = static_cast<std::size_t>(n);
    bool last = size < want;
    auto used = take_lines({buffer_.data(), size}, last && ended, after_line, lines_max, batch);
    at_.offset += static_cast<off_t>(used);
    if (full(batch, lines_max, first_line_) && (used < size || !last)) {
      batch.more = true;
      break;
    }
    if (last)
      break;
    if (used == 0)
      want =
          std::min(want * 4, limits_.line_bytes_max + 2);  // a long line: take more of it at once
  }
  if (buffer_.size() > limits_.chunk_bytes)
    std::string().swap(buffer_);
  batch.last_line = std::max(at_.line, after_line);
  return batch;
}

bool ReportReader::full(const ReportBatch& batch, std::size_t lines_max,
                        std::int64_t first_line) const {
  return batch.reports.size() + batch.bad_lines.size() >= lines_max ||
         at_.line - first_line >= limits_.skipped_lines_max;
}

std::size_t ReportReader::take_lines(std::string_view chunk, bool last, std::int64_t after_line,
                                     std::size_t lines_max, ReportBatch& batch) {
  std::size_t used = 0;
  if (at_.half_taken && !chunk.empty()) {
    used = chunk[0] == '\n' ? 1 : 0;  // the newline of a line that was taken before
    at_.half_taken = false;
  }
  while (used < chunk.size() && !full(batch, lines_max, first_line_)) {
    const auto* begin = chunk.data() + used;
    auto rest = chunk.size() - used;
    const auto* newline = static_cast<const char*>(std::memchr(begin, '\n', rest));
    if (newline == nullptr && !last) {
      if (at_.skipping || rest > limits_.line_bytes_max) {
        if (!at_.skipping)
          long_line_ = std::string(begin, std::min(rest, example_bytes_max + secrets_.bytes_max()));
        at_.skipping = true;
        used = chunk.size();
      }
      break;
    }
    auto length = newline == nullptr ? rest : static_cast<std::size_t>(newline - begin);
    used += length + (newline == nullptr ? 0 : 1);
    at_.half_taken = newline == nullptr;
    ++at_.line;
    if (at_.skipping)
      bad_line(long_line_, after_line, batch);
    else if (length > limits_.line_bytes_max)
      bad_line({begin, length}, after_line, batch);
    else
      take_line({begin, length}, after_line, batch);
    at_.skipping = false;
  }
  return used;
}

void ReportReader::take_line(std::string_view text, std::int64_t after_line, ReportBatch& batch) {
  if (text.ends_with('\r'))
    text.remove_suffix(1);
  if (text.empty() || text.find_first_not_of(" \t") == std::string_view::npos)
    return;
  ReportLine line;
  if (at_.line > after_line) {
    auto& report = batch.reports.emplace_back();
    if (!parse_report(text, line, *report.mutable_metrics())) {
      batch.reports.pop_back();
      return bad_line(text, after_line, batch);
    }
    report.set_sequence(key_.sequence());
    report.set_attempt(key_.attempt());
    report.set_replica(key_.replica());
    report.set_line(at_.line);
    report.set_kind(line.kind);
    report.set_step(line.has_step ? line.step : at_.next_step);
    report.set_at_ms(now_ms_);
  } else {
    google::protobuf::RepeatedPtrField<pb::Metric> ignored;
    if (!parse_report(text, line, ignored))
      return;
  }
  auto step = line.has_step ? line.step : at_.next_step;
  if (line.kind == pb::REPORT_KIND_INTERMEDIATE && step < INT64_MAX)
    at_.next_step = step + 1;
}

void ReportReader::bad_line(std::string_view text, std::int64_t after_line, ReportBatch& batch) {
  if (at_.line <= after_line)
    return;
  if (batch.bad_lines.empty()) {
    text = text.substr(0, example_bytes_max + secrets_.bytes_max());
    batch.bad_example = secrets_.clean(text, 0, example_bytes_max);
    for (auto& byte : batch.bad_example)
      if (static_cast<unsigned char>(byte) < 0x20 || static_cast<unsigned char>(byte) >= 0x7f)
        byte = '?';  // it goes into events and onto terminals
  }
  batch.bad_lines.push_back(at_.line);
}

}  // namespace autotune
