// The one writer: each commit is one transaction over events, reports and the rows that queries read.
#include <algorithm>
#include <cmath>
#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store/event_codec.hpp"
#include "store/metric_codec.hpp"
#include "store/reserve.hpp"
#include "store/row_store.hpp"
#include "store/schema.hpp"
#include "store/secret_box.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_error.hpp"

namespace autotune {
namespace {

constexpr int cache_kib = 32 * 1024;               // pages in memory
constexpr std::int64_t wal_bytes_max = 64 << 20;   // what the WAL is cut to after a checkpoint
constexpr std::int64_t event_overhead_bytes = 16;  // what a row takes beside its payload, measured
constexpr std::int64_t report_bytes = 36;
constexpr std::int64_t trial_bytes = 96;

/// An experiment that pauses or ends: what a full disk must still take.
bool holds_halt(const std::vector<StoreWrite>& writes) {
  for (const auto& write : writes)
    if (const auto* append = std::get_if<AppendEvents>(&write))
      for (const auto& event : append->events)
        if (event.has_phase_changed() && event.phase_changed().phase() != pb::PHASE_RUNNING)
          return true;
  return false;
}

class SqliteWriter final : public StoreWriter {
 public:
  /// `full`: the disk had no room to open it, and the reserve has been given up for that.
  SqliteWriter(SQLite::Database database, std::filesystem::path path, const WriterOptions& options,
               Reserve reserve, bool full)
      : database_(std::move(database)),
        path_(std::move(path)),
        key_path_(options.key_path),
        reserve_(std::move(reserve)),
        rows_(database_),
        begin_(database_, "BEGIN IMMEDIATE"),
        commit_(database_, "COMMIT"),
        add_event_(
            database_,
            "INSERT INTO events (experiment, number, sequence, payload) VALUES (?, ?, ?, ?)"),
        add_report_(
            database_,
            "INSERT OR IGNORE INTO metrics (experiment, sequence, attempt, replica, line, kind, "
            "step, value, named, at_ms, number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") {
    last_event_ = database_
                      .execAndGet(
                          "SELECT MAX(n) FROM (SELECT MAX(last_event) AS n FROM experiments "
                          "UNION ALL SELECT last_event FROM deleted)")
                      .getInt64();
    // Without room for it the home can still be read, and written in the room that is left.
    given_up_ = !reserve_.take() && full;
  }

  Result<void> commit(const std::vector<StoreWrite>& writes) override {
    const bool halts = holds_halt(writes);
    // What the reserve gave up is for halts alone; the rest waits until the disk has room again.
    if (given_up_ && !halts)
      if (auto room = restore_reserve(); !room)
        return room;
    auto done = write_all(writes);
    if (done || done.error().code != ErrorCode::resource_exhausted || !halts || !reserve_.held())
      return done;
    if (auto released = release_reserve(); !released)
      return done;
    return write_all(writes);
  }

  Result<void> release_reserve() override {
    given_up_ = reserve_.held();
    return reserve_.release();
  }

  Result<void> restore_reserve() override {
    auto taken = reserve_.take();
    given_up_ = given_up_ && !taken;
    return taken;
  }

 private:
  Result<void> write_all(const std::vector<StoreWrite>& writes) {
    const auto last_event = last_event_;
    try {
      fresh(begin_).exec();
      for (const auto& write : writes)
        std::visit([this](const auto& one) { apply_write(one); }, write);
      rows_.save();
      fresh(commit_).exec();
      rows_.settle();
      return {};
    } catch (const std::exception& e) {
      auto error = store_error(e, "write to " + path_.string());
      rows_.clear();
      last_event_ = last_event;
      roll_back();
      return tl::unexpected(std::move(error));
    }
  }

  void roll_back() {
    begin_.tryReset();
    commit_.tryReset();
    add_event_.tryReset();
    add_report_.tryReset();
    // SQLite has rolled back by itself after some errors, a full disk among them.
    if (sqlite3_get_autocommit(database_.getHandle()) == 0)
      sqlite3_exec(database_.getHandle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }

  void apply_write(const AppendEvents& append) {
    auto* experiment = rows_.experiment(append.experiment_id);
    if (experiment == nullptr) {
      if (append.events.empty() || !append.events.front().has_experiment_submitted())
        return;
      experiment = &rows_.add(row_of(append.experiment_id, append.events.front()));
    } else if (!append.events.empty() && append.events.front().has_experiment_submitted()) {
      throw StoreFault(ErrorCode::already_exists, "an experiment " + append.experiment_id +
                                                      " exists; submit it under another ID");
    }
    add_reports(*experiment, append.reports);
    for (const auto& event : append.events)
      add_event(*experiment, event);
  }

  void apply_write(const AddReports& add) {
    if (auto* experiment = rows_.experiment(add.experiment_id))
      add_reports(*experiment, add.reports);
  }

  void apply_write(const PutSecrets& put) {
    auto key_path = key_path_.empty() ? path_.parent_path() / "secret.key" : key_path_;
    auto box = SecretBox::open_or_create(key_path);
    if (!box)
      throw StoreFault(box.error().code, box.error().message);
    for (const auto& secret : put.secrets) {
      auto sealed = box->seal(secret.SerializeAsString(), put.experiment_id + "/" + secret.name());
      if (!sealed)
        throw StoreFault(sealed.error().code, sealed.error().message);
      SQLite::Statement save(database_, "INSERT OR REPLACE INTO secrets VALUES (?, ?, ?)");
      save.bindNoCopy(1, put.experiment_id);
      save.bindNoCopy(2, secret.name());
      save.bind(3, sealed->data(), static_cast<int>(sealed->size()));
      save.exec();
    }
  }

  void apply_write(const DeleteExperiment& gone) { rows_.remove(gone.experiment_id); }

  void apply_write(const TouchRunningTime& touch) {
    if (auto* experiment = rows_.experiment(touch.experiment_id))
      experiment->running_ms = std::max(experiment->running_ms, touch.running_ms);
  }

  void add_event(ExperimentRow& experiment, const pb::Event& event) {
    auto payload = encode_event(event);
    if (!payload)
      throw StoreFault(payload.error().code, payload.error().message);
    const auto number = ++last_event_;
    const auto sequence = sequence_of(event);
    auto& add = fresh(add_event_);
    add.bind(1, experiment.key);
    add.bind(2, number);
    if (sequence)
      add.bind(3, *sequence);
    else
      add.bind(3);
    add.bindNoCopy(4, static_cast<const void*>(payload->data()), static_cast<int>(payload->size()));
    add.exec();
    experiment.last_event = number;
    experiment.stored_bytes += event_overhead_bytes + static_cast<std::int64_t>(payload->size());
    apply_to_rows(experiment, event, sequence, number);
  }

  void apply_to_rows(ExperimentRow& experiment, const pb::Event& event,
                     std::optional<Sequence> sequence, std::int64_t number) {
    TrialRow* trial = sequence ? rows_.trial(experiment, *sequence) : nullptr;
    if (event.has_trial_created()) {
      if (trial != nullptr)
        throw StoreFault(ErrorCode::internal, "trial " + std::to_string(*sequence) + " of " +
                                                  experiment.id + " was created twice");
      trial = &rows_.add(experiment, row_of(event, experiment));
      trial->first_event = number;
      experiment.stored_bytes +=
          trial_bytes + static_cast<std::int64_t>(trial->parameters_json.size());
    } else if (event.has_spec_edited()) {
      auto& spec = rows_.spec(experiment);
      edit(event.spec_edited(), spec, experiment);
    }
    if (event.has_trial_ended())
      rows_.read_objective(experiment);
    apply(event, experiment, trial);
    if (trial != nullptr)
      trial->last_event = number;
  }

  void add_reports(ExperimentRow& experiment, const std::vector<pb::Report>& reports) {
    for (const auto& report : reports) {
      const auto replica = rows_.replica(report.replica());
      if (!add_report(experiment, report, replica) || report.kind() != pb::REPORT_KIND_INTERMEDIATE)
        continue;
      auto* trial = rows_.trial(experiment, report.sequence());
      if (trial == nullptr || trial->attempt != report.attempt())
        continue;
      ++trial->intermediate_count;
      trial->changed = true;
    }
  }

  /// False where it was there already.
  bool add_report(ExperimentRow& experiment, const pb::Report& report, std::int64_t replica) {
    auto& add = fresh(add_report_);
    add.bind(1, experiment.key);
    add.bind(2, static_cast<std::int64_t>(report.sequence()));
    add.bind(3, report.attempt());
    add.bind(4, replica);
    add.bind(5, static_cast<std::int64_t>(report.line()));
    add.bind(6, static_cast<int>(report.kind()));
    add.bind(7, static_cast<std::int64_t>(report.step()));
    const auto* bare = report.metrics_size() > 0 ? &report.metrics(0) : nullptr;
    for (const auto& metric : report.metrics())
      if (metric.name() == "default")
        bare = &metric;
    if (bare != nullptr && !std::isnan(bare->value()))
      add.bind(8, bare->value());
    else
      add.bind(8);
    std::string named;
    if (report.metrics_size() == 1 && bare->name() == "default") {
      add.bind(9);
    } else {
      named = encode_metrics(report.metrics());
      add.bindNoCopy(9, static_cast<const void*>(named.data()), static_cast<int>(named.size()));
    }
    add.bind(10, static_cast<std::int64_t>(report.at_ms()));
    add.bind(11, experiment.last_report + 1);
    if (add.exec() == 0)
      return false;
    ++experiment.last_report;
    experiment.stored_bytes += report_bytes + static_cast<std::int64_t>(named.size());
    return true;
  }

  SQLite::Database database_;
  std::filesystem::path path_;
  std::filesystem::path key_path_;
  Reserve reserve_;
  RowStore rows_;
  SQLite::Statement begin_;
  SQLite::Statement commit_;
  SQLite::Statement add_event_;
  SQLite::Statement add_report_;
  std::int64_t last_event_ = 0;
  bool given_up_ = false;  ///< the reserve was given back, and not yet taken again
};

Result<SQLite::Database> open_database(const std::filesystem::path& path,
                                       const WriterOptions& options) {
  try {
    // No locks of SQLite's own: the writer is used by one thread at a time.
    SQLite::Database database(path.string(),
                              SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX,
                              static_cast<int>(options.busy_timeout.count()));
    // Whoever may look into the home's folder need not read the trials' parameters.
    ::chmod(path.c_str(), 0600);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(options.synchronous == Synchronous::full ? "PRAGMA synchronous = FULL"
                                                           : "PRAGMA synchronous = NORMAL");
    database.exec("PRAGMA temp_store = MEMORY");
    database.exec("PRAGMA cache_size = -" + std::to_string(cache_kib));
    database.exec("PRAGMA journal_size_limit = " + std::to_string(wal_bytes_max));
    if (auto ready = migrate(database, path); !ready)
      return tl::unexpected(ready.error());
    return database;
  } catch (const std::exception& e) {
    return tl::unexpected(store_error(e, "open " + path.string()));
  }
}

}  // namespace

std::filesystem::path database_path(const std::filesystem::path& home) {
  return home / "autotune.sqlite";
}

Result<std::unique_ptr<StoreWriter>> open_writer(const std::filesystem::path& path,
                                                 const WriterOptions& options) {
  if (auto whole = check_whole(path); !whole)
    return tl::unexpected(whole.error());
  Reserve reserve(path.parent_path() / "reserve", options.reserve_bytes);
  auto database = open_database(path, options);
  const bool full = !database && database.error().code == ErrorCode::resource_exhausted;
  if (full && reserve.release())
    database = open_database(path, options);
  if (!database)
    return tl::unexpected(database.error());
  try {
    return std::make_unique<SqliteWriter>(std::move(*database), path, options, std::move(reserve),
                                          full);
  } catch (const std::exception& e) {
    return tl::unexpected(store_error(e, "open " + path.string()));
  }
}

}  // namespace autotune
