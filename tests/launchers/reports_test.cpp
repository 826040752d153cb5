// Reading reports: lines, files that grow, shrink and vanish, and the collectors.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "launchers/collector.hpp"
#include "launchers/file_descriptor.hpp"
#include "launchers/job_folder.hpp"
#include "launchers/report_line.hpp"
#include "launchers/report_reader.hpp"
#include "launchers/tensorboard.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
namespace fs = std::filesystem;

namespace {

using Metrics = google::protobuf::RepeatedPtrField<pb::Metric>;

std::string line_of(int i) { return "{\"type\":\"intermediate\",\"value\":" + std::to_string(i) + "}\n"; }

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
      {R"({"type":"intermediate","step":300,"value":0.97})", pb::REPORT_KIND_INTERMEDIATE, 300, 0.97},
      {R"({"type":"final","value":{"default":0.985,"loss":0.05}})", pb::REPORT_KIND_FINAL, -1, 0.985},
      {R"( { "value" : -1e-3 , "type" : "final" } )", pb::REPORT_KIND_FINAL, -1, -1e-3},
      {R"({"type":"final","value":"Infinity"})", pb::REPORT_KIND_FINAL, -1, INFINITY},
      {R"({"type":"final","value":-Infinity})", pb::REPORT_KIND_FINAL, -1, -INFINITY},
      {R"({"type":"final","value":.5})", pb::REPORT_KIND_FINAL, -1, 0.5},
      {R"({"type":"final","value":1e999})", pb::REPORT_KIND_FINAL, -1, INFINITY},
      {R"({"type":"final","value":16,"extra":{"a":[1,2]},"more":7})", pb::REPORT_KIND_FINAL, -1, 16},
      {R"({"type":"intermediate","step":3.0,"value":1})", pb::REPORT_KIND_INTERMEDIATE, 3, 1},
      {R"({"type":"intermediate","step":null,"value":1})", pb::REPORT_KIND_INTERMEDIATE, -1, 1},
      {R"({"type":"final","value":{"default":2,"note":"text","grün":1}})", pb::REPORT_KIND_FINAL, -1, 2},
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
  for (const char* text : {R"({"type":"final","value":"NaN"})", R"({"type":"final","value":NaN})",
                           R"({"type":"final","value":{"default":"NaN"}})", R"({"type":"final","value":nan})"}) {
    CAPTURE(text);
    REQUIRE(parse_report(text, line, metrics));
    CHECK(std::isnan(metrics[0].value()));
  }
}

TEST_CASE("lines that are no reports", "[reports]") {
  auto bad = GENERATE(as<std::string>(), "", "text", "{}", "[1]", "0.5", R"({"type":"final"})", R"({"value":1})",
                      R"({"type":"other","value":1})", R"({"type":"final","value":"text"})",
                      R"({"type":"final","value":{}})", R"({"type":"final","value":{"default":"text"}})",
                      R"({"type":"final","value":[1]})", R"({"type":"final","value":null})",
                      R"({"type":"final","value":1)", R"({"type":"final","value":1}})",
                      R"({"type":"final","value":1} x)", R"({"type":"intermediate","step":-1,"value":1})",
                      R"({"type":"intermediate","step":1.5,"value":1})", R"({"type":"final","value":true})",
                      std::string("{\"type\":\"final\",\0\"value\":1}", 28), "\xff\xfe{\"type\":\"final\",\"value\":1}",
                      std::string(300, '['));
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
  CHECK(r.read_anew(3).reports[0].SerializeAsString() != "");
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
  append(r.path, line_of(1) + "hello\n\n   \r\n" + std::string("\0\x01\xff\n", 4) + line_of(2) + "\r\n");
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
  append(r.path, R"({"type":"intermediate","step":9223372036854775807,"value":1})" "\n" + line_of(2));
  CHECK(r.read(0).reports.size() == 2);
}

// --- collectors --------------------------------------------------------------------------------------------------

namespace {

struct Collecting {
  Home home;
  pb::MetricsCollector how;
  std::string source = home.path() + "/source";
  std::string target = home.path() + "/collected.jsonl";
  std::unique_ptr<Collector> collector;
  std::int64_t last = 0;
  ReportReader reader{target, key_of(shell_plan(""))};

  explicit Collecting(const char* kind, const char* pattern = "", const char* tag = "") {
    how.set_kind(kind);
    how.set_pattern(pattern);
    how.set_tag(tag);
    restart();
  }
  /// A new agent: nothing but the files is left.
  void restart() {
    auto made = make_collector(how, source, target);
    REQUIRE(made);
    collector = std::move(*made);
    reader = ReportReader(target, key_of(shell_plan("")));
  }
  std::vector<pb::Report> take(bool ended = false) {
    REQUIRE(collector->collect(ended));
    auto batch = reader.read(last, 100000, ended);
    REQUIRE(batch);
    CHECK(batch->bad_lines.empty());
    last = batch->last_line;
    return batch->reports;
  }
};

}  // namespace

TEST_CASE("numbers in stdout become reports, the last one the final result", "[collector]") {
  Collecting c("stdout", "accuracy=([0-9.eE+-]+)");
  append(c.source, "hello\nepoch 1 accuracy=0.5\naccuracy=none\nepoch 2 accuracy=0.75 loss=1\nepoch 3 accur");
  auto reports = c.take();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].metrics(0).value() == 0.5);
  CHECK(reports[1].metrics(0).value() == 0.75);
  CHECK(reports[1].step() == 1);
  bool restarted = GENERATE(false, true);
  if (restarted)
    c.restart();
  append(c.source, "acy=0.875");
  CHECK(c.take().empty());
  reports = c.take(true);
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].metrics(0).value() == 0.875);
  CHECK(reports[0].step() == 2);
  CHECK(reports[1].kind() == pb::REPORT_KIND_FINAL);
  CHECK(reports[1].metrics(0).value() == 0.875);
  CHECK(c.take(true).empty());
  c.restart();
  CHECK(c.take(true).empty());  // the final result is given once
}

TEST_CASE("a pattern without a group gives the whole match, with one the first", "[collector]") {
  Collecting c("stdout", "[0-9]+\\.[0-9]+");
  append(c.source, "x 1.5 y 2.5\n");
  CHECK(c.take()[0].metrics(0).value() == 1.5);
}

TEST_CASE("a file of numbers or of reports needs no pattern", "[collector]") {
  Collecting c("file");
  append(c.source, " 0.25 \nwords\n{\"type\":\"intermediate\",\"step\":7,\"value\":{\"default\":1,\"loss\":2}}\nnan\n");
  auto reports = c.take();
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].metrics(0).value() == 0.25);
  CHECK(reports[1].step() == 7);
  CHECK(reports[1].metrics(1).name() == "loss");
  CHECK(std::isnan(reports[2].metrics(0).value()));
  append(c.source, "{\"type\":\"final\",\"value\":3}\n");
  reports = c.take(true);
  REQUIRE(reports.size() == 1);  // the program's own final result needs no other
  CHECK(reports[0].metrics(0).value() == 3);
}

TEST_CASE("a file that is written anew is collected anew", "[collector]") {
  Collecting c("file", "v=(.*)");
  append(c.source, "v=1\nv=2\n");
  CHECK(c.take().size() == 2);
  write_file(c.source, "v=3\n");
  CHECK(c.take().size() == 1);
}

TEST_CASE("what the log limit has cut out of stdout is passed over", "[collector]") {
  Collecting c("stdout", "v=(.*)");
  append(c.source, "v=1\n" + std::string(3 << 20, '.') + "\nv=2\n");
  FileDescriptor file(::open(c.source.c_str(), O_RDWR));
  REQUIRE(::fallocate(file.value(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 2 << 20) == 0);
  CHECK(c.take().size() == 2);
}

TEST_CASE("lines and expressions that would take for ever do not", "[collector]") {
  Collecting c("stdout", "(a+)+$");
  append(c.source, std::string(100000, 'a') + "!\n" + std::string(30, 'a') + "\n");
  c.take();
  SUCCEED("came back");
}

TEST_CASE("a collector that cannot work is refused before anything runs", "[collector]") {
  pb::MetricsCollector how;
  auto refused = [&](const char* word) {
    auto made = make_collector(how, "/x", "/y");
    REQUIRE_FALSE(made);
    CHECK_THAT(made.error().message, Catch::Contains(word));
  };
  how.set_kind("stdout");
  refused("pattern");
  how.set_pattern("([");
  refused("([");
  how.set_kind("tensorboard");
  refused("tag");
  how.set_kind("nope");
  refused("sdk, stdout, file, tensorboard");
  how.set_kind("sdk");
  CHECK(*make_collector(how, "", "") == nullptr);
}

TEST_CASE("TensorBoard's scalars are read from what TensorFlow wrote", "[collector][tensorboard]") {
  // Written by TensorFlow 2.15: tf.summary.scalar at steps 0, 10, 20, 30, and the older FileWriter at steps 1, 2.
  std::string fixtures = std::string(AUTOTUNE_SOURCE_DIR) + "/tests/launchers/fixtures/";
  SECTION("tensors") {
    Collecting c("tensorboard", "", "epoch_accuracy");
    fs::create_directories(c.source + "/validation");
    fs::copy(fixtures + "v2.tfevents", c.source + "/validation/events.out.tfevents.1.host");
    auto reports = c.take(true);
    REQUIRE(reports.size() == 5);
    CHECK(reports[1].metrics(0).value() == 0.75);
    CHECK(reports[1].step() == 10);
    CHECK(std::isnan(reports[2].metrics(0).value()));
    CHECK(reports[4].kind() == pb::REPORT_KIND_FINAL);
    CHECK(reports[4].metrics(0).value() == 0.875);
    c.restart();
    CHECK(c.take(true).empty());
  }
  SECTION("simple values, arriving byte by byte") {
    Collecting c("tensorboard", "", "accuracy");
    fs::create_directories(c.source);
    auto bytes = read_file(fixtures + "v1.tfevents");
    std::vector<pb::Report> reports;
    for (char byte : bytes) {
      append(c.source + "/events.out.tfevents.1.host", std::string(1, byte));
      for (auto& report : c.take())
        reports.push_back(report);
    }
    REQUIRE(reports.size() == 2);
    CHECK(reports[0].step() == 1);
    CHECK(reports[1].metrics(0).value() == 0.5);
  }
  SECTION("damage ends a file, not the collector") {
    auto bytes = read_file(fixtures + "v1.tfevents");
    bytes.resize(60);
    Collecting c("tensorboard", "", "accuracy");
    fs::create_directories(c.source);
    write_file(c.source + "/a.tfevents", bytes + std::string(1000, '\x55'));
    write_file(c.source + "/b.tfevents", read_file(fixtures + "v1.tfevents"));
    CHECK(c.take().size() == 2);
    CHECK(c.take().empty());
  }
}

TEST_CASE("the checksum is CRC-32C, masked", "[tensorboard]") {
  // "123456789" has CRC-32C 0xe3069283 (RFC 3720's polynomial); TFRecord rotates by 15 and adds 0xa282ead8.
  std::uint32_t crc = 0xe3069283U;
  CHECK(masked_crc32c("123456789") == ((crc >> 15) | (crc << 17)) + 0xa282ead8U);
}

TEST_CASE("a trial's stdout, file and event folder are collected while it runs", "[collector][process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan("echo acc=0.5; echo acc=0.75; echo 'acc=0.25' > $AUTOTUNE_TRIAL_DIR/metrics");
  auto& how = *plan.mutable_metrics_collector();
  how.set_pattern("acc=([0-9.]+)");
  SECTION("stdout") {
    how.set_kind("stdout");
    launcher.run(plan);
    auto batch = launcher->read_reports(key_of(plan), 0, 10, true);
    REQUIRE(batch);
    CHECK(values_in(*batch) == std::vector<double>{0.5, 0.75, 0.75});
    CHECK(batch->reports[2].kind() == pb::REPORT_KIND_FINAL);
  }
  SECTION("file") {
    how.set_kind("file");
    how.set_path("$(AUTOTUNE_TRIAL_DIR)/metrics");
    launcher.run(plan);
    CHECK(values_in(*launcher->read_reports(key_of(plan), 0, 10, true)) == std::vector<double>{0.25, 0.25});
  }
  SECTION("a path that is missing") {
    how.set_kind("file");
    CHECK_THAT(launcher.run(plan).detail(), Catch::Contains("wants a path"));
  }
}

TEST_CASE("exit files are whole or not there", "[job_folder]") {
  Home home;
  pb::ReplicaExit exit;
  *exit.mutable_key() = key_of(shell_plan(""), "worker-0", 3);
  exit.set_cause(pb::EXIT_CAUSE_OUT_OF_MEMORY);
  exit.set_exit_code(1);
  exit.set_signal(9);
  exit.set_detail("of \"memory\"\n");
  exit.set_started_at_ms(1700000000000);
  exit.set_ended_at_ms(1700000000001);
  auto read = exit_from_json(exit_to_json(exit));
  REQUIRE(read);
  CHECK(read->SerializeAsString() == exit.SerializeAsString());
  CHECK_FALSE(exit_from_json("{}"));
  CHECK_FALSE(exit_from_json("{\"key\":{},\"cause\":\"EXIT_CAUSE_NOPE\"}"));
  CHECK_FALSE(newest_exit(home.path()));
  REQUIRE(write_whole_file(exit_path(home.path(), 0), exit_to_json(exit)));
  REQUIRE(write_whole_file(exit_path(home.path(), 10), exit_to_json(exit)));
  write_file(exit_path(home.path(), 9), "{");
  write_file(home.path() + "/exit-99.json.new", "{");
  REQUIRE(newest_exit(home.path()));
  write_file(exit_path(home.path(), 11), "{\"key\":");
  CHECK_FALSE(newest_exit(home.path()));  // torn by a crash: as if it were not there
}

TEST_CASE("folders have the names that the plan gives, and no others", "[job_folder]") {
  auto plan = shell_plan("", 12);
  CHECK(JobFolder::of("/h", plan)->replica("worker-0") == "/h/trials/test-abcde/12-p4iyq/1/worker-0");
  for (const char* name : {"", "..", "a/b", "."}) {
    auto wrong = plan;
    wrong.set_experiment_id(name);
    CHECK_FALSE(JobFolder::of("/h", wrong));
  }
  plan.mutable_training_config()->mutable_tasks(0)->set_role("../up");
  CHECK_FALSE(JobFolder::of("/h", plan));
}

TEST_CASE("a start note tells its number, whoever it shares its file with", "[job_folder]") {
  Home home;
  for (const char* name : {"/a", "/b", "/c"})
    fs::create_directory(home.path() + name);
  StartNotes notes;
  google::protobuf::RepeatedPtrField<std::string> environment;
  *environment.Add() = "NAME=secret";
  CHECK_FALSE(newest_start(home.path() + "/a"));
  REQUIRE(notes.write(home.path() + "/a", 0, environment));
  REQUIRE(notes.write(home.path() + "/b", 0, environment));
  REQUIRE(notes.write(home.path() + "/b", 1, environment));
  CHECK(newest_start(home.path() + "/a") == 0);
  CHECK(newest_start(home.path() + "/b") == 1);
  CHECK_THAT(read_file(home.path() + "/a/environment"), Catch::Contains("NAME\n") && !Catch::Contains("secret"));
  fs::remove_all(home.path() + "/b");
  REQUIRE(notes.write(home.path() + "/c", 1, environment));  // what it would link to is gone
  CHECK(newest_start(home.path() + "/c") == 1);
  write_file(home.path() + "/c/environment", "");
  CHECK(newest_start(home.path() + "/c") == 0);
}
