#include <cerrno>
#include <cstdlib>
#include <fstream>

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "store/home_lock.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

/// A small disk of its own, in a mount namespace that nobody else sees.
class SmallDisk {
 public:
  explicit SmallDisk(const char* size) {
    auto options = std::string("mode=700,size=") + size;
    // As an ordinary user the mount is allowed in a user namespace; not everywhere, and not with threads.
    ready_ = (::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
             ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
             ::mount("tmpfs", path().c_str(), "tmpfs", 0, options.c_str()) == 0;
    if (!ready_)
      WARN("skipped: this user may not mount a tmpfs here");
  }
  ~SmallDisk() {
    if (ready_)
      ::umount2(path().c_str(), MNT_DETACH);
  }
  explicit operator bool() const { return ready_; }
  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path database() const { return folder_.database(); }
  bool make_read_only() {
    return ::mount("none", path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  TemporaryFolder folder_;
  bool ready_ = false;
};

bool take_room(const std::filesystem::path& path, std::int64_t bytes) {
  int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  bool taken = fd >= 0 && ::posix_fallocate(fd, 0, bytes) == 0;
  ::close(fd);
  return taken;
}

/// Reports until the disk refuses them; how many were acknowledged.
std::int64_t fill(StoreWriter& write, std::int64_t from, Error& refused) {
  for (std::int64_t line = from;;) {
    std::vector<pb::Report> batch;
    for (int i = 0; i < 2000; ++i)
      batch.push_back(report(0, line + i, {{"default", 0.5}, {"loss", 0.25}}));
    if (auto done = write.commit({AddReports{"a-11111", batch}}); !done) {
      refused = done.error();
      return line - 1;
    }
    line += 2000;
    REQUIRE(line < 10'000'000);
  }
}

WriterOptions quick() {
  WriterOptions options;
  options.synchronous = Synchronous::normal;
  return options;
}

std::string integrity(const std::filesystem::path& path) {
  SQLite::Database database(path.string(), SQLite::OPEN_READWRITE, 5000);
  return database.execAndGet("PRAGMA integrity_check").getString();
}

}  // namespace

TEST_CASE("a full disk refuses a write, takes the pause, and goes on after room is made",
          "[store]") {
  SmallDisk disk("20m");
  if (!disk)
    return;
  REQUIRE(take_room(disk.path() / "filler", 6 << 20));
  auto write = value(open_writer(disk.database(), quick()));
  CHECK(std::filesystem::file_size(disk.path() / "reserve") == 4 << 20);
  value(write->commit(
      {append("a-11111", {submitted("a"), phase(pb::PHASE_RUNNING), created(0), launched(0)})}));
  Error refused;
  auto stored = fill(*write, 1, refused);
  CHECK(refused.code == ErrorCode::resource_exhausted);
  CHECK_THAT(refused.message, Catch::Contains("make room"));
  CHECK(stored > 0);
  // What cannot use the reserve stays refused, and leaves nothing behind.
  Error again;
  CHECK(fill(*write, stored + 1, again) == stored);

  // The pause, with what else waited for the same commit.
  value(write->commit({AddReports{"a-11111", {report(0, stored + 1, {{"default", 1}})}},
                       append("a-11111", {phase(pb::PHASE_PAUSED, "the disk is full")})}));
  CHECK(std::filesystem::file_size(disk.path() / "reserve") == 0);
  auto read = value(open_reader(disk.database()));
  CHECK(value(read->experiment("a-11111")).phase() == pb::PHASE_PAUSED);
  CHECK(value(read->experiment("a-11111")).reason() == "the disk is full");
  CHECK(value(read->trial("a-11111", 0)).intermediate_count() == stored + 1);

  // There is still no room, so nothing but a halt is taken.
  auto resume = append("a-11111", {phase(pb::PHASE_RUNNING)});
  CHECK(write->restore_reserve().error().code == ErrorCode::resource_exhausted);
  CHECK(write->commit({resume}).error().code == ErrorCode::resource_exhausted);
  value(write->commit({append("a-11111", {phase(pb::PHASE_STOPPED, "by the user")})}));

  std::filesystem::remove(disk.path() / "filler");
  value(write->restore_reserve());
  CHECK(std::filesystem::file_size(disk.path() / "reserve") == 4 << 20);
  value(write->commit({resume, append("a-11111", {started(0)})}));
  CHECK(value(read->experiment("a-11111")).phase() == pb::PHASE_RUNNING);
  CHECK(value(read->reports("a-11111", 0, pb::REPORT_KIND_UNSPECIFIED)).size() ==
        static_cast<std::size_t>(stored + 1));
  write.reset();
  CHECK(integrity(disk.database()) == "ok");
}

TEST_CASE("without asking, the first commit after room was made takes the reserve again",
          "[store]") {
  SmallDisk disk("20m");
  if (!disk)
    return;
  REQUIRE(take_room(disk.path() / "filler", 6 << 20));
  auto write = value(open_writer(disk.database(), quick()));
  value(write->commit({append("a-11111", {submitted("a"), created(0), launched(0)})}));
  Error refused;
  fill(*write, 1, refused);
  value(write->commit({append("a-11111", {phase(pb::PHASE_PAUSED, "full")})}));
  std::filesystem::remove(disk.path() / "filler");
  value(write->commit({append("a-11111", {phase(pb::PHASE_RUNNING)})}));
  CHECK(std::filesystem::file_size(disk.path() / "reserve") == 4 << 20);
}

TEST_CASE("a home on a full disk is read, and opened for writing by the reserve", "[store]") {
  SmallDisk disk("20m");
  if (!disk)
    return;
  {
    auto write = value(open_writer(disk.database(), quick()));
    value(write->commit({append("a-11111", {submitted("a"), created(0), launched(0)})}));
  }
  auto free = std::filesystem::space(disk.path()).available;
  REQUIRE(take_room(disk.path() / "filler", static_cast<std::int64_t>(free)));
  REQUIRE(std::filesystem::space(disk.path()).available == 0);
  {
    auto read = value(open_reader(disk.database()));
    CHECK(value(read->experiments()).size() == 1);
  }
  auto lock = value(lock_home(disk.path()));
  auto write = value(open_writer(disk.database(), quick()));
  CHECK(write->commit({append("a-11111", {started(0)})}).error().code ==
        ErrorCode::resource_exhausted);
  value(write->commit({append("a-11111", {phase(pb::PHASE_PAUSED, "full")})}));
  auto read = value(open_reader(disk.database()));
  CHECK(value(read->experiment("a-11111")).phase() == pb::PHASE_PAUSED);
}

TEST_CASE("a home on a read-only disk is read, with or without what the WAL still holds",
          "[store]") {
  SmallDisk disk("20m");
  if (!disk)
    return;
  const bool with_wal = GENERATE(false, true);
  CAPTURE(with_wal);
  auto write = value(open_writer(disk.database(), quick()));
  value(write->commit({append("a-11111", {submitted("a"), created(0)})}));
  if (with_wal) {
    // As after a crash: the WAL is there, its index is not.
    std::filesystem::copy_file(disk.database().string() + "-wal", disk.path() / "wal");
    write.reset();
    std::filesystem::rename(disk.path() / "wal", disk.database().string() + "-wal");
  }
  write.reset();
  CHECK(std::filesystem::exists(disk.database().string() + "-wal") == with_wal);
  REQUIRE(disk.make_read_only());
  {
    auto read = value(open_reader(disk.database()));
    CHECK(value(read->trials("a-11111")).size() == 1);
  }
  auto refused = open_writer(disk.database(), quick());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::unavailable);
}
