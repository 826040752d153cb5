#include "launchers/cgroup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "launchers/job_folder.hpp"

namespace autotune {

namespace {

constexpr std::int64_t cpu_period_us = 100000;

bool write_text(const std::string& path, const std::string& text) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file &&
         ::write(file.value(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string read_text(const std::string& path) {
  return read_whole_file(path, 1 << 20).value_or(std::string());
}

/// Where a hierarchy is mounted: `type` cgroup2, or cgroup with that controller among its options.
std::string mount_point(const std::string& type, const std::string& controller) {
  std::ifstream mounts("/proc/self/mounts");
  std::string line;
  while (std::getline(mounts, line)) {
    std::istringstream words(line);
    std::string device, point, kind, options;
    words >> device >> point >> kind >> options;
    if (kind != type)
      continue;
    if (controller.empty() ||
        ("," + options + ",").find("," + controller + ",") != std::string::npos)
      return point;
  }
  return {};
}

/// This process' own folder in a hierarchy, as /proc/self/cgroup names it: "4:memory:/a/b", v2 "0::/a/b".
std::string own_path(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    auto first = line.find(':');
    auto second = line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    auto names = "," + line.substr(first + 1, second - first - 1) + ",";
    bool wanted = controller.empty() ? names == ",,"
                                     : names.find("," + controller + ",") != std::string::npos;
    if (wanted)
      return line.substr(second + 1);
  }
  return {};
}

/// A folder of ours in that hierarchy that we may fill; empty: not allowed. The mount may show only a part of the
/// hierarchy (containers), so the mount's root is tried too.
std::string our_base(const std::string& point, const std::string& own, const std::string& name) {
  if (point.empty())
    return {};
  for (const auto& above : {point + (own == "/" ? "" : own), point}) {
    auto base = above + "/" + name;
    if (::mkdir(base.c_str(), 0755) == 0 || errno == EEXIST)
      return ::access(base.c_str(), W_OK) == 0 ? base : std::string();
  }
  return {};
}

bool has_word(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  std::string one;
  while (words >> one)
    if (one == word)
      return true;
  return false;
}

std::int64_t number_after(const std::string& text, const std::string& name) {
  std::istringstream words(text);
  std::string key;
  std::int64_t value = 0;
  while (words >> key >> value)
    if (key == name)
      return value;
  return 0;
}

std::string folder_name(std::uint64_t marker) {
  char name[20];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(marker));
  return name;
}

tl::unexpected<Error> refused(const std::string& what) {
  return fail(ErrorCode::unavailable, what + ": " + std::strerror(errno));
}

}  // namespace

void CgroupHost::probe(const std::string& name) {
  auto unified = mount_point("cgroup2", "");
  auto base = our_base(unified, own_path(""), name);
  if (!base.empty()) {
    group_ = base;
    remove_stale(base);
    write_text(base + "/cgroup.subtree_control", "+memory +cpu +pids");
    auto given = read_text(base + "/cgroup.subtree_control");
    v2_ = has_word(given, "memory") || has_word(given, "cpu") || has_word(given, "pids");
    if (has_word(given, "memory"))
      memory_ = base;
    if (has_word(given, "cpu"))
      cpu_ = base;
    if (has_word(given, "pids"))
      pids_ = base;
  }
  if (v2_)
    return;
  for (auto [controller, folder] :
       {std::pair{"memory", &memory_}, {"cpu", &cpu_}, {"pids", &pids_}}) {
    *folder = our_base(mount_point("cgroup", controller), own_path(controller), name);
    if (!folder->empty())
      remove_stale(*folder);
  }
}

void CgroupHost::remove_stale(const std::string& base) const {
  auto* entries = ::opendir(base.c_str());
  if (entries == nullptr)
    return;
  while (const auto* entry = ::readdir(entries))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
      ::rmdir((base + "/" + entry->d_name).c_str());  // fails, as it should, where processes live
  ::closedir(entries);
}

Cgroup CgroupHost::place(const pb::KeeperLimits& limits, std::uint64_t marker) const {
  Cgroup cgroup;
  cgroup.v2 = v2_;
  auto add = [&](const std::string& base) {
    auto folder = base + "/" + folder_name(marker);
    if (!base.empty() &&
        std::find(cgroup.folders.begin(), cgroup.folders.end(), folder) == cgroup.folders.end())
      cgroup.folders.push_back(folder);
  };
  if (limits.memory_bytes() > 0 && !memory_.empty()) {
    add(memory_);
    cgroup.memory_folder = memory_ + "/" + folder_name(marker);
  }
  if (limits.cpu() > 0)
    add(cpu_);
  if (limits.pids_max() > 0)
    add(pids_);
  if (limits.own_cgroup() && cgroup.folders.empty()) {
    add(group_.empty() ? pids_ : group_);
    cgroup.v2 = !group_.empty();
  }
  return cgroup;
}

Cgroup CgroupHost::find(const pb::KeeperLimits& limits, std::uint64_t marker) const {
  auto cgroup = place(limits, marker);
  bool there =
      std::all_of(cgroup.folders.begin(), cgroup.folders.end(),
                  [](const std::string& folder) { return ::access(folder.c_str(), F_OK) == 0; });
  return there ? cgroup : Cgroup();
}

Result<Cgroup> CgroupHost::make(const pb::KeeperLimits& limits, std::uint64_t marker) {
  auto cgroup = place(limits, marker);
  auto name = "/" + folder_name(marker);
  for (const auto& folder : cgroup.folders) {
    if (::mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST)
      continue;
    auto error = refused("cannot make the cgroup " + folder);
    remove(cgroup);
    return error;
  }
  auto give_up = [&](const std::string& what) {
    auto error = refused(what);
    remove(cgroup);
    return error;
  };
  if (!cgroup.memory_folder.empty()) {
    auto bytes = std::to_string(limits.memory_bytes());
    const auto& folder = cgroup.memory_folder;
    if (!write_text(folder + (v2_ ? "/memory.max" : "/memory.limit_in_bytes"), bytes))
      return give_up("cannot limit memory to " + bytes + " bytes");
    // Swap would only turn a quick end into a slow one. Not there where the kernel counts no swap.
    write_text(folder + (v2_ ? "/memory.swap.max" : "/memory.memsw.limit_in_bytes"),
               v2_ ? "0" : bytes);
  }
  if (limits.cpu() > 0 && !cpu_.empty()) {
    auto quota = std::to_string(
        std::max<std::int64_t>(1000, static_cast<std::int64_t>(limits.cpu() * cpu_period_us)));
    auto period = std::to_string(cpu_period_us);
    bool done = v2_ ? write_text(cpu_ + name + "/cpu.max", quota + " " + period)
                    : write_text(cpu_ + name + "/cpu.cfs_period_us", period) &&
                          write_text(cpu_ + name + "/cpu.cfs_quota_us", quota);
    if (!done)
      return give_up("cannot limit cpu to " + std::to_string(limits.cpu()) + " cores");
  }
  if (limits.pids_max() > 0 && !pids_.empty() &&
      !write_text(pids_ + name + "/pids.max", std::to_string(limits.pids_max())))
    return give_up("cannot limit processes to " + std::to_string(limits.pids_max()));
  return cgroup;
}

void CgroupHost::remove(const Cgroup& cgroup) {
  for (const auto& folder : cgroup.folders)
    if (::rmdir(folder.c_str()) != 0 && errno == EBUSY)
      leftovers_.push_back(folder);
}

bool CgroupHost::remove_if_empty(const Cgroup& cgroup) {
  return cgroup.folders.size() == 1 && cgroup.memory_folder.empty() &&
         ::rmdir(cgroup.folders.front().c_str()) == 0;
}

CgroupHost::~CgroupHost() {
  tidy();
  for (const auto* base : {&memory_, &cpu_, &pids_, &group_})
    if (!base->empty())
      ::rmdir(base->c_str());
}

void CgroupHost::tidy() {
  std::erase_if(leftovers_, [](const std::string& folder) {
    return ::rmdir(folder.c_str()) == 0 || errno != EBUSY;
  });
}

FileDescriptor open_to_begin_in(const Cgroup& cgroup) {
  return FileDescriptor(::open(cgroup.folders.front().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

std::vector<FileDescriptor> open_to_enter(const Cgroup& cgroup) {
  std::vector<FileDescriptor> opened;
  for (const auto& folder : cgroup.folders) {
    FileDescriptor file(::open((folder + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (file)
      opened.push_back(std::move(file));
  }
  return opened;
}

std::vector<pid_t> processes_in(const Cgroup& cgroup) {
  std::vector<pid_t> found;
  if (!cgroup)
    return found;
  auto text = read_text(cgroup.folders.front() + "/cgroup.procs");
  const char* at = text.c_str();
  char* next = nullptr;
  for (auto pid = std::strtol(at, &next, 10); next != at; pid = std::strtol(at, &next, 10)) {
    found.push_back(static_cast<pid_t>(pid));
    at = next;
  }
  return found;
}

bool kill_at_once(const Cgroup& cgroup) {
  return cgroup.v2 && write_text(cgroup.folders.front() + "/cgroup.kill", "1");
}

std::int64_t oom_kills(const Cgroup& cgroup) {
  if (cgroup.memory_folder.empty())
    return 0;
  return number_after(
      read_text(cgroup.memory_folder + (cgroup.v2 ? "/memory.events" : "/memory.oom_control")),
      "oom_kill");
}

}  // namespace autotune
