// The readers: each method is one read transaction, so that it sees one state of the database.
#include <limits>
#include <unordered_map>
#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "store/event_codec.hpp"
#include "store/metric_codec.hpp"
#include "store/read_ahead.hpp"
#include "store/read_only_database.hpp"
#include "store/report_collector.hpp"
#include "store/schema.hpp"
#include "store/secret_box.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_error.hpp"

namespace autotune {
namespace {

constexpr int names_in_error_max = 10;
constexpr auto all_rows = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());

std::string text(const SQLite::Column& column) { return std::string(view(column)); }

constexpr const char* experiment_sql =
    "SELECT e.id, e.name, e.phase, e.max_trial_num, e.trial_concurrency, e.pending, e.running, "
    "e.succeeded, "
    "e.failed, e.early_stopped, e.killed, e.best_sequence, e.best_value, t.parameters_json, "
    "e.created_at_ms, e.started_at_ms, e.ended_at_ms, e.reason, e.running_ms, s.spec, s.options "
    "FROM experiments e LEFT JOIN specs s ON s.experiment = e.key "
    "LEFT JOIN trials t ON t.experiment = e.key AND t.sequence = e.best_sequence ";

pb::ExperimentSummary read_experiment(SQLite::Statement& from) {
  pb::ExperimentSummary out;
  int i = 0;
  out.set_id(text(from.getColumn(i++)));
  out.set_name(text(from.getColumn(i++)));
  out.set_phase(static_cast<pb::Phase>(from.getColumn(i++).getInt()));
  out.set_max_trial_num(from.getColumn(i++).getInt64());
  out.set_trial_concurrency(from.getColumn(i++).getInt());
  auto* counts = out.mutable_counts();
  counts->set_pending(from.getColumn(i++).getInt64());
  counts->set_running(from.getColumn(i++).getInt64());
  counts->set_succeeded(from.getColumn(i++).getInt64());
  counts->set_failed(from.getColumn(i++).getInt64());
  counts->set_early_stopped(from.getColumn(i++).getInt64());
  counts->set_killed(from.getColumn(i++).getInt64());
  if (auto best = from.getColumn(i); !best.isNull()) {
    out.mutable_best()->set_sequence(best.getInt64());
    out.mutable_best()->set_value(from.getColumn(i + 1).getDouble());
    out.mutable_best()->set_parameters_json(text(from.getColumn(i + 2)));
  }
  i += 3;
  out.set_created_at_ms(from.getColumn(i++).getInt64());
  out.set_started_at_ms(from.getColumn(i++).getInt64());
  out.set_ended_at_ms(from.getColumn(i++).getInt64());
  out.set_reason(text(from.getColumn(i++)));
  out.set_running_ms(from.getColumn(i++).getInt64());
  auto spec = view(from.getColumn(i++));
  if (!out.mutable_spec()->ParseFromArray(spec.data(), static_cast<int>(spec.size())))
    throw StoreFault(ErrorCode::data_loss, "the stored spec of " + out.id() + " is damaged");
  auto options = view(from.getColumn(i++));
  if (!out.mutable_options()->ParseFromArray(options.data(), static_cast<int>(options.size())))
    throw StoreFault(ErrorCode::data_loss, "the stored options of " + out.id() + " are damaged");
  return out;
}

constexpr const char* trial_sql =
    "SELECT t.sequence, t.id, t.state, t.parameters_json, t.final_metrics, t.attempt, t.node, "
    "t.created_at_ms, t.started_at_ms, t.ended_at_ms, t.reason, t.detail, t.intermediate_count "
    "FROM trials t ";

StoreFault damaged_result(Sequence sequence) {
  return StoreFault(ErrorCode::data_loss,
                    "the final result of trial " + std::to_string(sequence) + " is damaged");
}

void read_trial(SQLite::Statement& from, pb::TrialSummary& out) {
  int i = 0;
  out.set_sequence(from.getColumn(i++).getInt64());
  out.set_id(text(from.getColumn(i++)));
  out.set_state(static_cast<pb::TrialState>(from.getColumn(i++).getInt()));
  out.set_parameters_json(text(from.getColumn(i++)));
  if (!decode_metrics(view(from.getColumn(i++)), *out.mutable_final_metrics()))
    throw damaged_result(out.sequence());
  out.set_attempt(from.getColumn(i++).getInt());
  out.set_node(text(from.getColumn(i++)));
  out.set_created_at_ms(from.getColumn(i++).getInt64());
  out.set_started_at_ms(from.getColumn(i++).getInt64());
  out.set_ended_at_ms(from.getColumn(i++).getInt64());
  out.set_reason(text(from.getColumn(i++)));
  out.set_detail(text(from.getColumn(i++)));
  out.set_intermediate_count(from.getColumn(i++).getInt64());
}

/// A read transaction, from its first statement to the end of the scope.
class Snapshot {
 public:
  explicit Snapshot(SQLite::Database& database) : database_(database) { database_.exec("BEGIN"); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() { database_.tryExec("ROLLBACK"); }

 private:
  SQLite::Database& database_;
};

/// Some rows of events one after another, not decoded: SQLite's half of the work of a replay.
struct EventRows {
  static constexpr std::size_t rows_max = 2000;  // some 100 kB: it stays in a core's cache

  struct End {
    std::int64_t number = 0;
    std::size_t end = 0;  // of its bytes in `payloads`
  };
  std::string payloads;
  std::vector<End> ends;

  /// Takes the next rows (number, payload); false where these are the last.
  bool fill(SQLite::Statement& rows) {
    payloads.clear();
    ends.clear();
    while (ends.size() < rows_max) {
      if (!rows.executeStep())
        return false;
      payloads += view(rows.getColumn(1));
      ends.push_back({rows.getColumn(0).getInt64(), payloads.size()});
    }
    return true;
  }
};

class SqliteReader final : public StoreReader {
 public:
  SqliteReader(ReadOnlyDatabase database, std::filesystem::path path,
               std::filesystem::path key_path)
      : database_(std::move(database)), path_(std::move(path)), key_path_(std::move(key_path)) {}

  Result<std::vector<pb::ExperimentSummary>> experiments() override {
    return guarded([&] {
      SQLite::Statement rows(*database_, std::string(experiment_sql) + "ORDER BY e.key");
      std::vector<pb::ExperimentSummary> out;
      while (rows.executeStep())
        out.push_back(read_experiment(rows));
      return out;
    });
  }

  Result<pb::ExperimentSummary> experiment(const std::string& id_or_name) override {
    return guarded([&] {
      SQLite::Statement row(*database_, std::string(experiment_sql) +
                                            "WHERE e.id = ?1 OR e.name = ?1 "
                                            "ORDER BY e.id = ?1 DESC, e.key DESC LIMIT 1");
      row.bind(1, id_or_name);
      if (!row.executeStep())
        throw StoreFault(ErrorCode::not_found, unknown_experiment(id_or_name));
      return read_experiment(row);
    });
  }

  Result<std::vector<pb::TrialSummary>> trials(const std::string& experiment_id) override {
    return trials_from(experiment_id, 0, all_rows);
  }

  Result<std::vector<pb::TrialSummary>> trials_from(const std::string& experiment_id,
                                                    Sequence first, std::size_t count) override {
    return guarded([&] {
      const auto key = key_of(experiment_id);
      SQLite::Statement rows(*database_, std::string(trial_sql) +
                                             "WHERE t.experiment = ? AND t.sequence >= ? "
                                             "ORDER BY t.sequence LIMIT ?");
      rows.bind(1, key);
      rows.bind(2, first);
      rows.bind(3, static_cast<std::int64_t>(count));
      std::vector<pb::TrialSummary> out;
      while (rows.executeStep())
        read_trial(rows, out.emplace_back());
      return out;
    });
  }

  Result<pb::TrialSummary> trial(const std::string& experiment_id, Sequence sequence) override {
    return guarded([&] {
      const auto key = key_of(experiment_id);
      SQLite::Statement row(*database_,
                            std::string(trial_sql) + "WHERE t.experiment = ? AND t.sequence = ?");
      row.bind(1, key);
      row.bind(2, sequence);
      if (!row.executeStep())
        throw StoreFault(ErrorCode::not_found, unknown_trial(experiment_id, key, sequence));
      pb::TrialSummary out;
      read_trial(row, out);
      return out;
    });
  }

  Result<Front> front(const std::string& experiment_id) override {
    return guarded([&] {
      SQLite::Statement experiment(
          *database_,
          "SELECT e.key, s.spec FROM experiments e JOIN specs s ON s.experiment = e.key "
          "WHERE e.id = ?");
      experiment.bind(1, experiment_id);
      if (!experiment.executeStep())
        throw StoreFault(ErrorCode::not_found, unknown_experiment(experiment_id));
      pb::ExperimentSpec spec;
      auto bytes = view(experiment.getColumn(1));
      if (!spec.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        throw StoreFault(ErrorCode::data_loss,
                         "the stored spec of " + experiment_id + " is damaged");
      SQLite::Statement rows(
          *database_,
          "SELECT sequence, state, final_metrics FROM trials "
          "WHERE experiment = ? AND final_metrics IS NOT NULL ORDER BY sequence");
      rows.bind(1, experiment.getColumn(0).getInt64());
      FrontFinder finder{Objective(spec.objective())};
      while (rows.executeStep()) {
        const auto sequence = rows.getColumn(0).getInt64();
        Metrics finals;
        if (!decode_metrics(view(rows.getColumn(2)), finals))
          throw damaged_result(sequence);
        finder.add(sequence, static_cast<pb::TrialState>(rows.getColumn(1).getInt()), finals);
      }
      return finder.find();
    });
  }

  Result<std::vector<pb::Report>> reports(const std::string& experiment_id,
                                          std::optional<Sequence> sequence,
                                          pb::ReportKind kind) override {
    return guarded([&] {
      const auto key = key_of(experiment_id);
      std::string sql =
          "SELECT m.sequence, m.attempt, m.replica, m.line, m.kind, m.step, m.value, m.named, "
          "m.at_ms, "
          "m.number FROM trials t CROSS JOIN metrics m ON m.experiment = t.experiment "
          "AND m.sequence = t.sequence AND m.attempt = t.attempt WHERE t.experiment = ?1 ";
      if (sequence)
        sql += "AND t.sequence = ?2 ";
      if (kind != pb::REPORT_KIND_UNSPECIFIED)
        sql += "AND m.kind = ?3 ";
      SQLite::Statement rows(*database_, sql + "ORDER BY t.sequence, m.replica, m.line");
      rows.bind(1, key);
      if (sequence)
        rows.bind(2, *sequence);
      if (kind != pb::REPORT_KIND_UNSPECIFIED)
        rows.bind(3, static_cast<int>(kind));
      ReportCollector collector(replica_names());
      while (rows.executeStep())
        collector.add(rows);
      return collector.finish();
    });
  }

  Result<std::optional<pb::Report>> last_report(const std::string& experiment_id,
                                                Sequence sequence) override {
    return guarded([&] {
      // One step into the index per replica, however many reports there are.
      SQLite::Statement row(
          *database_,
          "SELECT m.sequence, m.attempt, m.replica, m.line, m.kind, m.step, m.value, m.named, "
          "m.at_ms, m.number FROM trials t CROSS JOIN replicas r CROSS JOIN metrics m "
          "ON m.experiment = t.experiment AND m.sequence = t.sequence "
          "AND m.attempt = t.attempt AND m.replica = r.key AND m.line = "
          "(SELECT line FROM metrics l WHERE l.experiment = t.experiment "
          "AND l.sequence = t.sequence AND l.attempt = t.attempt AND l.replica = r.key "
          "AND l.kind = ?3 ORDER BY line DESC LIMIT 1) "
          "WHERE t.experiment = ?1 AND t.sequence = ?2 ORDER BY m.number DESC LIMIT 1");
      row.bind(1, key_of(experiment_id));
      row.bind(2, sequence);
      row.bind(3, static_cast<int>(pb::REPORT_KIND_INTERMEDIATE));
      std::optional<pb::Report> last;
      if (row.executeStep()) {
        ReportCollector collector(replica_names());
        collector.add(row);
        last = std::move(collector.finish().front());
      }
      return last;
    });
  }

  Result<std::int64_t> last_report_line(const AttemptKey& attempt,
                                        const std::string& replica) override {
    return guarded([&] {
      SQLite::Statement row(
          *database_,
          "SELECT MAX(line) FROM metrics WHERE "
          "experiment = (SELECT key FROM experiments WHERE id = ?) AND sequence = ? "
          "AND attempt = ? AND replica = (SELECT key FROM replicas WHERE name = ?)");
      row.bind(1, attempt.experiment_id);
      row.bind(2, attempt.sequence);
      row.bind(3, attempt.attempt);
      row.bind(4, replica);
      return row.executeStep() ? row.getColumn(0).getInt64() : std::int64_t{0};
    });
  }

  Result<std::vector<StoredEvent>> events(const std::string& experiment_id,
                                          std::optional<Sequence> sequence) override {
    return events_after(experiment_id, 0, all_rows, sequence);
  }

  Result<std::vector<StoredEvent>> events_after(const std::string& experiment_id,
                                                std::int64_t after, std::size_t count,
                                                std::optional<Sequence> sequence) override {
    return guarded([&] {
      const auto key = key_of(experiment_id);
      std::string sql = "SELECT number, payload FROM events WHERE experiment = ?1 AND number > ?3 ";
      if (sequence)
        sql +=
            "AND number BETWEEN "
            "(SELECT first_event FROM trials WHERE experiment = ?1 AND sequence = ?2) AND "
            "(SELECT last_event FROM trials WHERE experiment = ?1 AND sequence = ?2) "
            "AND sequence = ?2 ";
      SQLite::Statement rows(*database_, sql + "ORDER BY number LIMIT ?4");
      rows.bind(1, key);
      if (sequence)
        rows.bind(2, *sequence);
      rows.bind(3, after);
      rows.bind(4, static_cast<std::int64_t>(count));
      std::vector<StoredEvent> out;
      while (rows.executeStep()) {
        auto& stored = out.emplace_back();
        stored.number = rows.getColumn(0).getInt64();
        if (const auto* wrong = decode_event(view(rows.getColumn(1)), stored.event))
          throw damaged_event(stored.number, wrong);
      }
      return out;
    });
  }

  Result<void> for_each_event(const std::string& experiment_id,
                              const std::function<void(const pb::Event&)>& visit) override {
    return guarded([&] {
      const auto key = key_of(experiment_id);
      SQLite::Statement rows(
          *database_, "SELECT number, payload FROM events WHERE experiment = ? ORDER BY number");
      rows.bind(1, key);
      EventRows batch;
      bool more = batch.fill(rows);
      visit_batch(batch, visit);
      if (!more)
        return;
      ReadAhead<EventRows> ahead([&](EventRows& next) { return next.fill(rows); });
      while (const auto* next = ahead.next())
        visit_batch(*next, visit);
    });
  }

  Result<std::vector<pb::SecretDocument>> secrets(const std::string& experiment_id) override {
    return guarded([&] {
      SQLite::Statement rows(
          *database_, "SELECT name, sealed FROM secrets WHERE experiment_id = ? ORDER BY name");
      rows.bind(1, experiment_id);
      std::vector<pb::SecretDocument> out;
      while (rows.executeStep())
        out.push_back(unseal(experiment_id, text(rows.getColumn(0)), view(rows.getColumn(1))));
      return out;
    });
  }

  Result<std::int64_t> stored_bytes(const std::string& experiment_id) override {
    return guarded([&] {
      SQLite::Statement row(*database_, "SELECT stored_bytes FROM experiments WHERE id = ?");
      row.bind(1, experiment_id);
      if (!row.executeStep())
        throw StoreFault(ErrorCode::not_found, unknown_experiment(experiment_id));
      return row.getColumn(0).getInt64();
    });
  }

 private:
  /// Calls `read`, whose exceptions become errors.
  template <class Read>
  auto guarded(const Read& read) -> Result<decltype(read())> {
    try {
      Snapshot snapshot(*database_);
      if constexpr (std::is_void_v<decltype(read())>) {
        read();
        return {};
      } else {
        return read();
      }
    } catch (const std::exception& e) {
      return tl::unexpected(store_error(e, "read " + path_.string()));
    }
  }

  void visit_batch(const EventRows& batch, const std::function<void(const pb::Event&)>& visit) {
    std::size_t start = 0;
    for (const auto& [number, end] : batch.ends) {
      auto bytes = std::string_view(batch.payloads).substr(start, end - start);
      start = end;
      pb::Event event;
      if (const auto* wrong = decode_event(bytes, event))
        throw damaged_event(number, wrong);
      visit(event);
    }
  }

  StoreFault damaged_event(std::int64_t number, const char* wrong) const {
    return StoreFault(ErrorCode::data_loss, "event " + std::to_string(number) + " in " +
                                                path_.string() + " is damaged: it holds " + wrong);
  }

  std::int64_t key_of(const std::string& id) {
    SQLite::Statement row(*database_, "SELECT key FROM experiments WHERE id = ?");
    row.bind(1, id);
    if (!row.executeStep())
      throw StoreFault(ErrorCode::not_found, unknown_experiment(id));
    return row.getColumn(0).getInt64();
  }

  std::string unknown_experiment(const std::string& asked) {
    SQLite::Statement rows(*database_, "SELECT id FROM experiments ORDER BY key DESC LIMIT ?");
    rows.bind(1, names_in_error_max + 1);
    std::string known;
    for (int n = 0; rows.executeStep(); ++n)
      known += (n == 0 ? "" : ", ") + (n < names_in_error_max ? text(rows.getColumn(0)) : "...");
    return "experiment '" + asked + "' is unknown in " + path_.string() + "; " +
           (known.empty() ? "there are none" : "known are: " + known);
  }

  std::string unknown_trial(const std::string& id, std::int64_t key, Sequence sequence) {
    SQLite::Statement row(*database_, "SELECT MAX(sequence) FROM trials WHERE experiment = ?");
    row.bind(1, key);
    auto last = row.executeStep() ? row.getColumn(0) : SQLite::Column(nullptr, 0);
    return "trial " + id + "/" + std::to_string(sequence) + " is unknown; " +
           (last.isNull() ? "there are none yet" : "the last one is " + text(last));
  }

  std::unordered_map<std::int64_t, std::string> replica_names() {
    SQLite::Statement rows(*database_, "SELECT key, name FROM replicas");
    std::unordered_map<std::int64_t, std::string> names;
    while (rows.executeStep())
      names.emplace(rows.getColumn(0).getInt64(), text(rows.getColumn(1)));
    return names;
  }

  pb::SecretDocument unseal(const std::string& experiment_id, const std::string& name,
                            std::string_view sealed) {
    auto box = SecretBox::open(key_path_.empty() ? path_.parent_path() / "secret.key" : key_path_);
    if (!box)
      throw StoreFault(ErrorCode::data_loss, box.error().message);
    auto plain = box->unseal(sealed, experiment_id + "/" + name);
    if (!plain)
      throw StoreFault(plain.error().code, "secret '" + name + "': " + plain.error().message);
    pb::SecretDocument out;
    if (!out.ParseFromString(*plain))
      throw StoreFault(ErrorCode::data_loss, "secret '" + name + "' is damaged");
    return out;
  }

  ReadOnlyDatabase database_;
  std::filesystem::path path_;
  std::filesystem::path key_path_;
};

}  // namespace

Result<std::unique_ptr<StoreReader>> open_reader(const std::filesystem::path& path,
                                                 const ReaderOptions& options) {
  if (auto whole = check_whole(path); !whole)
    return tl::unexpected(whole.error());
  auto database = ReadOnlyDatabase::open(path);
  if (!database)
    return tl::unexpected(database.error());
  if (auto fine = check_version(**database, path); !fine)
    return tl::unexpected(fine.error());
  return std::make_unique<SqliteReader>(std::move(*database), path, options.key_path);
}

}  // namespace autotune
