// Measures the store beside raw SQLite in the same run, on the disk of the folder that is given (default: the
// build's bench-data). Prints a Markdown table; a ratio is ours to the baseline, higher is better.
//   store_bench [FOLDER]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/event_codec.hpp"
#include "store/sqlite.hpp"

namespace {

using namespace autotune;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t trials_large = 100'000;
constexpr int reports_per_trial = 10;

struct Time {
  double wall_s = 0;
  double cpu_s = 0;  ///< of this process: steady on a machine that others use too
};

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

Time measure(const std::function<void()>& run) {
  const auto start = Clock::now();
  const auto cpu = cpu_seconds();
  run();
  return {std::chrono::duration<double>(Clock::now() - start).count(), cpu_seconds() - cpu};
}

template <class T>
T need(Result<T> result) {
  if (!result) {
    std::cerr << result.error().message << "\n";
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>)
    return std::move(*result);
}

pb::Event submitted() {
  pb::Event event;
  event.mutable_experiment_submitted()->mutable_spec()->set_name("bench");
  return event;
}

/// The four events of a trial's life, as the experiment writes them.
std::vector<pb::Event> life(Sequence sequence) {
  std::vector<pb::Event> events(4);
  for (auto& event : events)
    event.set_at_ms(1'750'000'000'000 + sequence);
  auto* created = events[0].mutable_trial_created();
  created->set_sequence(sequence);
  created->set_id("p4iyq");
  created->set_parameters_json(
      R"({"batch_size":16,"learning_rate":0.0012589254117941673,"momentum":0.9})");
  created->set_origin("tuner");
  events[1].mutable_attempt_launched()->set_sequence(sequence);
  events[1].mutable_attempt_launched()->set_attempt(1);
  events[1].mutable_attempt_launched()->set_node("node-1");
  events[2].mutable_attempt_started()->set_sequence(sequence);
  events[2].mutable_attempt_started()->set_attempt(1);
  auto* ended = events[3].mutable_trial_ended();
  ended->set_sequence(sequence);
  ended->set_state(pb::TRIAL_STATE_SUCCEEDED);
  auto* metric = ended->add_final_metrics();
  metric->set_name("default");
  metric->set_value(1.0 / static_cast<double>(sequence + 2));
  return events;
}

pb::Report report(Sequence sequence, std::int64_t line) {
  pb::Report out;
  out.set_sequence(sequence);
  out.set_attempt(1);
  out.set_replica("worker-0");
  out.set_line(line);
  out.set_kind(pb::REPORT_KIND_INTERMEDIATE);
  out.set_step(line * 300);
  out.set_at_ms(1'750'000'000'000 + line);
  auto* metric = out.add_metrics();
  metric->set_name("default");
  metric->set_value(1.0 / static_cast<double>(line + sequence));
  return out;
}

std::unique_ptr<StoreWriter> open(const fs::path& path, Synchronous synchronous) {
  WriterOptions options;
  options.synchronous = synchronous;
  return need(open_writer(path, options));
}

/// The plainest thing that keeps the same: one table, one prepared INSERT, the same transactions.
class Raw {
 public:
  Raw(const fs::path& path, Synchronous synchronous, const char* table, const char* insert)
      : database_(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    database_.exec("PRAGMA journal_mode = WAL");
    database_.exec(synchronous == Synchronous::full ? "PRAGMA synchronous = FULL"
                                                    : "PRAGMA synchronous = NORMAL");
    database_.exec(table);
    insert_ = std::make_unique<SQLite::Statement>(database_, insert);
  }
  void begin() { database_.exec("BEGIN IMMEDIATE"); }
  void commit() { database_.exec("COMMIT"); }
  SQLite::Statement& insert() {
    insert_->reset();
    return *insert_;
  }

 private:
  SQLite::Database database_;
  std::unique_ptr<SQLite::Statement> insert_;
};

/// A line on `n` things that were written.
void row(const std::string& what, double n, const Time& ours, const Time& raw) {
  std::printf("| %s | %.0f/s | %.0f/s | %.2f | %.1f µs | %.1f µs |\n", what.c_str(),
              n / ours.wall_s, n / raw.wall_s, raw.wall_s / ours.wall_s, 1e6 * ours.cpu_s / n,
              1e6 * raw.cpu_s / n);
  std::fflush(stdout);
}

double fdatasync_ms(const fs::path& folder) {
  const auto path = folder / "sync";
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    std::exit(1);
  std::vector<double> times;
  const std::string page(4096, 'x');
  for (int i = 0; i < 200; ++i) {
    times.push_back(1000 * measure([&] {
                             if (::pwrite(fd, page.data(), page.size(), i * 4096) < 0 ||
                                 ::fdatasync(fd) != 0)
                               std::exit(1);
                           }).wall_s);
  }
  ::close(fd);
  std::nth_element(times.begin(), times.begin() + 100, times.end());
  return times[100];
}

/// Trials a second, `per_commit` of them in each transaction.
void trials(const fs::path& folder, Synchronous synchronous, int per_commit, int commits) {
  const std::string name = synchronous == Synchronous::full ? "FULL" : "NORMAL";
  const auto tag = name + std::to_string(per_commit);
  auto write = open(folder / ("ours-trials-" + tag), synchronous);
  need(write->commit({AppendEvents{"bench-aaaaa", {}, {submitted()}}}));
  const double n = static_cast<double>(per_commit) * commits;
  Sequence sequence = 0;
  auto ours = measure([&] {
    for (int i = 0; i < commits; ++i) {
      std::vector<StoreWrite> writes;
      for (int j = 0; j < per_commit; ++j)
        writes.push_back(AppendEvents{"bench-aaaaa", {}, life(sequence++)});
      need(write->commit(writes));
    }
  });
  Raw raw(folder / ("raw-trials-" + tag), synchronous,
          "CREATE TABLE t (n INTEGER PRIMARY KEY, sequence INTEGER, payload BLOB)",
          "INSERT INTO t (sequence, payload) VALUES (?, ?)");
  sequence = 0;
  auto plain = measure([&] {
    for (int i = 0; i < commits; ++i) {
      raw.begin();
      for (int j = 0; j < per_commit; ++j) {
        for (const auto& event : life(sequence++)) {
          auto bytes = event.SerializeAsString();
          auto& insert = raw.insert();
          insert.bind(1, sequence);
          insert.bindNoCopy(2, static_cast<const void*>(bytes.data()),
                            static_cast<int>(bytes.size()));
          insert.exec();
        }
      }
      raw.commit();
    }
  });
  row("trials (4 events), " + std::to_string(per_commit) + " a commit, " + name, n, ours, plain);
}

/// Reports a second from 8 trials, 500 of each in a transaction.
void reports(const fs::path& folder, Synchronous synchronous) {
  constexpr int running = 8;
  constexpr int of_each = 500;
  constexpr int commits = 100;
  const std::string name = synchronous == Synchronous::full ? "FULL" : "NORMAL";
  auto write = open(folder / ("ours-reports-" + name), synchronous);
  AppendEvents start{"bench-aaaaa", {}, {submitted()}};
  for (int i = 0; i < running; ++i) {
    auto events = life(i);
    start.events.insert(start.events.end(), events.begin(), events.begin() + 3);
  }
  need(write->commit({start}));
  std::vector<std::vector<StoreWrite>> batches(commits);
  for (int i = 0; i < commits; ++i)
    for (int trial = 0; trial < running; ++trial) {
      AddReports add{"bench-aaaaa", {}};
      for (int j = 0; j < of_each; ++j)
        add.reports.push_back(report(trial, i * of_each + j + 1));
      batches[i].push_back(std::move(add));
    }
  const double n = 1.0 * commits * running * of_each;
  auto ours = measure([&] {
    for (const auto& batch : batches)
      need(write->commit(batch));
  });
  Raw raw(folder / ("raw-reports-" + name), synchronous,
          "CREATE TABLE t (n INTEGER PRIMARY KEY, sequence INTEGER, step INTEGER, value REAL, at "
          "INTEGER)",
          "INSERT INTO t (sequence, step, value, at) VALUES (?, ?, ?, ?)");
  auto plain = measure([&] {
    for (const auto& batch : batches) {
      raw.begin();
      for (const auto& write : batch) {
        for (const auto& one : std::get<AddReports>(write).reports) {
          auto& insert = raw.insert();
          insert.bind(1, static_cast<std::int64_t>(one.sequence()));
          insert.bind(2, static_cast<std::int64_t>(one.step()));
          insert.bind(3, one.metrics(0).value());
          insert.bind(4, static_cast<std::int64_t>(one.at_ms()));
          insert.exec();
        }
      }
      raw.commit();
    }
  });
  row("reports of 8 trials, 4,000 a commit, " + name, n, ours, plain);
}

/// SQLite alone steps over all rows.
Time scan(const fs::path& path, const char* sql) {
  return measure([&] {
    SQLite::Database database(path.string(), SQLite::OPEN_READONLY);
    SQLite::Statement rows(database, sql);
    std::size_t bytes = 0;
    while (rows.executeStep())
      for (int i = 0; i < rows.getColumnCount(); ++i)
        bytes += static_cast<std::size_t>(rows.getColumn(i).getBytes());
    if (bytes == 0)
      std::exit(1);
  });
}

void large(const fs::path& folder) {
  const auto path = folder / "ours-large";
  {
    auto write = open(path, Synchronous::normal);
    need(write->commit({AppendEvents{"bench-aaaaa", {}, {submitted()}}}));
    for (Sequence sequence = 0; sequence < trials_large;) {
      std::vector<StoreWrite> writes;
      for (int i = 0; i < 500; ++i, ++sequence) {
        auto events = life(sequence);
        AppendEvents begin{"bench-aaaaa", {}, {events.begin(), events.begin() + 3}};
        AppendEvents end{"bench-aaaaa", {}, {events[3]}};
        for (int line = 1; line <= reports_per_trial; ++line)
          end.reports.push_back(report(sequence, line));
        writes.push_back(std::move(begin));
        writes.push_back(std::move(end));
      }
      need(write->commit(writes));
    }
  }
  auto read = need(open_reader(path));
  std::size_t n = 0;
  auto show = [&](const char* what, const Time& ours, const Time& plain) {
    std::printf("| read %s: %zu | %.2f s | %.2f s | %.2f | %.2f µs | %.2f µs |\n", what, n,
                ours.wall_s, plain.wall_s, plain.wall_s / ours.wall_s,
                1e6 * ours.cpu_s / static_cast<double>(n),
                1e6 * plain.cpu_s / static_cast<double>(n));
    std::fflush(stdout);
  };
  auto ours = measure([&] { n = need(read->trials("bench-aaaaa")).size(); });
  show("trials", ours, scan(path, "SELECT * FROM trials"));
  ours = measure([&] { n = need(read->events("bench-aaaaa")).size(); });
  show("events", ours, scan(path, "SELECT number, payload FROM events"));
  ours = measure(
      [&] { n = need(read->reports("bench-aaaaa", {}, pb::REPORT_KIND_INTERMEDIATE)).size(); });
  show("reports", ours, scan(path, "SELECT * FROM metrics"));
  ours = measure([&] { n = need(read->experiments()).size(); });
  std::printf("\nsummary of %lld trials: %.1f ms; one trial's events: %.1f ms; database: %.1f MB\n",
              static_cast<long long>(trials_large), 1000 * ours.wall_s,
              1000 * measure([&] { need(read->events("bench-aaaaa", trials_large / 2)); }).wall_s,
              static_cast<double>(fs::file_size(path)) / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path parent = argc > 1 ? argv[1] : BENCH_FOLDER;
  fs::create_directories(parent);
  auto folder_text = (parent / "store-XXXXXX").string();
  if (::mkdtemp(folder_text.data()) == nullptr) {
    std::cerr << "cannot make a folder in " << parent << "\n";
    return 1;
  }
  const fs::path folder = folder_text;
  std::printf("fdatasync of one page: %.2f ms (median)\n\n", fdatasync_ms(folder));
  std::printf(
      "| | store | raw SQLite | ratio | CPU each | raw |\n"
      "| --- | ---: | ---: | ---: | ---: | ---: |\n");
  for (auto synchronous : {Synchronous::full, Synchronous::normal}) {
    trials(folder, synchronous, 1, synchronous == Synchronous::full ? 300 : 3000);
    trials(folder, synchronous, 64, 100);
    reports(folder, synchronous);
  }
  large(folder);
  fs::remove_all(folder);
  return 0;
}
