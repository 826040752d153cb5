#include "launchers/mount_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace autotune {

namespace {

constexpr std::size_t mounts_max =
    256;  // no pod has as many; they are held on the stack of a forked child

bool write_text(const char* path, const char* text, std::size_t size) {
  int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  bool done = ::write(file, text, size) == static_cast<ssize_t>(size);
  ::close(file);
  return done;
}

/// Flags of a mount that a user namespace may not drop when it mounts it anew.
unsigned long locked_flags(const char* target) {
  struct statvfs status {};
  if (::statvfs(target, &status) != 0)
    return 0;
  unsigned long flags = 0;
  if (status.f_flag & ST_NOSUID)
    flags |= MS_NOSUID;
  if (status.f_flag & ST_NODEV)
    flags |= MS_NODEV;
  if (status.f_flag & ST_NOEXEC)
    flags |= MS_NOEXEC;
  return flags;
}

}  // namespace

PrivateMounts::PrivateMounts(const KeeperMounts& mounts) {
  auto user = std::to_string(::geteuid());
  auto group = std::to_string(::getegid());
  uid_map_ = user + " " + user + " 1";
  gid_map_ = group + " " + group + " 1";
  for (const auto& mount : mounts) {
    Mount one;
    one.source = mount.source();
    one.target = mount.target();
    one.failure = "cannot mount " + mount.source() + " at " + mount.target();
    one.read_only = mount.read_only();
    mounts_.push_back(std::move(one));
  }
  sources_.resize(mounts_.size(), -1);
}

const char* PrivateMounts::unshare_as_user() const {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return "cannot make a user namespace";
  bool mapped = write_text("/proc/self/setgroups", "deny", 4) &&
                write_text("/proc/self/uid_map", uid_map_.data(), uid_map_.size()) &&
                write_text("/proc/self/gid_map", gid_map_.data(), gid_map_.size());
  return mapped ? nullptr : "cannot map the user into its namespace";
}

bool PrivateMounts::bind(int source, const Mount& mount) {
  const char* target = mount.target.c_str();
  char path[40];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", source);
  if (::mount(path, target, nullptr, MS_BIND | MS_REC, nullptr) != 0)
    return false;
  return !mount.read_only ||
         ::mount(nullptr, target, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | locked_flags(target),
                 nullptr) == 0;
}

const char* PrivateMounts::enter() const {
  if (::unshare(CLONE_NEWNS) != 0) {
    if (errno != EPERM)
      return "cannot make a mount namespace";
    if (const char* what = unshare_as_user())
      return what;
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return "cannot make the mounts private";
  // All sources are opened before the first mount, which could hide the next one's source; and only now, since a
  // descriptor from before belongs to the other namespace, whose mounts cannot be bound here.
  int sources[mounts_max];
  if (mounts_.size() > mounts_max)
    return "too many mounts";
  for (std::size_t i = 0; i < mounts_.size(); ++i) {
    sources[i] = ::open(mounts_[i].source.c_str(), O_PATH | O_CLOEXEC);
    if (sources[i] < 0)
      return mounts_[i].failure.c_str();
  }
  for (std::size_t i = 0; i < mounts_.size(); ++i)
    if (!bind(sources[i], mounts_[i]))
      return mounts_[i].failure.c_str();
  return nullptr;
}

bool can_mount_privately() {
  KeeperMounts mounts;
  auto* mount = mounts.Add();
  mount->set_source("/tmp");
  mount->set_target("/tmp");
  PrivateMounts tried(mounts);
  auto pid = ::fork();
  if (pid < 0)
    return false;
  if (pid == 0)
    ::_exit(tried.enter() == nullptr ? 0 : 1);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace autotune
