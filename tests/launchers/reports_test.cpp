// Reading reports: lines, and files that grow, shrink and vanish.
#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "launchers/job_folder.hpp"
#include "launchers/report_line.hpp"
#include "launchers/report_reader.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
namespace fs = std::filesystem;

namespace {

using Metrics = google::protobuf::RepeatedPtrField<pb::Metric>;

std::string line_of(int i) {
  return "{\"type\":\"intermediate\",\"value\":" + std::to_string(i) + "}\n";
}

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

struct Reading {
  Home home;
  std::string path = home.path() + "/reports.jsonl";
  ReportReader reader{path, key_of(shell_plan(""))};

  ReportBatch read(std::int64_t after, bool ended = false, std::size_t lines_max = 1000) {
    auto batch = reader.read(after, lines_max, ended);
    REQUIRE(batch);
    return *batch;
  }
  ReportBatch read_anew(std::int64_t after, bool ended = false) {
    ReportReader other(path, key_of(shell_plan("")));
    auto batch = other.read(after, 1000, ended);
    REQUIRE(batch);
    return *batch;
  }
};

std::vector<double> values_in(const ReportBatch& batch) {
  std::vector<double> values;
  for (const auto& report : batch.reports)
    values.push_back(report.metrics(0).value());
  return values;
}

}  // namespace

TEST_CASE("lines that are reports, and what they say", "[reports]") {
  struct Case {
    const char* text;
    pb::ReportKind kind;
    std::int64_t step;  // -1: none
    double value;
  };
  auto good = GENERATE(values<Case>({
      {R"({"type":"intermediate","step":300,"value":0.97})", pb::REPORT_KIND_INTERMEDIATE, 300,
       0.97},
      {R"({"type":"final","value":{"default":0.985,"loss":0.05}})", pb::REPORT_KIND_FINAL, -1,
       0.985},
      {R"( { "value" : -1e-3 , "type" : "final" } )", pb::REPORT_KIND_FINAL, -1, -1e-3},
      {R"({"type":"final","value":"Infinity"})", pb::REPORT_KIND_FINAL, -1, INFINITY},
      {R"({"type":"final","value":-Infinity})", pb::REPORT_KIND_FINAL, -1, -INFINITY},
      {R"({"type":"final","value":.5})", pb::REPORT_KIND_FINAL, -1, 0.5},
      {R"({"type":"final","value":1e999})", pb::REPORT_KIND_FINAL, -1, INFINITY},
      {R"({"type":"final","value":16,"extra":{"a":[1,2]},"more":7})", pb::REPORT_KIND_FINAL, -1,
       16},
      {R"({"type":"intermediate","step":3.0,"value":1})", pb::REPORT_KIND_INTERMEDIATE, 3, 1},
      {R"({"type":"intermediate","step":null,"value":1})", pb::REPORT_KIND_INTERMEDIATE, -1, 1},
      {R"({"type":"final","value":{"default":2,"note":"text","grün":1}})", pb::REPORT_KIND_FINAL,
       -1, 2},
      {"{\"type\":\"fin\\u0061l\",\"value\":3}", pb::REPORT_KIND_FINAL, -1, 3},
  }));
  CAPTURE(good.text);
  ReportLine line;
  Metrics metrics;
  REQUIRE(parse_report(good.text, line, metrics));
  CHECK(line.kind == good.kind);
  CHECK(line.has_step == (good.step >= 0));
  if (line.has_step)
    CHECK(line.step == good.step);
  CHECK(metrics[0].value() == good.value);
  CHECK(metrics[0].name() == "default");
}

TEST_CASE("NaN is a number that is none", "[reports]") {
  ReportLine line;
  Metrics metrics;
  for (const char* text :
       {R"({"type":"final","value":"NaN"})", R"({"type":"final","value":NaN})",
        R"({"type":"final","value":{"default":"NaN"}})", R"({"type":"final","value":nan})"}) {
    CAPTURE(text);
    REQUIRE(parse_report(text, line, metrics));
    CHECK(std::isnan(metrics[0].value()));
  }
}

TEST_CASE("lines that are no reports", "[reports]") {
  auto bad = GENERATE(
      as<std::string>(), "", "text", "{}", "[1]", "0.5", R"({"type":"final"})", R"({"value":1})",
      R"({"type":"other","value":1})", R"({"type":"final","value":"text"})",
      R"({"type":"final","value":{}})", R"({"type":"final","value":{"default":"text"}})",
      R"({"type":"final","value":[1]})", R"({"type":"final","value":null})",
      R"({"type":"final","value":1)", R"({"type":"final","value":1}})",
      R"({"type":"final","value":1} x)", R"({"type":"intermediate","step":-1,"value":1})",
      R"({"type":"intermediate","step":1.5,"value":1})", R"({"type":"final","value":true})",
      std::string("{\"type\":\"final\",\0\"value\":1}", 27),
      "\xff\xfe{\"type\":\"final\",\"value\":1}", std::string(300, '['));
  CAPTURE(bad);
  ReportLine line;
  Metrics metrics;
  CHECK_FALSE(parse_report(bad, line, metrics));
}

TEST_CASE("a file is followed line by line, half a line waits", "[reports]") {
  Reading r;
  CHECK(r.read(0).last_line == 0);  // not there yet
  append(r.path, line_of(1) + line_of(2) + "{\"type\":\"intermediate\",");
  auto batch = r.read(0);
  CHECK(values_in(batch) == std::vector<double>{1, 2});
  CHECK(batch.last_line == 2);
  CHECK(batch.reports[0].step() == 0);
  CHECK(batch.reports[1].step() == 1);
  CHECK(r.read(2).reports.empty());
  append(r.path, "\"step\":10,\"value\":3}\n" + line_of(4));
  batch = r.read(2);
  CHECK(values_in(batch) == std::vector<double>{3, 4});
  CHECK(batch.reports[1].step() == 11);
  CHECK(batch.reports[1].line() == 4);
  CHECK(batch.bad_lines.empty());
  // Someone who begins in the middle sees the same.
  CHECK(r.read_anew(3).reports[0].ByteSizeLong() > 0);
  CHECK(r.read_anew(3).reports[0].step() == 11);
}

TEST_CASE("half a line at the end counts when the trial has ended", "[reports]") {
  Reading r;
  append(r.path, line_of(1) + R"({"type":"final","value":2})");
  CHECK(r.read(0).reports.size() == 1);
  auto batch = r.read(1, true);
  REQUIRE(batch.reports.size() == 1);
  CHECK(batch.last_line == 2);
  SECTION("and a restarted replica begins a line of its own") {
    end_last_line(r.path);
    append(r.path, line_of(3));
    batch = r.read(2);
    CHECK(values_in(batch) == std::vector<double>{3});
    CHECK(batch.reports[0].line() == 3);
    CHECK(r.read_anew(2).reports[0].line() == 3);
    CHECK(r.read_anew(0).last_line == 3);
  }
  SECTION("half of a half is a bad line") {
    append(r.path, "\n{\"type\":\"fin");
    batch = r.read(2, true);
    CHECK(batch.bad_lines == std::vector<std::int64_t>{3});
    CHECK(batch.bad_example == "{\"type\":\"fin");
  }
}

TEST_CASE("bad lines are named by number, blank ones are not, garbage harms nothing", "[reports]") {
  Reading r;
  append(r.path,
         line_of(1) + "hello\n\n   \r\n" + std::string("\0\x01\xff\n", 4) + line_of(2) + "\r\n");
  auto batch = r.read(0);
  CHECK(values_in(batch) == std::vector<double>{1, 2});
  CHECK(batch.bad_lines == std::vector<std::int64_t>{2, 5});
  CHECK(batch.bad_example == "hello");
  CHECK(batch.last_line == 7);
  CHECK(batch.reports[1].line() == 6);
}

TEST_CASE("a line of megabytes is one bad line, and takes no memory", "[reports]") {
  Reading r;
  append(r.path, line_of(1) + std::string(5 << 20, 'x'));
  CHECK(r.read(0).last_line == 1);
  append(r.path, std::string(3 << 20, 'x') + "\n" + line_of(2));
  auto batch = r.read(1);
  CHECK(batch.bad_lines == std::vector<std::int64_t>{2});
  CHECK(values_in(batch) == std::vector<double>{2});
  CHECK(batch.bad_example.size() == 200);
  // A long line that is a report is taken up to a megabyte.
  append(r.path, R"({"type":"final","value":5,"note":")" + std::string(900000, 'y') + "\"}\n");
  CHECK(values_in(r.read(3)) == std::vector<double>{5});
}

TEST_CASE("an example of a bad line shows no secret, however it is cut", "[reports]") {
  const std::string value(100, 's');
  Redaction secrets;
  secrets.hide(value);
  auto example_of = [&](const std::string& text) {
    Reading r;
    append(r.path, text);
    ReportReader reader(r.path, key_of(shell_plan("")), ReportLimits{1000, 2000, 100}, secrets);
    return reader.read(0, 100, true)->bad_example;
  };
  CHECK(example_of("token " + value + "\n") == "token ***");
  CHECK(example_of(std::string(150, 'x') + value + "\n") == std::string(150, 'x') + "***");
  CHECK(example_of(std::string(150, 'x') + value + std::string(5000, 'y') + "\n") ==
        std::string(150, 'x') + "***");
}

TEST_CASE("a batch is bounded and says that there is more", "[reports]") {
  Reading r;
  std::string text;
  for (int i = 0; i < 1000; ++i)
    text += line_of(i);
  append(r.path, text);
  std::int64_t last = 0;
  std::size_t count = 0;
  bool more = true;
  while (more) {
    auto batch = r.read(last, false, 300);
    CHECK(batch.reports.size() <= 300);
    count += batch.reports.size();
    last = batch.last_line;
    more = batch.more;
  }
  CHECK(count == 1000);
  CHECK(last == 1000);
}

TEST_CASE("asking again for what was read gives the same again", "[reports]") {
  Reading r;
  append(r.path, line_of(1) + "bad\n" + line_of(2) + line_of(3));
  auto first = r.read(0);
  auto again = r.read(1);
  CHECK(values_in(again) == std::vector<double>{2, 3});
  CHECK(again.bad_lines == std::vector<std::int64_t>{2});
  CHECK(again.reports[0].line() == first.reports[1].line());
  CHECK(again.reports[0].step() == first.reports[1].step());
  CHECK(again.last_line == 4);
}

TEST_CASE("a file that is written anew is read anew, with numbers that go on", "[reports]") {
  Reading r;
  append(r.path, line_of(1) + line_of(2) + line_of(3));
  CHECK(r.read(0).last_line == 3);
  SECTION("truncated") { write_file(r.path, line_of(7)); }
  SECTION("replaced") {
    write_file(r.path + ".new", line_of(7));
    fs::rename(r.path + ".new", r.path);
  }
  auto batch = r.read(3);
  CHECK(values_in(batch) == std::vector<double>{7});
  CHECK(batch.reports[0].line() == 4);
}

TEST_CASE("a reports file that is gone or no file has a defined outcome", "[reports]") {
  Reading r;
  append(r.path, line_of(1));
  r.read(0);
  fs::remove(r.path);
  CHECK(r.read(1).last_line == 1);
  fs::create_directory(r.path);
  CHECK_FALSE(r.reader.read(1, 10, true));
  fs::remove(r.path);
  REQUIRE(::mkfifo(r.path.c_str(), 0600) == 0);
  CHECK_FALSE(r.reader.read(1, 10, true));  // and does not wait for a writer
}

TEST_CASE("a hundred thousand reports are read in time", "[reports]") {
  Reading r;
  std::string text;
  for (int i = 0; i < 100000; ++i)
    text += R"({"type":"intermediate","step":)" + std::to_string(i) + R"(,"value":0.97})" + "\n";
  write_file(r.path, text);
  auto begin = std::chrono::steady_clock::now();
  std::int64_t last = 0;
  for (bool more = true; more;) {
    auto batch = r.read(last, false, 2000);
    last = batch.last_line;
    more = batch.more;
  }
  CHECK(last == 100000);
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  WARN("reports read per second: " << static_cast<int>(100000 / took.count()));
  CHECK(took.count() < 10);  // a bound for the slowest of machines; the line above is the figure
}

TEST_CASE("a step at the end of all numbers does not overflow", "[reports]") {
  Reading r;
  append(r.path, R"({"type":"intermediate","step":9223372036854775807,"value":1})"
                 "\n" +
                     line_of(2));
  CHECK(r.read(0).reports.size() == 2);
}
