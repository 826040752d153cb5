#include "store/table_reader.hpp"

#include <limits>
#include <unordered_map>
#include <utility>

#include "store/event_codec.hpp"
#include "store/fault.hpp"
#include "store/metric_codec.hpp"
#include "store/read_ahead.hpp"
#include "store/report_collector.hpp"
#include "store/secret_box.hpp"

namespace autotune {
namespace {

constexpr int names_in_error_max = 10;
constexpr auto all_rows = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());

std::string text(SqlStatement& from, int column) { return std::string(from.text(column)); }

constexpr const char* experiment_sql =
    "SELECT e.id, e.name, e.phase, e.max_trial_num, e.trial_concurrency, e.pending, e.running, "
    "e.succeeded, "
    "e.failed, e.early_stopped, e.killed, e.best_sequence, e.best_value, t.parameters_json, "
    "e.created_at_ms, e.started_at_ms, e.ended_at_ms, e.reason, e.running_ms, s.spec, s.options "
    "FROM experiments e LEFT JOIN specs s ON s.experiment = e.key "
    "LEFT JOIN trials t ON t.experiment = e.key AND t.sequence = e.best_sequence ";

pb::ExperimentSummary read_experiment(SqlStatement& from) {
  pb::ExperimentSummary out;
  int i = 0;
  out.set_id(text(from, i++));
  out.set_name(text(from, i++));
  out.set_phase(static_cast<pb::Phase>(from.small(i++)));
  out.set_max_trial_num(from.integer(i++));
  out.set_trial_concurrency(from.small(i++));
  auto* counts = out.mutable_counts();
  counts->set_pending(from.integer(i++));
  counts->set_running(from.integer(i++));
  counts->set_succeeded(from.integer(i++));
  counts->set_failed(from.integer(i++));
  counts->set_early_stopped(from.integer(i++));
  counts->set_killed(from.integer(i++));
  if (!from.is_null(i)) {
    out.mutable_best()->set_sequence(from.integer(i));
    out.mutable_best()->set_value(from.real(i + 1));
    out.mutable_best()->set_parameters_json(text(from, i + 2));
  }
  i += 3;
  out.set_created_at_ms(from.integer(i++));
  out.set_started_at_ms(from.integer(i++));
  out.set_ended_at_ms(from.integer(i++));
  out.set_reason(text(from, i++));
  out.set_running_ms(from.integer(i++));
  auto spec = from.bytes(i++);
  if (!out.mutable_spec()->ParseFromArray(spec.data(), static_cast<int>(spec.size())))
    throw StoreFault(ErrorCode::data_loss, "the stored spec of " + out.id() + " is damaged");
  auto options = from.bytes(i++);
  if (!out.mutable_options()->ParseFromArray(options.data(), static_cast<int>(options.size())))
    throw StoreFault(ErrorCode::data_loss, "the stored options of " + out.id() + " are damaged");
  return out;
}

constexpr const char* trial_sql =
    "SELECT t.sequence, t.id, t.state, t.parameters_json, t.final_metrics, t.attempt, t.node, "
    "t.created_at_ms, t.started_at_ms, t.ended_at_ms, t.reason, t.detail, t.intermediate_count "
    "FROM trials t ";

constexpr const char* report_sql =
    "SELECT m.sequence, m.attempt, m.replica, m.line, m.kind, m.step, m.value, m.named, m.at_ms, "
    "m.number ";

StoreFault damaged_result(Sequence sequence) {
  return StoreFault(ErrorCode::data_loss,
                    "the final result of trial " + std::to_string(sequence) + " is damaged");
}

void read_trial(SqlStatement& from, pb::TrialSummary& out) {
  int i = 0;
  out.set_sequence(from.integer(i++));
  out.set_id(text(from, i++));
  out.set_state(static_cast<pb::TrialState>(from.small(i++)));
  out.set_parameters_json(text(from, i++));
  if (!decode_metrics(from.bytes(i++), *out.mutable_final_metrics()))
    throw damaged_result(out.sequence());
  out.set_attempt(from.small(i++));
  out.set_node(text(from, i++));
  out.set_created_at_ms(from.integer(i++));
  out.set_started_at_ms(from.integer(i++));
  out.set_ended_at_ms(from.integer(i++));
  out.set_reason(text(from, i++));
  out.set_detail(text(from, i++));
  out.set_intermediate_count(from.integer(i++));
}

/// A read transaction, from its first statement to the end of the scope.
class Snapshot {
 public:
  explicit Snapshot(SqlDatabase& database) : database_(database) { database_.begin(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() { database_.roll_back(); }

 private:
  SqlDatabase& database_;
};

/// Some rows of events one after another, not decoded: the database's half of the work of a replay.
struct EventRows {
  static constexpr std::size_t rows_max = 2000;  // some 100 kB: it stays in a core's cache

  struct End {
    std::int64_t number = 0;
    std::size_t end = 0;  // of its bytes in `payloads`
  };
  std::string payloads;
  std::vector<End> ends;

  /// Takes the rows (number, payload) after number `after`, which moves on; false where these are the last.
  bool fill(SqlStatement& rows, std::int64_t experiment, std::int64_t& after) {
    rows.reset();
    rows.set(1, experiment);
    rows.set(2, after);
    rows.set(3, static_cast<std::int64_t>(rows_max));
    payloads.clear();
    ends.clear();
    while (rows.step()) {
      after = rows.integer(0);
      payloads += rows.bytes(1);
      ends.push_back({after, payloads.size()});
    }
    return ends.size() == rows_max;
  }
};

class TableReader final : public StoreReader {
 public:
  explicit TableReader(TableSource source)
      : source_(std::move(source)), database_(*source_.database) {}

  Result<std::vector<pb::ExperimentSummary>> experiments() override {
    return guarded([&] {
      auto rows = database_.prepare(std::string(experiment_sql) + "ORDER BY e.key");
      std::vector<pb::ExperimentSummary> out;
      while (rows->step())
        out.push_back(read_experiment(*rows));
      return out;
    });
  }

  Result<pb::ExperimentSummary> experiment(const std::string& id_or_name) override {
    return guarded([&] {
      auto row = database_.prepare(std::string(experiment_sql) +
                                   "WHERE e.id = $1 OR e.name = $1 "
                                   "ORDER BY e.id = $1 DESC, e.key DESC LIMIT 1");
      row->set_text(1, id_or_name);
      if (!row->step())
        throw StoreFault(ErrorCode::not_found, unknown_experiment(id_or_name));
      return read_experiment(*row);
    });
  }

  Result<std::vector<pb::TrialSummary>> trials(const std::string& experiment_id) override {
    return trials_from(experiment_id, 0, all_rows);
  }

  Result<std::vector<pb::TrialSummary>> trials_from(const std::string& experiment_id,
                                                    Sequence first, std::size_t count) override {
    return guarded([&] {
      const auto key = key_of(experiment_id);
      auto rows = database_.prepare(std::string(trial_sql) +
                                    "WHERE t.experiment = $1 AND t.sequence >= $2 "
                                    "ORDER BY t.sequence LIMIT $3");
      rows->set(1, key);
      rows->set(2, first);
      rows->set(3, static_cast<std::int64_t>(count));
      std::vector<pb::TrialSummary> out;
      while (rows->step())
        read_trial(*rows, out.emplace_back());
      return out;
    });
  }

  Result<pb::TrialSummary> trial(const std::string& experiment_id, Sequence sequence) override {
    return guarded([&] {
      const auto key = key_of(experiment_id);
      auto row =
          database_.prepare(std::string(trial_sql) + "WHERE t.experiment = $1 AND t.sequence = $2");
      row->set(1, key);
      row->set(2, sequence);
      if (!row->step())
        throw StoreFault(ErrorCode::not_found, unknown_trial(experiment_id, key, sequence));
      pb::TrialSummary out;
      read_trial(*row, out);
      return out;
    });
  }

  Result<Front> front(const std::string& experiment_id) override {
    return guarded([&] {
      auto experiment = database_.prepare(
          "SELECT e.key, s.spec FROM experiments e JOIN specs s ON s.experiment = e.key "
          "WHERE e.id = $1");
      experiment->set_text(1, experiment_id);
      if (!experiment->step())
        throw StoreFault(ErrorCode::not_found, unknown_experiment(experiment_id));
      pb::ExperimentSpec spec;
      auto bytes = experiment->bytes(1);
      if (!spec.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        throw StoreFault(ErrorCode::data_loss,
                         "the stored spec of " + experiment_id + " is damaged");
      auto rows = database_.prepare(
          "SELECT sequence, state, final_metrics FROM trials "
          "WHERE experiment = $1 AND final_metrics IS NOT NULL ORDER BY sequence");
      rows->set(1, experiment->integer(0));
      FrontFinder finder{Objective(spec.objective())};
      while (rows->step()) {
        const auto sequence = rows->integer(0);
        Metrics finals;
        if (!decode_metrics(rows->bytes(2), finals))
          throw damaged_result(sequence);
        finder.add(sequence, static_cast<pb::TrialState>(rows->small(1)), finals);
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
          std::string(report_sql) + "FROM trials t CROSS JOIN metrics m WHERE t.experiment = $1 ";
      int values = 1;
      auto next = [&] { return "$" + std::to_string(++values) + " "; };
      if (sequence)
        sql += "AND t.sequence = " + next();
      sql +=
          "AND m.experiment = t.experiment AND m.sequence = t.sequence AND m.attempt = t.attempt ";
      if (kind != pb::REPORT_KIND_UNSPECIFIED)
        sql += "AND m.kind = " + next();
      auto rows = database_.prepare(sql + "ORDER BY t.sequence, m.replica, m.line");
      rows->set(1, key);
      if (sequence)
        rows->set(2, *sequence);
      if (kind != pb::REPORT_KIND_UNSPECIFIED)
        rows->set(values, kind);
      ReportCollector collector(replica_names());
      while (rows->step())
        collector.add(*rows);
      return collector.finish();
    });
  }

  Result<std::optional<pb::Report>> last_report(const std::string& experiment_id,
                                                Sequence sequence) override {
    return guarded([&] {
      // One step into the index per replica, however many reports there are.
      auto row = database_.prepare(
          std::string(report_sql) +
          "FROM trials t CROSS JOIN replicas r CROSS JOIN metrics m "
          "WHERE t.experiment = $1 AND t.sequence = $2 AND m.experiment = t.experiment "
          "AND m.sequence = t.sequence AND m.attempt = t.attempt AND m.replica = r.key "
          "AND m.line = (SELECT line FROM metrics l WHERE l.experiment = t.experiment "
          "AND l.sequence = t.sequence AND l.attempt = t.attempt AND l.replica = r.key "
          "AND l.kind = $3 ORDER BY line DESC LIMIT 1) ORDER BY m.number DESC LIMIT 1");
      row->set(1, key_of(experiment_id));
      row->set(2, sequence);
      row->set(3, pb::REPORT_KIND_INTERMEDIATE);
      std::optional<pb::Report> last;
      if (row->step()) {
        ReportCollector collector(replica_names());
        collector.add(*row);
        last = std::move(collector.finish().front());
      }
      return last;
    });
  }

  Result<std::int64_t> last_report_line(const AttemptKey& attempt,
                                        const std::string& replica) override {
    return guarded([&] {
      auto row = database_.prepare(
          "SELECT MAX(line) FROM metrics WHERE "
          "experiment = (SELECT key FROM experiments WHERE id = $1) AND sequence = $2 "
          "AND attempt = $3 AND replica = (SELECT key FROM replicas WHERE name = $4)");
      row->set_text(1, attempt.experiment_id);
      row->set(2, attempt.sequence);
      row->set(3, attempt.attempt);
      row->set_text(4, replica);
      return row->step() ? row->integer(0) : std::int64_t{0};
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
      std::string sql = "SELECT number, payload FROM events WHERE experiment = $1 AND number > $2 ";
      if (sequence)
        sql +=
            "AND number BETWEEN "
            "(SELECT first_event FROM trials WHERE experiment = $1 AND sequence = $3) AND "
            "(SELECT last_event FROM trials WHERE experiment = $1 AND sequence = $3) "
            "AND sequence = $3 ";
      const int limit = sequence ? 4 : 3;
      auto rows = database_.prepare(sql + "ORDER BY number LIMIT $" + std::to_string(limit));
      rows->set(1, key);
      rows->set(2, after);
      if (sequence)
        rows->set(3, *sequence);
      rows->set(limit, static_cast<std::int64_t>(count));
      std::vector<StoredEvent> out;
      while (rows->step()) {
        auto& stored = out.emplace_back();
        stored.number = rows->integer(0);
        if (const auto* wrong = decode_event(rows->bytes(1), stored.event))
          throw damaged_event(stored.number, wrong);
      }
      return out;
    });
  }

  Result<void> for_each_event(const std::string& experiment_id,
                              const std::function<void(const pb::Event&)>& visit) override {
    return guarded([&] {
      const auto key = key_of(experiment_id);
      auto rows = database_.prepare(
          "SELECT number, payload FROM events WHERE experiment = $1 AND number > $2 "
          "ORDER BY number LIMIT $3");
      std::int64_t after = 0;
      EventRows batch;
      bool more = batch.fill(*rows, key, after);
      visit_batch(batch, visit);
      if (!more)
        return;
      ReadAhead<EventRows> ahead([&](EventRows& next) { return next.fill(*rows, key, after); });
      while (const auto* next = ahead.next())
        visit_batch(*next, visit);
    });
  }

  Result<std::vector<pb::SecretDocument>> secrets(const std::string& experiment_id) override {
    return guarded([&] {
      auto rows = database_.prepare(
          "SELECT name, sealed FROM secrets WHERE experiment_id = $1 ORDER BY name");
      rows->set_text(1, experiment_id);
      std::vector<pb::SecretDocument> out;
      while (rows->step())
        out.push_back(unseal(experiment_id, text(*rows, 0), rows->bytes(1)));
      return out;
    });
  }

  Result<std::int64_t> stored_bytes(const std::string& experiment_id) override {
    return guarded([&] {
      auto row = database_.prepare("SELECT stored_bytes FROM experiments WHERE id = $1");
      row->set_text(1, experiment_id);
      if (!row->step())
        throw StoreFault(ErrorCode::not_found, unknown_experiment(experiment_id));
      return row->integer(0);
    });
  }

 private:
  /// Calls `read`, whose exceptions become errors.
  template <class Read>
  auto guarded(const Read& read) -> Result<decltype(read())> {
    try {
      Snapshot snapshot(database_);
      if constexpr (std::is_void_v<decltype(read())>) {
        read();
        return {};
      } else {
        return read();
      }
    } catch (const std::exception& e) {
      return tl::unexpected(source_.error_of(e, "read " + source_.place));
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
                                                source_.place + " is damaged: it holds " + wrong);
  }

  std::int64_t key_of(const std::string& id) {
    auto row = database_.prepare("SELECT key FROM experiments WHERE id = $1");
    row->set_text(1, id);
    if (!row->step())
      throw StoreFault(ErrorCode::not_found, unknown_experiment(id));
    return row->integer(0);
  }

  std::string unknown_experiment(const std::string& asked) {
    auto rows = database_.prepare("SELECT id FROM experiments ORDER BY key DESC LIMIT $1");
    rows->set(1, names_in_error_max + 1);
    std::string known;
    for (int n = 0; rows->step(); ++n)
      known += (n == 0 ? "" : ", ") + (n < names_in_error_max ? text(*rows, 0) : "...");
    return "experiment '" + asked + "' is unknown in " + source_.place + "; " +
           (known.empty() ? "there are none" : "known are: " + known);
  }

  std::string unknown_trial(const std::string& id, std::int64_t key, Sequence sequence) {
    auto row = database_.prepare("SELECT MAX(sequence) FROM trials WHERE experiment = $1");
    row->set(1, key);
    const bool none = !row->step() || row->is_null(0);
    return "trial " + id + "/" + std::to_string(sequence) + " is unknown; " +
           (none ? "there are none yet" : "the last one is " + std::to_string(row->integer(0)));
  }

  std::unordered_map<std::int64_t, std::string> replica_names() {
    auto rows = database_.prepare("SELECT key, name FROM replicas");
    std::unordered_map<std::int64_t, std::string> names;
    while (rows->step())
      names.emplace(rows->integer(0), text(*rows, 1));
    return names;
  }

  pb::SecretDocument unseal(const std::string& experiment_id, const std::string& name,
                            std::string_view sealed) {
    auto box = SecretBox::open(source_.key_path);
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

  TableSource source_;
  SqlDatabase& database_;
};

}  // namespace

std::unique_ptr<StoreReader> make_table_reader(TableSource source) {
  return std::make_unique<TableReader>(std::move(source));
}

}  // namespace autotune
