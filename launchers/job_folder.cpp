#include "launchers/job_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "launchers/file_descriptor.hpp"
#include "launchers/keeper_protocol.hpp"
#include "messages/value.hpp"

namespace autotune {

namespace {

constexpr mode_t private_folder = 0700;
constexpr mode_t private_file = 0600;
constexpr std::size_t exit_file_bytes_max = 64 * 1024;

bool is_folder_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.size() < 200 &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

tl::unexpected<Error> disk_error(const std::string& what) {
  bool full = errno == ENOSPC || errno == EDQUOT;
  return fail(full ? ErrorCode::resource_exhausted : ErrorCode::failed_precondition,
              what + ": " + std::strerror(errno));
}

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), private_folder) != 0 && errno != EEXIST)
    return disk_error("cannot make the folder " + path);
  return {};
}

/// Asks ext4 to put each folder in `path` (each experiment) into a region of its own (`chattr +T`): where many files
/// were deleted lately it makes new ones several times slower for minutes. Other file systems say no, which is fine.
void spread_folders(const std::string& path) {
  FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int flags = 0;
  if (folder && ::ioctl(folder.value(), FS_IOC_GETFLAGS, &flags) == 0 &&
      (flags & FS_TOPDIR_FL) == 0) {
    flags |= FS_TOPDIR_FL;
    ::ioctl(folder.value(), FS_IOC_SETFLAGS, &flags);
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

Result<void> write_file(const std::string& path, std::string_view text) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, private_file));
  if (!file || !write_all(file.value(), text))
    return disk_error("cannot write " + path);
  return {};
}

void member(std::string& out, std::string_view name, std::string_view text) {
  if (out.back() != '{')
    out += ',';
  out += '"';
  out += name;
  out += "\":";
  out += text;
}

std::int64_t integer_of(const Value* value) {
  return value == nullptr ? 0 : value->to_integer().value_or(0);
}

std::string text_of(const Value* value) {
  const auto* text = value == nullptr ? nullptr : value->as_string();
  return text == nullptr ? std::string() : *text;
}

/// The number in "exit-12.json"; nothing for other names.
std::optional<int> restart_in(std::string_view name) {
  constexpr std::string_view prefix = "exit-";
  constexpr std::string_view suffix = ".json";
  if (!name.starts_with(prefix) || !name.ends_with(suffix))
    return std::nullopt;
  name = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  int restart = 0;
  auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), restart);
  if (code != std::errc{} || end != name.data() + name.size() || restart < 0)
    return std::nullopt;
  return restart;
}

}  // namespace

Result<JobFolder> JobFolder::of(const std::string& home, const pb::AttemptPlan& plan) {
  if (!is_folder_name(plan.experiment_id()))
    return fail(ErrorCode::invalid_argument,
                "'" + plan.experiment_id() + "' cannot be the name of an experiment's folder");
  auto trial = std::to_string(plan.sequence()) + "-" + plan.trial_id();
  if (!is_folder_name(trial))
    return fail(ErrorCode::invalid_argument,
                "'" + trial + "' cannot be the name of a trial's folder");
  for (const auto& task : plan.training_config().tasks())
    if (!is_folder_name(task.role()))
      return fail(ErrorCode::invalid_argument,
                  "'" + task.role() + "' cannot be a role: its replicas have folders of that name");
  JobFolder folder;
  folder.experiment_ = home + "/trials/" + plan.experiment_id();
  folder.trial_ = folder.experiment_ + "/" + trial;
  folder.attempt_ = folder.trial_ + "/" + std::to_string(plan.attempt());
  return folder;
}

Result<void> JobFolder::make(const pb::AttemptPlan& plan) const {
  // The folder of the experiment is there but for the first trial.
  if (::mkdir(trial_.c_str(), private_folder) != 0 && errno != EEXIST) {
    if (errno != ENOENT)
      return disk_error("cannot make the folder " + trial_);
    if (auto made = make_folders(trial_); !made)
      return made;
    spread_folders(experiment_.substr(0, experiment_.rfind('/')));
  }
  if (auto made = make_folder(attempt_); !made)
    return made;
  for (const auto& task : plan.training_config().tasks())
    for (int i = 0; i < task.replicas(); ++i)
      if (auto made = make_folder(replica(task.role() + "-" + std::to_string(i))); !made)
        return made;
  // Always the same text for the same attempt, so an attempt prepared again may write it again.
  return write_file(parameters(), plan.parameters_json());
}

Result<void> make_folders(const std::string& path) {
  for (auto slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    auto prefix = path.substr(0, slash);
    if (::mkdir(prefix.c_str(), private_folder) != 0 && errno != EEXIST) {
      // A folder above may be unwritable and still be there (EROFS, EACCES).
      struct stat status {};
      auto error = errno;
      if (::stat(prefix.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
        errno = error;
        return disk_error("cannot make the folder " + prefix);
      }
    }
    if (slash == std::string::npos)
      return {};
  }
}

Result<void> write_whole_file(const std::string& path, std::string_view text) {
  auto beside = path + ".new";
  if (auto written = write_file(beside, text); !written) {
    ::unlink(beside.c_str());
    return written;
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    auto failed = disk_error("cannot write " + path);
    ::unlink(beside.c_str());
    return failed;
  }
  return {};
}

Result<std::string> read_whole_file(const std::string& path, std::size_t bytes_max) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::failed_precondition,
                "cannot read " + path + ": " + std::strerror(errno));
  std::string text;
  char buffer[16 * 1024];
  for (;;) {
    auto n = ::read(file.value(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(ErrorCode::failed_precondition,
                  "cannot read " + path + ": " + std::strerror(errno));
    if (n == 0)
      return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > bytes_max)
      return fail(ErrorCode::failed_precondition,
                  path + " is larger than " + std::to_string(bytes_max) + " bytes");
  }
}

void end_last_line(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  struct stat status {};
  char last = '\n';
  if (!file || ::fstat(file.value(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_size == 0 || ::pread(file.value(), &last, 1, status.st_size - 1) != 1 ||
      last == '\n')
    return;
  write_all(file.value(), "\n");
}

std::string exit_to_json(const pb::ReplicaExit& exit) {
  const auto& key = exit.key();
  std::string of = "{";
  member(of, "experimentId", quote_json(key.experiment_id()));
  member(of, "sequence", std::to_string(key.sequence()));
  member(of, "attempt", std::to_string(key.attempt()));
  member(of, "replica", quote_json(key.replica()));
  member(of, "restart", std::to_string(key.restart()));
  of += '}';
  std::string out = "{";
  member(out, "key", of);
  member(out, "cause", "\"" + pb::ExitCause_Name(exit.cause()) + "\"");
  member(out, "exitCode", std::to_string(exit.exit_code()));
  member(out, "signal", std::to_string(exit.signal()));
  if (!exit.detail().empty())
    member(out, "detail", quote_json(exit.detail()));
  member(out, "startedAtMs", std::to_string(exit.started_at_ms()));
  member(out, "endedAtMs", std::to_string(exit.ended_at_ms()));
  out += "}\n";
  return out;
}

Result<pb::ReplicaExit> exit_from_json(std::string_view text) {
  auto read = parse_json(text);
  if (!read)
    return tl::unexpected(read.error());
  const auto* key = read->find("key");
  pb::ExitCause cause = pb::EXIT_CAUSE_UNSPECIFIED;
  if (key == nullptr || !pb::ExitCause_Parse(text_of(read->find("cause")), &cause))
    return fail(ErrorCode::data_loss, "an exit file without 'key' or with an unknown 'cause'");
  pb::ReplicaExit exit;
  auto& of = *exit.mutable_key();
  of.set_experiment_id(text_of(key->find("experimentId")));
  of.set_sequence(integer_of(key->find("sequence")));
  of.set_attempt(static_cast<std::int32_t>(integer_of(key->find("attempt"))));
  of.set_replica(text_of(key->find("replica")));
  of.set_restart(static_cast<std::int32_t>(integer_of(key->find("restart"))));
  exit.set_cause(cause);
  exit.set_exit_code(static_cast<std::int32_t>(integer_of(read->find("exitCode"))));
  exit.set_signal(static_cast<std::int32_t>(integer_of(read->find("signal"))));
  exit.set_detail(text_of(read->find("detail")));
  exit.set_started_at_ms(integer_of(read->find("startedAtMs")));
  exit.set_ended_at_ms(integer_of(read->find("endedAtMs")));
  return exit;
}

std::string exit_path(const std::string& replica_folder, int restart) {
  return replica_folder + "/exit-" + std::to_string(restart) + ".json";
}

Result<void> write_exit(const std::string& replica_folder, const pb::ReplicaExit& exit) {
  auto path = exit_path(replica_folder, exit.key().restart());
  auto written = write_file(path, exit_to_json(exit));
  if (!written)
    ::unlink(path.c_str());
  return written;
}

std::optional<pb::ReplicaExit> newest_exit(const std::string& replica_folder) {
  auto* folder = ::opendir(replica_folder.c_str());
  if (folder == nullptr)
    return std::nullopt;
  int newest = -1;
  while (const auto* entry = ::readdir(folder))
    newest = std::max(newest, restart_in(entry->d_name).value_or(-1));
  ::closedir(folder);
  if (newest < 0)
    return std::nullopt;
  auto text = read_whole_file(exit_path(replica_folder, newest), exit_file_bytes_max);
  if (!text)
    return std::nullopt;
  auto exit = exit_from_json(*text);
  return exit ? std::optional(*exit) : std::nullopt;
}

Result<void> StartNotes::write(const std::string& replica_folder, int restart,
                               std::string_view environment) {
  std::string text = "# start " + std::to_string(restart) + "; the names of its environment:\n";
  while (!environment.empty()) {
    auto variable = take_variable(environment);
    text += variable.substr(0, variable.find('='));
    text += '\n';
  }
  auto path = replica_folder + "/environment";
  if (text == text_ && ::link(path_.c_str(), path.c_str()) == 0)
    return {};
  auto written =
      write_whole_file(path, text);  // never through a link: other trials' notes hang on it
  if (written) {
    text_ = std::move(text);
    path_ = std::move(path);
  }
  return written;
}

std::optional<int> newest_start(const std::string& replica_folder) {
  FileDescriptor file(::open((replica_folder + "/environment").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return std::nullopt;
  char buffer[64];
  auto n = ::read(file.value(), buffer, sizeof buffer);
  constexpr std::string_view prefix = "# start ";
  std::string_view text(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  int restart = 0;
  if (text.starts_with(prefix))
    std::from_chars(text.data() + prefix.size(), text.data() + text.size(), restart);
  return restart;  // a torn note: something was started, at least once
}

std::string last_line_of(const std::string& path, const Redaction& secrets) {
  constexpr std::size_t tail_bytes = 4096;
  constexpr std::size_t line_bytes_max = 200;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in)
    return "";
  auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg()));
  // More than is looked at: a secret may reach into it, and one of several lines has to be seen as a whole.
  auto read = std::min(size, tail_bytes + secrets.bytes_max());
  in.seekg(static_cast<std::streamoff>(size - read));
  std::string tail(std::istreambuf_iterator<char>(in), {});
  auto begin = read > tail_bytes ? read - tail_bytes : 0;
  std::istringstream lines(secrets.clean(tail, begin, tail.size()));
  std::string line;
  for (std::string next; std::getline(lines, next);)
    if (next.find_first_not_of(" \t\r") != std::string::npos)
      line = std::move(next);
  std::erase_if(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  line = secrets.clean(line);  // one that control characters were in
  if (line.size() <= line_bytes_max)
    return line;
  auto end = line_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80)
    --end;  // not in the middle of a character
  return line.substr(0, end) + "...";
}

}  // namespace autotune
