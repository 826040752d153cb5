#include "store/row_store.hpp"

#include <limits>

#include "messages/states.hpp"
#include "store/sqlite_error.hpp"

namespace autotune {
namespace {

std::string blob(const SQLite::Column& column) {
  return {static_cast<const char*>(column.getBlob()), static_cast<std::size_t>(column.getBytes())};
}

void bind_blob(SQLite::Statement& statement, int at, const std::string& bytes) {
  // SQLite takes a null pointer for NULL, and an empty string's data for an empty blob.
  statement.bindNoCopy(at, static_cast<const void*>(bytes.data()), static_cast<int>(bytes.size()));
}

ExperimentRow read_experiment(SQLite::Statement& from) {
  ExperimentRow row;
  int i = 0;
  row.key = from.getColumn(i++).getInt64();
  row.id = from.getColumn(i++).getString();
  row.name = from.getColumn(i++).getString();
  row.phase = static_cast<pb::Phase>(from.getColumn(i++).getInt());
  row.max_trial_num = from.getColumn(i++).getInt64();
  row.trial_concurrency = from.getColumn(i++).getInt();
  row.objective_metric = from.getColumn(i++).getString();
  row.goal = static_cast<pb::Goal>(from.getColumn(i++).getInt());
  row.counts.set_pending(from.getColumn(i++).getInt64());
  row.counts.set_running(from.getColumn(i++).getInt64());
  row.counts.set_succeeded(from.getColumn(i++).getInt64());
  row.counts.set_failed(from.getColumn(i++).getInt64());
  row.counts.set_early_stopped(from.getColumn(i++).getInt64());
  row.counts.set_killed(from.getColumn(i++).getInt64());
  if (auto best = from.getColumn(i++); !best.isNull())
    row.best_sequence = best.getInt64();
  row.best_value = from.getColumn(i++).getDouble();
  row.created_at_ms = from.getColumn(i++).getInt64();
  row.started_at_ms = from.getColumn(i++).getInt64();
  row.ended_at_ms = from.getColumn(i++).getInt64();
  row.running_ms = from.getColumn(i++).getInt64();
  row.reason = from.getColumn(i++).getString();
  row.stored_bytes = from.getColumn(i++).getInt64();
  row.last_event = from.getColumn(i++).getInt64();
  row.last_report = from.getColumn(i++).getInt64();
  return row;
}

TrialRow read_trial(SQLite::Statement& from, Sequence sequence) {
  TrialRow row;
  int i = 0;
  row.sequence = sequence;
  row.state = static_cast<pb::TrialState>(from.getColumn(i++).getInt());
  if (auto finals = from.getColumn(i++); !finals.isNull())
    row.final_metrics = blob(finals);
  row.attempt = from.getColumn(i++).getInt();
  row.node = from.getColumn(i++).getString();
  row.started_at_ms = from.getColumn(i++).getInt64();
  row.ended_at_ms = from.getColumn(i++).getInt64();
  row.reason = from.getColumn(i++).getString();
  row.detail = from.getColumn(i++).getString();
  row.intermediate_count = from.getColumn(i++).getInt64();
  row.last_event = from.getColumn(i++).getInt64();
  return row;
}

/// The columns that change, in the order of `read_trial`; the next free place is returned.
int bind_trial(SQLite::Statement& to, const TrialRow& row) {
  int i = 1;
  to.bind(i++, static_cast<int>(row.state));
  if (row.final_metrics)
    bind_blob(to, i++, *row.final_metrics);
  else
    to.bind(i++);
  to.bind(i++, row.attempt);
  to.bindNoCopy(i++, row.node);
  to.bind(i++, static_cast<std::int64_t>(row.started_at_ms));
  to.bind(i++, static_cast<std::int64_t>(row.ended_at_ms));
  to.bindNoCopy(i++, row.reason);
  to.bindNoCopy(i++, row.detail);
  to.bind(i++, static_cast<std::int64_t>(row.intermediate_count));
  to.bind(i++, static_cast<std::int64_t>(row.last_event));
  return i;
}

constexpr const char* load_experiment_sql =
    "SELECT key, id, name, phase, max_trial_num, trial_concurrency, objective_metric, goal, "
    "pending, "
    "running, succeeded, failed, early_stopped, killed, best_sequence, best_value, created_at_ms, "
    "started_at_ms, ended_at_ms, running_ms, reason, stored_bytes, last_event, last_report "
    "FROM experiments WHERE id = ?";
constexpr const char* add_experiment_sql =
    "INSERT INTO experiments (id, name, phase, max_trial_num, trial_concurrency, objective_metric, "
    "goal, "
    "created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
constexpr const char* save_experiment_sql =
    "UPDATE experiments SET phase = ?, max_trial_num = ?, trial_concurrency = ?, pending = ?, "
    "running = ?, "
    "succeeded = ?, failed = ?, early_stopped = ?, killed = ?, best_sequence = ?, best_value = ?, "
    "started_at_ms = ?, ended_at_ms = ?, running_ms = ?, reason = ?, stored_bytes = ?, last_event "
    "= ?, "
    "last_report = ? WHERE key = ?";
constexpr const char* load_trial_sql =
    "SELECT state, final_metrics, attempt, node, started_at_ms, ended_at_ms, reason, detail, "
    "intermediate_count, last_event FROM trials WHERE experiment = ? AND sequence = ?";
constexpr const char* add_trial_sql =
    "INSERT INTO trials (state, final_metrics, attempt, node, started_at_ms, ended_at_ms, reason, "
    "detail, "
    "intermediate_count, last_event, experiment, sequence, id, parameters_json, origin, "
    "created_at_ms, "
    "first_event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr const char* save_trial_sql =
    "UPDATE trials SET state = ?, final_metrics = ?, attempt = ?, node = ?, started_at_ms = ?, "
    "ended_at_ms = ?, reason = ?, detail = ?, intermediate_count = ?, last_event = ? "
    "WHERE experiment = ? AND sequence = ?";

}  // namespace

SQLite::Statement& fresh(SQLite::Statement& statement) {
  statement.tryReset();
  return statement;
}

RowStore::RowStore(SQLite::Database& database)
    : database_(database),
      load_experiment_(database, load_experiment_sql),
      add_experiment_(database, add_experiment_sql),
      save_experiment_(database, save_experiment_sql),
      save_spec_(database,
                 "INSERT OR REPLACE INTO specs (experiment, spec, options) "
                 "VALUES (?, ?, COALESCE(?, (SELECT options FROM specs WHERE experiment = ?1)))"),
      load_trial_(database, load_trial_sql),
      add_trial_(database, add_trial_sql),
      save_trial_(database, save_trial_sql) {}

ExperimentRow* RowStore::experiment(const std::string& id) {
  auto found = experiments_.find(id);
  if (found == experiments_.end()) {
    auto& load = fresh(load_experiment_);
    load.bindNoCopy(1, id);
    std::optional<ExperimentRow> row;
    if (load.executeStep())
      row = read_experiment(load);
    load.tryReset();
    found = experiments_.emplace(id, std::move(row)).first;
  }
  return found->second ? &*found->second : nullptr;
}

ExperimentRow& RowStore::add(ExperimentRow row) {
  auto& add = fresh(add_experiment_);
  add.bindNoCopy(1, row.id);
  add.bindNoCopy(2, row.name);
  add.bind(3, static_cast<int>(row.phase));
  add.bind(4, static_cast<std::int64_t>(row.max_trial_num));
  add.bind(5, row.trial_concurrency);
  add.bindNoCopy(6, row.objective_metric);
  add.bind(7, static_cast<int>(row.goal));
  add.bind(8, static_cast<std::int64_t>(row.created_at_ms));
  add.exec();
  add.tryReset();
  row.key = database_.getLastInsertRowid();
  objectives_[row.id] = row.objective;
  auto& place = experiments_[row.id];
  place = std::move(row);
  return *place;
}

TrialRow* RowStore::trial(const ExperimentRow& experiment, Sequence sequence) {
  auto found = trials_.find({experiment.key, sequence});
  if (found == trials_.end()) {
    auto& load = fresh(load_trial_);
    load.bind(1, experiment.key);
    load.bind(2, sequence);
    std::optional<TrialRow> row;
    if (load.executeStep())
      row = read_trial(load, sequence);
    load.tryReset();
    found = trials_.emplace(std::pair{experiment.key, sequence}, std::move(row)).first;
  }
  return found->second ? &*found->second : nullptr;
}

TrialRow& RowStore::add(const ExperimentRow& experiment, TrialRow row) {
  auto& place = trials_[{experiment.key, row.sequence}];
  place = std::move(row);
  return *place;
}

pb::ExperimentSpec RowStore::load_spec(const ExperimentRow& row) {
  pb::ExperimentSpec spec;
  SQLite::Statement load(database_, "SELECT spec FROM specs WHERE experiment = ?");
  load.bind(1, row.key);
  if (!load.executeStep() || !spec.ParseFromString(blob(load.getColumn(0))))
    throw StoreFault(ErrorCode::data_loss, "the stored spec of " + row.id + " is damaged");
  return spec;
}

pb::ExperimentSpec& RowStore::spec(ExperimentRow& experiment) {
  if (!experiment.spec)
    experiment.spec = load_spec(experiment);
  return *experiment.spec;
}

void RowStore::read_objective(ExperimentRow& experiment) {
  auto& known = objectives_[experiment.id];
  if (!known)
    known = std::make_shared<const Objective>(load_spec(experiment).objective());
  experiment.objective = known;
}

std::int64_t RowStore::replica(const std::string& name) {
  auto found = replicas_.find(name);
  if (found != replicas_.end())
    return found->second;
  SQLite::Statement add(database_, "INSERT OR IGNORE INTO replicas (name) VALUES (?)");
  add.bindNoCopy(1, name);
  add.exec();
  SQLite::Statement find(database_, "SELECT key FROM replicas WHERE name = ?");
  find.bindNoCopy(1, name);
  find.executeStep();
  auto key = find.getColumn(0).getInt64();
  replicas_.emplace(name, key);
  return key;
}

void RowStore::remove(const std::string& id) {
  auto* row = experiment(id);
  SQLite::Statement secrets(database_, "DELETE FROM secrets WHERE experiment_id = ?");
  secrets.bindNoCopy(1, id);
  secrets.exec();
  if (row == nullptr)
    return;
  for (const char* table : {"metrics", "events", "trials", "specs"}) {
    SQLite::Statement gone(database_,
                           std::string("DELETE FROM ") + table + " WHERE experiment = ?");
    gone.bind(1, row->key);
    gone.exec();
  }
  SQLite::Statement gone(database_, "DELETE FROM experiments WHERE key = ?");
  gone.bind(1, row->key);
  gone.exec();
  SQLite::Statement number(database_, "UPDATE deleted SET last_event = MAX(last_event, ?)");
  number.bind(1, row->last_event);
  number.exec();
  trials_.erase(trials_.lower_bound({row->key, std::numeric_limits<Sequence>::min()}),
                trials_.upper_bound({row->key, std::numeric_limits<Sequence>::max()}));
  experiments_[id].reset();
  objectives_.erase(id);
}

void RowStore::save(ExperimentRow& row) {
  auto& save = fresh(save_experiment_);
  int i = 1;
  save.bind(i++, static_cast<int>(row.phase));
  save.bind(i++, row.max_trial_num);
  save.bind(i++, row.trial_concurrency);
  for (auto n : {row.counts.pending(), row.counts.running(), row.counts.succeeded(),
                 row.counts.failed(), row.counts.early_stopped(), row.counts.killed()})
    save.bind(i++, static_cast<std::int64_t>(n));
  if (row.best_sequence) {
    save.bind(i++, *row.best_sequence);
    save.bind(i++, row.best_value);
  } else {
    save.bind(i++);
    save.bind(i++);
  }
  for (auto n : {row.started_at_ms, row.ended_at_ms, row.running_ms})
    save.bind(i++, n);
  save.bindNoCopy(i++, row.reason);
  for (auto n : {row.stored_bytes, row.last_event, row.last_report, row.key})
    save.bind(i++, n);
  save.exec();
  save.tryReset();
  if (!row.spec)
    return;
  auto spec = row.spec->SerializeAsString();
  auto options = row.options ? row.options->SerializeAsString() : std::string();
  auto& save_spec = fresh(save_spec_);
  save_spec.bind(1, row.key);
  bind_blob(save_spec, 2, spec);
  if (row.options)
    bind_blob(save_spec, 3, options);
  else
    save_spec.bind(3);
  save_spec.exec();
  save_spec.tryReset();
}

void RowStore::save(std::int64_t experiment, TrialRow& row) {
  auto& save = fresh(row.is_new ? add_trial_ : save_trial_);
  int i = bind_trial(save, row);
  save.bind(i++, experiment);
  save.bind(i++, row.sequence);
  if (row.is_new) {
    save.bindNoCopy(i++, row.id);
    save.bindNoCopy(i++, row.parameters_json);
    save.bindNoCopy(i++, row.origin);
    save.bind(i++, row.created_at_ms);
    save.bind(i++, row.first_event);
  }
  save.exec();
  save.tryReset();
}

void RowStore::save() {
  for (auto& [key, row] : trials_)
    if (row && row->changed)
      save(key.first, *row);
  for (auto& [id, row] : experiments_)
    if (row)
      save(*row);
}

void RowStore::settle() {
  std::erase_if(trials_, [](const auto& entry) {
    const auto& row = entry.second;
    return !row || has_ended(row->state);
  });
  for (auto& [key, row] : trials_)
    row->is_new = row->changed = false;
  experiments_.clear();
}

void RowStore::clear() {
  experiments_.clear();
  trials_.clear();
  // A rolled back replica's name would be a number without a row.
  replicas_.clear();
}

}  // namespace autotune
