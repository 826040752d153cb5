#include "launchers/mount_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "launchers/file_descriptor.hpp"

namespace autotune {

namespace {

bool write_text(const char* path, const std::string& text) {
  FileDescriptor file(::open(path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.value(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool unshare_as_user(std::string& what) {
  auto user = std::to_string(::geteuid());
  auto group = std::to_string(::getegid());
  what = "cannot make a user namespace";
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return false;
  what = "cannot map the user into its namespace";
  return write_text("/proc/self/setgroups", "deny") &&
         write_text("/proc/self/uid_map", user + " " + user + " 1") &&
         write_text("/proc/self/gid_map", group + " " + group + " 1");
}

/// Flags of a mount that a user namespace may not drop when it mounts it anew.
unsigned long locked_flags(const std::string& target) {
  struct statvfs status {};
  if (::statvfs(target.c_str(), &status) != 0)
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

bool bind(const pb::KeeperMount& mount, std::string& what) {
  const auto& target = mount.target();
  what = "cannot mount " + mount.source() + " at " + target;
  if (::mount(mount.source().c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
    return false;
  if (!mount.read_only())
    return true;
  what = "cannot mount " + mount.source() + " at " + target + " for reading only";
  return ::mount(nullptr, target.c_str(), nullptr,
                 MS_BIND | MS_REMOUNT | MS_RDONLY | locked_flags(target), nullptr) == 0;
}

}  // namespace

bool enter_private_mounts(const KeeperMounts& mounts, std::string& what) {
  what = "cannot make a mount namespace";
  if (::unshare(CLONE_NEWNS) != 0 && (errno != EPERM || !unshare_as_user(what)))
    return false;
  what = "cannot make the mounts private";
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return false;
  for (const auto& mount : mounts)
    if (!bind(mount, what))
      return false;
  return true;
}

bool can_mount_privately() {
  auto pid = ::fork();
  if (pid < 0)
    return false;
  if (pid == 0) {
    KeeperMounts mounts;
    auto* mount = mounts.Add();
    mount->set_source("/tmp");
    mount->set_target("/tmp");
    std::string what;
    ::_exit(enter_private_mounts(mounts, what) ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace autotune
