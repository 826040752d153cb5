// Metrics collectors: stdout, a file, TensorBoard's event files.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "launchers/collector.hpp"
#include "launchers/file_descriptor.hpp"
#include "launchers/report_reader.hpp"
#include "launchers/tensorboard.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
namespace fs = std::filesystem;

namespace {

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

std::vector<double> values_in(const ReportBatch& batch) {
  std::vector<double> values;
  for (const auto& report : batch.reports)
    values.push_back(report.metrics(0).value());
  return values;
}

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
  append(c.source,
         "hello\nepoch 1 accuracy=0.5\naccuracy=none\nepoch 2 accuracy=0.75 loss=1\nepoch 3 accur");
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
  append(c.source,
         " 0.25 "
         "\nwords\n{\"type\":\"intermediate\",\"step\":7,\"value\":{\"default\":1,\"loss\":2}}"
         "\nnan\n");
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
  REQUIRE(::fallocate(file.value(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 2 << 20) ==
          0);
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

TEST_CASE("a trial's stdout, file and event folder are collected while it runs",
          "[collector][process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan =
      shell_plan("echo acc=0.5; echo acc=0.75; echo 'acc=0.25' > $AUTOTUNE_TRIAL_DIR/metrics");
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
    CHECK(values_in(*launcher->read_reports(key_of(plan), 0, 10, true)) ==
          std::vector<double>{0.25, 0.25});
  }
  SECTION("a path that is missing") {
    how.set_kind("file");
    CHECK_THAT(launcher.run(plan).detail(), Catch::Contains("wants a path"));
  }
}
