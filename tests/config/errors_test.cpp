// Keeps docs/errors.md true: each row of its tables is tried.
#include <catch2/catch.hpp>

#include "tests/config/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

struct Row {
  int line = 0;
  std::string in_file;
  std::string written;
  std::string printed;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string trimmed(const std::string& text) {
  auto first = text.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// What stands between the backticks of a cell.
std::string code_of(const std::string& cell) {
  auto text = trimmed(cell);
  if (text.starts_with("`` "))
    return text.substr(3, text.size() - 6);
  return text.size() < 2 ? text : text.substr(1, text.size() - 2);
}

std::string content_of(const std::string& cell) {
  return replaced(replaced(replaced(code_of(cell), "⏎", "\n"), "⇥", "\t"), "\\|", "|");
}

std::vector<std::string> split(const std::string& text, const std::string& at) {
  std::vector<std::string> out;
  std::size_t from = 0;
  for (auto to = text.find(at); to != std::string::npos; to = text.find(at, from)) {
    out.push_back(text.substr(from, to - from));
    from = to + at.size();
  }
  out.push_back(text.substr(from));
  return out;
}

std::vector<Row> rows_of(const std::string& document) {
  std::vector<Row> rows;
  std::istringstream lines(document);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line == "## A warm start")
      break;  // from here on it is about what is run, which tests/e2e/test_errors.py tries
    if (!line.starts_with("| ") || line.starts_with("| mistake") || line.starts_with("| ---"))
      continue;
    auto cells = split(line, " | ");
    REQUIRE(cells.size() == 4);
    std::string printed;
    for (const auto& one : split(cells[3].substr(0, cells[3].rfind(" |")), "<br>"))
      printed += content_of(one) + "\n";
    rows.push_back({number, content_of(cells[1]), content_of(cells[2]), printed});
  }
  return rows;
}

std::string printed_for(const Row& row, const std::string& base) {
  auto text = base;
  std::vector<std::string> overrides;
  if (row.in_file == "--set") {
    overrides.push_back(row.written);
  } else if (row.in_file == "(end)") {
    text += row.written + "\n";
  } else {
    auto at = text.find(row.in_file);
    REQUIRE(at != std::string::npos);
    text.replace(at, row.in_file.size(), row.written);
  }
  std::string out;
  for (const auto& line : printed(load_text(text, "exp.yaml", overrides)))
    out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("every row of the table of errors prints what it says", "[config]") {
  auto rows = rows_of(text_of(std::string(AUTOTUNE_SOURCE_DIR) + "/docs/errors.md"));
  auto base = fixture("experiment.yaml");
  REQUIRE(rows.size() > 80);
  REQUIRE(printed(load_text(base, "exp.yaml")).empty());
  for (const auto& row : rows) {
    INFO("docs/errors.md:" << row.line);
    CHECK(printed_for(row, base) == row.printed);
  }
}

TEST_CASE("all mistakes of a file come at once and in its order", "[config]") {
  auto text = replaced(fixture("experiment.yaml"), "name: digits", "name: Digits");
  text = replaced(text, "[1, 5]", "[5, 1]");
  text = replaced(text, "replicas: 4", "replicas: none");
  text = replaced(text, "seed: 7", "sead: 7");
  text = replaced(text, "constant_liar_type\": \"min\"}", "constant_liar_type\": \"min\",}");
  text = replaced(text, "units: 64}", "unit: 64}");
  auto lines = printed(load_text(text, "f.yaml"));
  std::vector<std::string> starts;
  for (const auto& line : lines)
    starts.push_back(line.substr(0, line.find(": error")));
  // The doubled names of the initial trials appear as well.
  CHECK(starts == std::vector<std::string>{"f.yaml:5:9", "f.yaml:15:49", "f.yaml:30:19",
                                           "f.yaml:60:75", "f.yaml:65:3", "f.yaml:78:28"});
}

TEST_CASE("a file with thousands of mistakes tells the first two hundred and counts the rest",
          "[config]") {
  auto text = experiment_with("");
  for (int i = 0; i < 5000; ++i)
    text += "  maxTrialNum" + std::to_string(i) + ": 1\n";
  auto file = load_text(text, "f.yaml");
  REQUIRE(file.diagnostics.size() == 201);
  CHECK(file.diagnostics.front().message == "and 4800 more mistakes");
  CHECK_FALSE(file.ok());
}

TEST_CASE("a file of countless wrong documents is not told at length", "[config]") {
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text += "--- a\n";
  auto file = load_text(text, "f.yaml");
  CHECK(file.diagnostics.size() < 1010);
  CHECK_THAT(file.diagnostics.back().message, Catch::Contains("more documents were not looked at"));
}
