#include <filesystem>
#include <fstream>

#include <unistd.h>
#include <catch2/catch.hpp>

#include "launchers/job_folder.hpp"

using namespace autotune;

namespace {

std::string last_line_in(const std::string& text) {
  auto path = std::filesystem::temp_directory_path() / ("last-line-" + std::to_string(::getpid()));
  std::ofstream(path, std::ios::binary) << text;
  auto line = last_line_of(path.string());
  std::filesystem::remove(path);
  return line;
}

}  // namespace

TEST_CASE("the last line that says something is the last line", "[job_folder]") {
  CHECK(last_line_in("Traceback\nModuleNotFoundError: No module named 'x'\n\n  \n") ==
        "ModuleNotFoundError: No module named 'x'");
  CHECK(last_line_in("no newline at the end") == "no newline at the end");
  CHECK(last_line_in("") == "");
  CHECK(last_line_of("/nowhere/at/all") == "");
}

TEST_CASE("a last line is made fit for a terminal", "[job_folder]") {
  CHECK(last_line_in("\x1b[31mred\a\x1b[0m\n") == "[31mred[0m");
  auto cut = last_line_in(std::string(199, 'a') + "\xc3\xa9" + std::string(5000, 'b'));
  CHECK(cut.size() <= 203);
  auto whole = last_line_in(std::string(199, 'a') + "\xc3\xa9" + std::string(100, 'b') + "\n");
  CHECK(whole == std::string(199, 'a') + "...");
}
