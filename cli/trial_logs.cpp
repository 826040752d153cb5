#include "cli/trial_logs.hpp"

#include <algorithm>
#include <fstream>
#include <vector>

#include "actors/machine.hpp"

namespace autotune::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t page_bytes = std::size_t{256} << 10;

fs::path within(const LogPlace& place) {
  return fs::path("trials") / place.experiment_id /
         (std::to_string(place.sequence) + "-" + place.trial_id) / std::to_string(place.attempt);
}

/// Of an attempt: in the home itself, or in that of an agent which shares it.
fs::path folder_of(const fs::path& home, const LogPlace& place) {
  auto inside = within(place);
  std::error_code code;
  if (!fs::exists(home / inside, code))
    for (const auto& node : fs::directory_iterator(home / "nodes", code))
      if (fs::exists(node.path() / inside, code))
        return node.path() / inside;
  return home / inside;
}

Result<pb::LogFolder> list_files(const fs::path& home, const LogPlace& place) {
  auto folder = folder_of(home, place);
  std::error_code code;
  pb::LogFolder found;
  found.set_exists(fs::exists(folder, code));
  found.set_machine(this_machine().name);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.is_directory(code) && fs::exists(entry.path() / "stdout", code))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  *found.mutable_replicas() = {names.begin(), names.end()};
  return found;
}

/// A file that is not there yet is an empty one; one that was cut is read from its beginning.
pb::LogPage read_file_page(const fs::path& path, std::int64_t offset, std::size_t bytes_max) {
  pb::LogPage page;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in)
    return page;
  page.set_size(static_cast<std::int64_t>(in.tellg()));
  page.set_offset(offset < 0 || offset > page.size() ? 0 : offset);
  auto rest = static_cast<std::size_t>(page.size() - page.offset());
  std::string data(std::min(bytes_max, rest), '\0');
  in.seekg(page.offset());
  in.read(data.data(), static_cast<std::streamsize>(data.size()));
  data.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
  page.set_data(std::move(data));
  return page;
}

}  // namespace

TrialLogs local_logs(const fs::path& home) {
  TrialLogs logs;
  logs.list = [home](const LogPlace& place) { return list_files(home, place); };
  logs.read = [home](const LogPlace& place, const std::string& replica, const std::string& stream,
                     std::int64_t offset, std::size_t bytes_max) -> Result<pb::LogPage> {
    return read_file_page(folder_of(home, place) / replica / stream, offset, bytes_max);
  };
  return logs;
}

TrialLogs remote_logs(AskHead ask) {
  TrialLogs logs;
  logs.list = [ask](const LogPlace& place) -> Result<pb::LogFolder> {
    pb::Query query;
    auto& list = *query.mutable_list_logs();
    list.set_experiment_id(place.experiment_id);
    list.set_sequence(place.sequence);
    list.set_attempt(place.attempt);
    auto answer = ask(query);
    if (!answer)
      return tl::unexpected(answer.error());
    return std::move(*answer->mutable_log_folder());
  };
  logs.read = [ask](const LogPlace& place, const std::string& replica, const std::string& stream,
                    std::int64_t offset, std::size_t) -> Result<pb::LogPage> {
    pb::Query query;
    auto& read = *query.mutable_read_log();
    read.set_experiment_id(place.experiment_id);
    read.set_sequence(place.sequence);
    read.set_attempt(place.attempt);
    read.set_replica(replica);
    read.set_stream(stream);
    read.set_offset(offset);
    auto answer = ask(query);
    if (!answer)
      return tl::unexpected(answer.error());
    return std::move(*answer->mutable_log());
  };
  return logs;
}

LogTail::LogTail(const TrialLogs& logs, LogPlace place, std::string replica, std::string stream,
                 std::string prefix)
    : logs_(logs),
      place_(std::move(place)),
      replica_(std::move(replica)),
      stream_(std::move(stream)),
      prefix_(std::move(prefix)) {}

Result<void> LogTail::copy(std::ostream& out, bool last) {
  while (true) {
    auto page = logs_.read(place_, replica_, stream_, offset_, page_bytes);
    if (!page)
      return tl::unexpected(page.error());
    write(page->data(), out);
    offset_ = page->offset() + static_cast<std::int64_t>(page->data().size());
    if (page->data().empty() || offset_ >= page->size())
      break;
  }
  if (last && !half_line_.empty()) {
    out << prefix_ << half_line_ << "\n";
    half_line_.clear();
  }
  out.flush();
  return {};
}

void LogTail::write(const std::string& bytes, std::ostream& out) {
  if (prefix_.empty()) {
    out << bytes;
    return;
  }
  half_line_ += bytes;
  std::size_t start = 0;
  for (auto end = half_line_.find('\n'); end != std::string::npos;
       start = end + 1, end = half_line_.find('\n', start))
    out << prefix_ << std::string_view(half_line_).substr(start, end - start) << "\n";
  half_line_.erase(0, start);
}

}  // namespace autotune::cli
