// The store actor over the real database: one write that can never be made durable harms no other.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

#include <unistd.h>

#include "actors/head.hpp"
#include "actors/store.hpp"
#include "one_thread.hpp"
#include "store/sqlite.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

pb::Event submitted(const std::string& name) {
  pb::Event event;
  event.mutable_experiment_submitted()->mutable_spec()->set_name(name);
  return event;
}

pb::Event created(std::int64_t sequence) {
  pb::Event event;
  event.mutable_trial_created()->set_sequence(sequence);
  event.mutable_trial_created()->set_parameters_json("{}");
  return event;
}

pb::Event launched(std::int64_t sequence) {
  pb::Event event;
  event.mutable_attempt_launched()->set_sequence(sequence);
  event.mutable_attempt_launched()->set_attempt(1);
  return event;
}

AppendEvents append(const std::string& id, std::vector<pb::Event> events) {
  return {id, {}, std::move(events)};
}

AddReports result(const std::string& id, Sequence sequence) {
  pb::Report report;
  report.set_sequence(sequence);
  report.set_attempt(1);
  report.set_replica("worker-0");
  report.set_line(1);
  report.set_kind(pb::REPORT_KIND_FINAL);
  auto& metric = *report.add_metrics();
  metric.set_name("default");
  metric.set_value(1);
  return {id, {report}};
}

/// Counts the commits that are tried.
class CountingWriter final : public StoreWriter {
 public:
  CountingWriter(std::unique_ptr<StoreWriter> writer, int& commits)
      : writer_(std::move(writer)), commits_(commits) {}
  Result<void> commit(const std::vector<StoreWrite>& writes) override {
    ++commits_;
    return writer_->commit(writes);
  }

 private:
  std::unique_ptr<StoreWriter> writer_;
  int& commits_;
};

/// A store actor on one thread, over a database in a folder of its own.
class Bench {
 public:
  Bench() {
    auto name = (std::filesystem::temp_directory_path() / "autotune-store-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    configure(config_);
    actors_ = std::make_unique<OneThread>(config_, now_);
    WriterOptions options;
    options.synchronous = Synchronous::normal;
    options.reserve_bytes = 0;
    auto writer = open_writer(database_path(folder_), options);
    REQUIRE(writer);
    auto counting = std::make_shared<CountingWriter>(std::move(*writer), commits);
    sink_ = actors_->system().spawn([this](ReportsActor::pointer) -> ReportsActor::behavior_type {
      return {[this](const pb::ReportsMessage& message) { heard.push_back(message); }};
    });
    store_ = spawn_store(actors_->system(), {counting, [](bool) {}, sink_}, false);
    auto opened = open_reader(database_path(folder_));
    REQUIRE(opened);
    reader = std::move(*opened);
  }
  ~Bench() {
    compat::anon_send(store_, atom::shut_down_v);
    run();
    caf::anon_send_exit(sink_, caf::exit_reason::user_shutdown);
    run();
    store_ = nullptr;
    sink_ = nullptr;
    reader.reset();
    actors_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::unique_ptr<caf::scoped_actor> client() {
    return std::make_unique<caf::scoped_actor>(actors_->system());
  }
  void write(caf::scoped_actor& from, std::uint64_t token, StoreWrite what) {
    compat::send(from.ptr(), store_, Write{token, std::move(what)});
  }
  /// Until nothing is left to do, timers included.
  void run() {
    actors_->run();
    for (auto next = actors_->next_timer(); next; next = actors_->next_timer()) {
      actors_->advance(*next - now_);
      now_ = std::max(now_, *next);
      actors_->run();
    }
  }
  void pass(std::chrono::milliseconds time) {
    actors_->run();
    now_ += time;
    actors_->advance(time);
    actors_->run();
  }
  /// "1 2!": the tokens that were answered, in order; refused ones with a mark.
  std::string answers(caf::scoped_actor& to) {
    std::string text;
    bool more = true;
    while (more)
      to->receive(
          [&](const Stored& stored) {
            text += (text.empty() ? "" : " ") + std::to_string(stored.token) +
                    (stored.error ? "!" : "");
          },
          caf::after(std::chrono::seconds(0)) >> [&] { more = false; });
    return text;
  }

  int commits = 0;
  std::unique_ptr<StoreReader> reader;
  std::vector<pb::ReportsMessage> heard;  // by the embedder's sink

 private:
  std::filesystem::path folder_;
  caf::actor_system_config config_;
  Time now_ = Time{} + std::chrono::hours(1);
  std::unique_ptr<OneThread> actors_;
  StoreActor store_;
  ReportsActor sink_;
};

}  // namespace

TEST_CASE("a write that can never be durable fails alone in its commit", "[store]") {
  Bench bench;
  auto a = bench.client(), b = bench.client(), c = bench.client();
  bench.write(*a, 1, append("a-11111", {submitted("a")}));
  bench.write(*b, 1, append("b-22222", {submitted("b")}));
  bench.write(*c, 1, append("c-33333", {submitted("c"), created(0), launched(0)}));
  bench.run();
  CHECK(bench.commits == 1);

  bench.write(*a, 2, append("a-11111", {created(0)}));
  bench.write(*b, 2, append("b-22222", {created(0), created(0)}));
  bench.write(*b, 3, append("b-22222", {created(1)}));  // after a gap it would tell another story
  bench.write(*c, 2, result("c-33333", 0));
  bench.write(*a, 3, append("a-11111", {created(1)}));
  bench.run();
  CHECK(bench.answers(*a) == "1 2 3");
  CHECK(bench.answers(*b) == "1 2! 3!");
  CHECK(bench.answers(*c) == "1 2");
  CHECK(bench.reader->events("a-11111")->size() == 3);
  CHECK(bench.reader->events("b-22222")->size() == 1);
  CHECK(bench.reader->reports("c-33333", 0, pb::REPORT_KIND_FINAL)->size() == 1);

  // Whoever replays that experiment writes as somebody else.
  auto again = bench.client();
  bench.write(*again, 1, append("b-22222", {created(0)}));
  bench.run();
  CHECK(bench.answers(*again) == "1");
}

TEST_CASE("an embedder's sink hears of each report that became durable, and of no other",
          "[store]") {
  Bench bench;
  auto client = bench.client();
  bench.write(*client, 1, append("a-11111", {submitted("a"), created(0), launched(0)}));
  bench.run();
  CHECK(bench.heard.empty());
  auto with_reports = [](std::vector<std::pair<std::int64_t, std::int64_t>> lines) {
    std::vector<pb::Report> reports;
    for (auto [sequence, line] : lines) {
      auto& report = reports.emplace_back();
      report.set_sequence(sequence);
      report.set_attempt(1);
      report.set_replica("worker-0");
      report.set_line(line);
      report.set_kind(pb::REPORT_KIND_INTERMEDIATE);
      auto* metric = report.add_metrics();
      metric->set_name("default");
      metric->set_value(static_cast<double>(line));
    }
    return reports;
  };
  bench.write(*client, 2, AddReports{"a-11111", with_reports({{0, 1}, {0, 2}})});
  // What can never be written is told to nobody: the event says nothing.
  bench.write(*client, 3, AppendEvents{"a-11111", with_reports({{0, 3}}), {pb::Event()}});
  bench.run();
  CHECK(bench.answers(*client) == "1 2 3!");
  auto other = bench.client();
  bench.write(*other, 4, AppendEvents{"a-11111", with_reports({{0, 3}, {1, 1}}), {created(1)}});
  bench.run();
  REQUIRE(bench.heard.size() == 3);
  auto words = [&](std::size_t i) {
    const auto& message = bench.heard[i];
    std::string text = message.experiment_id() + "/" + std::to_string(message.sequence()) + "/" +
                       std::to_string(message.attempt());
    for (const auto& report : message.reports())
      text += " " + std::to_string(report.line());
    return text;
  };
  CHECK(words(0) == "a-11111/0/1 1 2");
  CHECK(words(1) == "a-11111/0/1 3");
  CHECK(words(2) == "a-11111/1/1 1");
}

TEST_CASE("halves find the one bad write among many", "[store]") {
  const std::uint64_t count = 300;
  const std::uint64_t bad = GENERATE(1, 2, 150, 300);
  Bench bench;
  auto good = bench.client(), other = bench.client();
  bench.write(*good, 0, append("a-11111", {submitted("a")}));
  bench.write(*other, 0, append("b-22222", {submitted("b")}));
  bench.run();
  bench.commits = 0;
  std::string expected;
  for (std::uint64_t i = 1; i <= count; ++i) {
    if (i == bad)
      bench.write(*other, 1, append("b-22222", {pb::Event()}));  // an event that says nothing
    else
      bench.write(*good, i, append("a-11111", {created(static_cast<std::int64_t>(i))}));
    if (i != bad)
      expected += (expected.empty() ? "" : " ") + std::to_string(i);
  }
  bench.run();
  CHECK(bench.answers(*other) == "1!");
  CHECK(bench.answers(*good) == expected);
  CHECK(bench.reader->trials("a-11111")->size() == count - 1);
  CHECK(bench.commits <= 100);  // log2(300)^2; not one for each
}

TEST_CASE("a busy store waits for company, and not for more than it needs", "[store]") {
  Bench bench;
  auto client = bench.client();
  std::uint64_t token = 0;
  auto write = [&] {
    auto event = token == 0 ? submitted("a") : created(static_cast<std::int64_t>(token));
    bench.write(*client, ++token, append("a-11111", {event}));
  };
  auto pass = [&](std::chrono::milliseconds time) {
    bench.pass(time);
    return bench.commits;
  };
  write();
  CHECK(pass(0ms) == 1);  // alone: at once
  write();
  CHECK(pass(1ms) == 1);
  CHECK(pass(1ms) == 2);  // one after another: 2 ms apart
  for (int i = 0; i < 20; ++i)
    write();
  CHECK(pass(2ms) == 3);  // ten writes a millisecond: now it is busy
  for (int i = 0; i < 40; ++i)
    write();
  CHECK(pass(7ms) == 3);
  CHECK(pass(1ms) == 4);
  for (int i = 0; i < 64; ++i)
    write();
  CHECK(pass(0ms) == 5);  // enough for one commit
  CHECK(pass(10ms) == 5);
  write();
  CHECK(pass(0ms) == 6);
  write();
  CHECK(pass(2ms) == 7);  // quiet again
  CHECK(bench.reader->events("a-11111")->size() == token);
}

}  // namespace autotune::test
