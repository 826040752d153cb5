#include <filesystem>
#include <fstream>

#include <unistd.h>
#include <catch2/catch.hpp>

#include "launchers/job_folder.hpp"

using namespace autotune;

namespace {

std::string last_line_in(const std::string& text, const Redaction& secrets = {}) {
  auto path = std::filesystem::temp_directory_path() / ("last-line-" + std::to_string(::getpid()));
  std::ofstream(path, std::ios::binary) << text;
  auto line = last_line_of(path.string(), secrets);
  std::filesystem::remove(path);
  return line;
}

}  // namespace

TEST_CASE("the last line that says something is the last line", "[job_folder]") {
  CHECK(last_line_in("Traceback\nModuleNotFoundError: No module named 'x'\n\n  \n") ==
        "ModuleNotFoundError: No module named 'x'");
  CHECK(last_line_in("no newline at the end") == "no newline at the end");
  CHECK(last_line_in("").empty());
  CHECK(last_line_of("/nowhere/at/all", {}).empty());
}

TEST_CASE("a last line is made fit for a terminal", "[job_folder]") {
  CHECK(last_line_in("\x1b[31mred\a\x1b[0m\n") == "[31mred[0m");
  auto cut = last_line_in(std::string(199, 'a') + "\xc3\xa9" + std::string(5000, 'b'));
  CHECK(cut.size() <= 203);
  auto whole = last_line_in(std::string(199, 'a') + "\xc3\xa9" + std::string(100, 'b') + "\n");
  CHECK(whole == std::string(199, 'a') + "...");
}

TEST_CASE("a last line shows no secret, however it is cut", "[job_folder]") {
  const std::string secret(120, 's');
  Redaction secrets;
  secrets.hide(secret);
  CHECK(last_line_in("login of " + secret + " failed\n", secrets) == "login of *** failed");
  // Over the 200th byte of the line, and over the 4096th from the end of the file.
  auto cut = last_line_in(std::string(150, 'a') + secret + std::string(50, 'b') + "\n", secrets);
  CHECK(cut == std::string(150, 'a') + "***" + std::string(47, 'b') + "...");
  auto tail = last_line_in(secret + std::string(4000, 'b'), secrets);
  CHECK(tail == "***" + std::string(197, 'b') + "...");
}

TEST_CASE("of a secret of several lines the last one is no last line", "[job_folder]") {
  Redaction secrets;
  secrets.hide("a first line\nshort\n");
  CHECK(last_line_in("it is\na first line\nshort\n", secrets) == "***");
}

TEST_CASE("control characters do not hide a secret", "[job_folder]") {
  Redaction secrets;
  secrets.hide("hunter2");
  CHECK(last_line_in(std::string("h\0u\0n\0t\0e\0r\0"
                                 "2\0",
                                 14),
                     secrets) == "***");
}
