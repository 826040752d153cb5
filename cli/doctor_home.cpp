// What `doctor` says of the home.
#include "cli/doctor.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/control_socket.hpp"
#include "launchers/keeper_protocol.hpp"
#include "store/home_lock.hpp"
#include "store/home_store.hpp"
#include "store/read_only_database.hpp"
#include "store/schema.hpp"
#include "store/sqlite.hpp"

namespace autotune::cli {

namespace {

namespace fs = std::filesystem;

/// The folder itself, or the nearest one above it that is there.
fs::path existing_part(fs::path path) {
  std::error_code code;
  while (!fs::exists(path, code) && path.has_relative_path())
    path = path.parent_path();
  return path;
}

/// Where a file can be made, and how far its time stamp is from our clock, in seconds. access()
/// would not tell of a file system that is mounted for reading only through a stack of others, nor
/// of a full one.
struct WriteTry {
  int error = 0;
  double skew_seconds = 0;
};

WriteTry try_to_write(const fs::path& folder) {
  auto name = (folder / ".autotune-doctor-XXXXXX").string();
  int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0)
    return {errno, 0};
  WriteTry trial;
  if (::write(fd, "x", 1) != 1)
    trial.error = errno;
  struct stat status {};
  timespec now{};
  if (::fstat(fd, &status) == 0 && ::clock_gettime(CLOCK_REALTIME, &now) == 0)
    trial.skew_seconds = static_cast<double>(status.st_mtim.tv_sec - now.tv_sec) +
                         static_cast<double>(status.st_mtim.tv_nsec - now.tv_nsec) / 1e9;
  ::close(fd);
  ::unlink(name.c_str());
  return trial;
}

Check check_folder(const fs::path& home, const fs::path& existing, const WriteTry& trial) {
  const std::string where = home.string();
  if (trial.error != 0)
    return {"home", CheckLevel::problem,
            "nothing can be written to " + existing.string() + ": " + std::strerror(trial.error),
            trial.error == ENOSPC ? "make room there, or choose another home by --home"
                                  : "change its owner or mode, or choose another home by --home"};
  if (existing != home)
    return {"home", CheckLevel::fine, where + " is not there yet; the first run makes it", ""};
  struct stat status {};
  if (::stat(home.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    return {"home", CheckLevel::warning, where + " can be entered by other users",
            "chmod 700 " + where + " (it holds parameters, logs and results)"};
  return {"home", CheckLevel::fine, where + " can be written, by you alone", ""};
}

enum class Ground { local, memory, layered, network, unknown };

struct FileSystem {
  long magic;
  const char* name;
  Ground ground;
};

constexpr std::array file_systems{
    FileSystem{0xEF53, "ext4", Ground::local},
    FileSystem{0x58465342, "xfs", Ground::local},
    FileSystem{0x9123683E, "btrfs", Ground::local},
    FileSystem{0x2FC12FC1, "zfs", Ground::local},
    FileSystem{0xF2F52010, "f2fs", Ground::local},
    FileSystem{0x01021994, "tmpfs", Ground::memory},
    FileSystem{0x858458F6, "ramfs", Ground::memory},
    FileSystem{0x794C7630, "overlayfs", Ground::layered},
    FileSystem{0x6969, "nfs", Ground::network},
    FileSystem{0xFF534D42, "cifs", Ground::network},
    FileSystem{0xFE534D42, "smb2", Ground::network},
    FileSystem{0x0BD00BD0, "lustre", Ground::network},
    FileSystem{0x47504653, "gpfs", Ground::network},
    FileSystem{0x00C36400, "ceph", Ground::network},
    FileSystem{0x19830326, "beegfs", Ground::network},
    FileSystem{0x01021997, "9p", Ground::network},
    FileSystem{0x65735546, "fuse", Ground::network},
    FileSystem{0x5346414F, "afs", Ground::network},
};

Check check_file_system(const struct statfs& status) {
  auto magic = static_cast<long>(status.f_type) & 0xFFFFFFFFL;
  const FileSystem* known = nullptr;
  for (const auto& one : file_systems)
    if (one.magic == magic)
      known = &one;
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), "type 0x%lx", magic);
  std::string name = known == nullptr ? number.data() : known->name;
  switch (known == nullptr ? Ground::unknown : known->ground) {
    case Ground::local: return {"file system", CheckLevel::fine, name, ""};
    case Ground::memory:
      return {"file system", CheckLevel::warning, name + ": what is stored is gone after a reboot",
              "put the home on a disk (--home) where results must last"};
    case Ground::layered:
      return {"file system", CheckLevel::information,
              name + ": what is stored goes with the container",
              "mount a volume for the home where results must outlive it"};
    case Ground::network:
      return {"file system", CheckLevel::warning,
              name +
                  ": the database needs shared memory and locks, which work on one machine at a "
                  "time at best",
              "put the home on a local disk (--home, or $AUTOTUNE_HOME)"};
    case Ground::unknown: break;
  }
  return {"file system", CheckLevel::information, name + ": not one that we know", ""};
}

Check check_room(const struct statfs& status, const fs::path& where) {
  constexpr std::uint64_t mib = 1u << 20;
  constexpr std::uint64_t problem_bytes = 64 * mib;    // the reserve, a WAL and some logs
  constexpr std::uint64_t warning_bytes = 1024 * mib;  // a few trials that save checkpoints
  auto free_bytes =
      static_cast<std::uint64_t>(status.f_bavail) * static_cast<std::uint64_t>(status.f_bsize);
  auto found = std::to_string(free_bytes / mib) + " MiB free";
  std::string advice =
      "make room on the file system of " + where.string() + ", or choose another --home";
  if (free_bytes < problem_bytes)
    return {"room", CheckLevel::problem, found + ": an experiment would be paused soon", advice};
  if (free_bytes < warning_bytes)
    return {"room", CheckLevel::warning, found, advice};
  if (status.f_files > 0 && status.f_ffree < 10'000)
    return {"room", CheckLevel::warning,
            found + ", but only " + std::to_string(status.f_ffree) + " inodes",
            "remove files there: a trial takes about ten inodes"};
  return {"room", CheckLevel::fine, found, ""};
}

Check check_holder(const fs::path& home) {
  auto holder = home_holder(home);
  if (holder.empty())
    return {"lock", CheckLevel::fine, "nobody holds the home", ""};
  pb::ControlRequest request;
  request.mutable_ping();
  if (auto answer = ask_server(home, request); answer)
    return {"lock", CheckLevel::information, "held by " + holder + ", which answers", ""};
  return {"lock", CheckLevel::warning,
          "held by " + holder + ", which does not answer on its socket",
          "where it goes on like that, end that process and `autotune resume` what it ran"};
}

Check check_postgresql_store(const fs::path& home, const std::string& uri) {
  auto reader = open_home_reader(home);
  auto all = reader ? (*reader)->experiments() : tl::unexpected(reader.error());
  if (all)
    return {"database", CheckLevel::fine,
            uri + ", " + std::to_string(all->size()) +
                (all->size() == 1 ? " experiment" : " experiments"),
            ""};
  if (all.error().code == ErrorCode::not_found)
    return {"database", CheckLevel::fine, uri + " is empty; the first run fills it", ""};
  return {"database", CheckLevel::problem, all.error().message,
          "see that its server runs and lets this user in (psql '" + uri +
              "'); `autotune server --store sqlite` goes back to the home's own file"};
}

Check check_database(const fs::path& home) {
  auto elsewhere = store_of_home(home);
  if (elsewhere && !elsewhere->empty())
    return check_postgresql_store(home, *elsewhere);
  constexpr std::uintmax_t whole_check_bytes = 256u
                                               << 20;  // a second or two; beyond, its head must do
  auto path = database_path(home);
  auto database = ReadOnlyDatabase::open(path);
  if (!database && database.error().code == ErrorCode::not_found)
    return {"database", CheckLevel::fine, "none yet; the first run makes it", ""};
  if (!database)
    return {"database", CheckLevel::problem, database.error().message,
            "restore a copy (" + path.string() + ".backup-*), or move the file away"};
  auto version = check_version(**database, path);
  if (!version && version.error().code == ErrorCode::not_found)
    return {"database", CheckLevel::fine, "empty; the first run fills it", ""};
  try {
    if (!version) {
      // An older one is migrated by whoever writes next; with a newer one nothing can be done here.
      bool older =
          version.error().code == ErrorCode::failed_precondition &&
          (**database).execAndGet("PRAGMA user_version").getInt() < migrations().back().to_version;
      return {"database", older ? CheckLevel::information : CheckLevel::problem,
              version.error().message, ""};
    }
    std::error_code code;
    if (fs::file_size(path, code) <= whole_check_bytes) {
      auto verdict = (**database).execAndGet("PRAGMA quick_check(1)").getString();
      if (verdict != "ok")
        return {
            "database", CheckLevel::problem, path.string() + " is damaged: " + verdict,
            "keep a copy of the file, then restore " + path.string() + ".backup-* or begin anew"};
    }
    auto count = (**database).execAndGet("SELECT COUNT(*) FROM experiments").getInt64();
    return {"database", CheckLevel::fine,
            "schema version " + std::to_string(migrations().back().to_version) + ", " +
                std::to_string(count) + (count == 1 ? " experiment" : " experiments"),
            ""};
  } catch (const std::exception& e) {
    return {"database", CheckLevel::problem, path.string() + " cannot be read: " + e.what(),
            "keep a copy of the file, then restore " + path.string() + ".backup-* or begin anew"};
  }
}

/// The process that holds a flock() on the file, 0 where none does. Read from the kernel's list: to
/// try the lock would be to hold it for a moment, and a keeper that starts then would give up.
long flock_holder(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return 0;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    // "7: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"
    std::istringstream words(line);
    std::string number, kind, mode, access, where;
    long pid = 0;
    words >> number >> kind >> mode >> access >> pid >> where;
    // The device is left out: file systems of several disks show another one in stat() than here.
    auto inode = where.substr(where.rfind(':') + 1);
    if (kind == "FLOCK" && inode == std::to_string(status.st_ino))
      return pid;
  }
  return 0;
}

Check check_keeper(const fs::path& home) {
  auto pid = flock_holder(keeper_lock_path(home.string()));
  if (pid == 0)
    return {"keeper", CheckLevel::information, "none runs; the first trial starts it", ""};
  auto found = "it runs (pid " + std::to_string(pid) + ")";
  // A keeper listens to its newest agent alone: we must not take the place of that one.
  if (!home_holder(home).empty())
    return {"keeper", CheckLevel::fine, found, ""};
  auto socket = connect_to_keeper(home.string());
  if (!socket)
    return {"keeper", CheckLevel::problem,
            found + ", but cannot be reached: " + socket.error().message,
            "end that process, then `autotune resume` what it ran"};
  if (!same_user(socket->value()))
    return {"keeper", CheckLevel::problem, found + " for another user",
            "choose a home of your own by --home"};
  return {"keeper", CheckLevel::fine, found + " and can be reached", ""};
}

Check check_time_stamps(const WriteTry& trial) {
  constexpr double skew_seconds_max = 2;  // coarse time stamps and a slow machine stay far below
  if (trial.error != 0 || std::abs(trial.skew_seconds) <= skew_seconds_max)
    return {"time stamps", CheckLevel::fine, "those of files agree with the clock", ""};
  return {"time stamps", CheckLevel::warning,
          "files of the home are stamped " + std::to_string(static_cast<long>(trial.skew_seconds)) +
              " s off this machine's clock",
          "let both machines follow the same time server"};
}

}  // namespace

Checks check_home(const fs::path& home) {
  auto existing = existing_part(home);
  auto trial = try_to_write(existing);
  Checks checks{check_folder(home, existing, trial)};
  struct statfs status {};
  if (::statfs(existing.c_str(), &status) == 0) {
    checks.push_back(check_file_system(status));
    checks.push_back(check_room(status, existing));
  }
  checks.push_back(check_time_stamps(trial));
  if (existing != home)
    return checks;
  checks.push_back(check_holder(home));
  checks.push_back(check_database(home));
  checks.push_back(check_keeper(home));
  return checks;
}

}  // namespace autotune::cli
