#include "store/private_file.hpp"

#include <atomic>
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

unsigned mode_of(const std::filesystem::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

std::size_t count_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder))
    ++count;
  return count;
}

}  // namespace

TEST_CASE("a private file is replaced as a whole and leaves nothing beside it", "[store]") {
  TemporaryFolder folder;
  auto path = folder.path() / "a";
  std::ofstream(path) << "open to all";
  ::chmod(path.c_str(), 0644);
  value(replace_private_file(path, "mine"));
  CHECK(value(read_small_file(path)) == "mine");
  CHECK(mode_of(path) == 0600);
  CHECK(count_in(folder.path()) == 1);
}

TEST_CASE("of many that create a private file one does, and its text stays", "[store]") {
  TemporaryFolder folder;
  auto path = folder.path() / "a";
  std::atomic<int> first{-1};
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      if (create_private_file(path, std::to_string(i)).value_or(false)) {
        first = i;
        ++made;
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(made == 1);
  CHECK(value(read_small_file(path)) == std::to_string(first));
  CHECK(mode_of(path) == 0600);
  CHECK(count_in(folder.path()) == 1);
}

TEST_CASE("a private folder is closed to others, made or found", "[store]") {
  TemporaryFolder folder;
  value(make_private_folder(folder.path() / "x/y"));
  CHECK(mode_of(folder.path() / "x/y") == 0700);
  ::chmod((folder.path() / "x/y").c_str(), 0755);
  value(make_private_folder(folder.path() / "x/y"));
  CHECK(mode_of(folder.path() / "x/y") == 0700);
  value(replace_private_file(folder.path() / "file", ""));
  CHECK_FALSE(make_private_folder(folder.path() / "file/below"));
}

TEST_CASE("what is missing, too long or cannot be written says so", "[store]") {
  TemporaryFolder folder;
  auto path = folder.path() / "a";
  CHECK(read_small_file(path).error().code == ErrorCode::not_found);
  value(replace_private_file(path, "12345"));
  CHECK(value(read_small_file(path, 5)) == "12345");
  CHECK(read_small_file(path, 4).error().code == ErrorCode::data_loss);
  auto lost = replace_private_file(folder.path() / "no/a", "x");
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == ErrorCode::not_found);
  CHECK_THAT(lost.error().message, Catch::Contains((folder.path() / "no/a").string()));
  // A folder in the file's place: the rename fails, and the text beside it goes too.
  std::filesystem::create_directory(folder.path() / "d");
  CHECK_FALSE(replace_private_file(folder.path() / "d", "x"));
  CHECK(count_in(folder.path()) == 2);
}
