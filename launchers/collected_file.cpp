#include "launchers/collected_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launchers/file_descriptor.hpp"
#include "launchers/job_folder.hpp"
#include "launchers/report_line.hpp"
#include "messages/value.hpp"

namespace autotune {

namespace {

constexpr std::size_t file_bytes_max = 256
                                       << 20;  // a million reports of a collector are fewer bytes

}  // namespace

void CollectedFile::open() {
  if (opened_)
    return;
  opened_ = true;
  auto text = read_whole_file(path_, file_bytes_max);
  if (!text)
    return;
  auto whole = text->rfind('\n');
  auto size = whole == std::string::npos ? 0 : whole + 1;
  if (size < text->size() && ::truncate(path_.c_str(), static_cast<off_t>(size)) != 0)
    return;
  for (std::size_t begin = 0; begin < size;) {
    auto end = text->find('\n', begin);
    std::string_view line(text->data() + begin, end - begin);
    begin = end + 1;
    ReportLine report;
    google::protobuf::RepeatedPtrField<pb::Metric> metrics;
    if (!parse_report(line, report, metrics))
      continue;
    if (report.kind == pb::REPORT_KIND_FINAL)
      last_.reset();
    else
      last_ = metrics[0].value();
    auto value = parse_json(line);
    const auto* at = value ? value->find("at") : nullptr;
    const auto* from = value ? value->find("from") : nullptr;
    if (at != nullptr)
      note(from != nullptr && from->as_string() != nullptr ? *from->as_string() : std::string(),
           at->to_integer().value_or(0));
  }
}

std::int64_t CollectedFile::place(const std::string& source) const {
  auto found = places_.find(source);
  return found == places_.end() ? 0 : found->second;
}

void CollectedFile::add(const std::string& source, std::int64_t place,
                        std::optional<std::int64_t> step, double value) {
  pending_ += "{\"type\":\"intermediate\",";
  if (step)
    pending_ += "\"step\":" + std::to_string(*step) + ",";
  pending_ += "\"value\":" + to_json(Value::real(value)) + ",\"at\":" + std::to_string(place);
  if (!source.empty())
    pending_ += ",\"from\":" + quote_json(source);
  pending_ += "}\n";
  last_ = value;
  note(source, place);
}

void CollectedFile::add_line(const std::string& source, std::int64_t place, std::string report) {
  // The report is an object: what is ours goes in before its last brace.
  report.erase(report.rfind('}'));
  pending_ += report + ",\"at\":" + std::to_string(place) + "}\n";
  ReportLine line;
  google::protobuf::RepeatedPtrField<pb::Metric> metrics;
  if (parse_report(report + "}", line, metrics)) {
    if (line.kind == pb::REPORT_KIND_FINAL)
      last_.reset();
    else
      last_ = metrics[0].value();
  }
  note(source, place);
}

void CollectedFile::add_final() {
  if (!last_)
    return;
  pending_ += "{\"type\":\"final\",\"value\":" + to_json(Value::real(*last_)) + "}\n";
  last_.reset();
}

Result<void> CollectedFile::flush() {
  if (pending_.empty())
    return {};
  FileDescriptor file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  struct stat before {};
  auto n = file && ::fstat(file.value(), &before) == 0
               ? ::write(file.value(), pending_.data(), pending_.size())
               : -1;
  if (n == static_cast<ssize_t>(pending_.size())) {
    pending_.clear();
    return {};
  }
  auto error = n < 0 ? errno : ENOSPC;
  if (n > 0 && ::ftruncate(file.value(), before.st_size) != 0)  // half of it: as if it had not been
    error = errno;
  return fail(error == ENOSPC || error == EDQUOT ? ErrorCode::resource_exhausted
                                                 : ErrorCode::failed_precondition,
              "cannot write " + path_ + ": " + std::strerror(error));
}

}  // namespace autotune
