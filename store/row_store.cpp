#include "store/row_store.hpp"

#include <limits>

#include "messages/states.hpp"
#include "store/fault.hpp"

namespace autotune {
namespace {

ExperimentRow read_experiment(SqlStatement& from) {
  ExperimentRow row;
  int i = 0;
  row.key = from.integer(i++);
  row.id = from.text(i++);
  row.name = from.text(i++);
  row.phase = static_cast<pb::Phase>(from.small(i++));
  row.max_trial_num = from.integer(i++);
  row.trial_concurrency = from.small(i++);
  row.objective_metric = from.text(i++);
  row.goal = static_cast<pb::Goal>(from.small(i++));
  row.counts.set_pending(from.integer(i++));
  row.counts.set_running(from.integer(i++));
  row.counts.set_succeeded(from.integer(i++));
  row.counts.set_failed(from.integer(i++));
  row.counts.set_early_stopped(from.integer(i++));
  row.counts.set_killed(from.integer(i++));
  if (!from.is_null(i))
    row.best_sequence = from.integer(i);
  ++i;
  row.best_value = from.real(i++);
  row.created_at_ms = from.integer(i++);
  row.started_at_ms = from.integer(i++);
  row.ended_at_ms = from.integer(i++);
  row.running_ms = from.integer(i++);
  row.reason = from.text(i++);
  row.stored_bytes = from.integer(i++);
  row.last_event = from.integer(i++);
  row.last_report = from.integer(i++);
  return row;
}

TrialRow read_trial(SqlStatement& from, Sequence sequence) {
  TrialRow row;
  int i = 0;
  row.sequence = sequence;
  row.state = static_cast<pb::TrialState>(from.small(i++));
  if (!from.is_null(i))
    row.final_metrics = from.bytes(i);
  ++i;
  row.attempt = from.small(i++);
  row.node = from.text(i++);
  row.started_at_ms = from.integer(i++);
  row.ended_at_ms = from.integer(i++);
  row.reason = from.text(i++);
  row.detail = from.text(i++);
  row.intermediate_count = from.integer(i++);
  row.last_event = from.integer(i++);
  return row;
}

/// The columns that change, in the order of `read_trial`; the next free place is returned.
int set_trial(SqlStatement& to, const TrialRow& row) {
  int i = 1;
  to.set(i++, row.state);
  if (row.final_metrics)
    to.set_bytes(i++, *row.final_metrics);
  else
    to.set_null(i++);
  to.set(i++, row.attempt);
  to.set_text(i++, row.node);
  to.set(i++, row.started_at_ms);
  to.set(i++, row.ended_at_ms);
  to.set_text(i++, row.reason);
  to.set_text(i++, row.detail);
  to.set(i++, row.intermediate_count);
  to.set(i++, row.last_event);
  return i;
}

constexpr const char* load_experiment_sql =
    "SELECT key, id, name, phase, max_trial_num, trial_concurrency, objective_metric, goal, "
    "pending, running, succeeded, failed, early_stopped, killed, best_sequence, best_value, "
    "created_at_ms, started_at_ms, ended_at_ms, running_ms, reason, stored_bytes, last_event, "
    "last_report FROM experiments WHERE id = $1";
constexpr const char* add_experiment_sql =
    "INSERT INTO experiments (id, name, phase, max_trial_num, trial_concurrency, "
    "objective_metric, goal, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING key";
constexpr const char* save_experiment_sql =
    "UPDATE experiments SET phase = $1, max_trial_num = $2, trial_concurrency = $3, pending = $4, "
    "running = $5, succeeded = $6, failed = $7, early_stopped = $8, killed = $9, "
    "best_sequence = $10, best_value = $11, started_at_ms = $12, ended_at_ms = $13, "
    "running_ms = $14, reason = $15, stored_bytes = $16, last_event = $17, last_report = $18 "
    "WHERE key = $19";
constexpr const char* save_spec_sql =
    "INSERT INTO specs (experiment, spec, options) "
    "VALUES ($1, $2, COALESCE($3, (SELECT options FROM specs WHERE experiment = $1))) "
    "ON CONFLICT (experiment) DO UPDATE SET spec = excluded.spec, options = excluded.options";
constexpr const char* load_trial_sql =
    "SELECT state, final_metrics, attempt, node, started_at_ms, ended_at_ms, reason, detail, "
    "intermediate_count, last_event FROM trials WHERE experiment = $1 AND sequence = $2";
constexpr const char* add_trial_sql =
    "INSERT INTO trials (state, final_metrics, attempt, node, started_at_ms, ended_at_ms, reason, "
    "detail, intermediate_count, last_event, experiment, sequence, id, parameters_json, origin, "
    "created_at_ms, first_event) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
    "$14, $15, $16, $17)";
constexpr const char* save_trial_sql =
    "UPDATE trials SET state = $1, final_metrics = $2, attempt = $3, node = $4, "
    "started_at_ms = $5, ended_at_ms = $6, reason = $7, detail = $8, intermediate_count = $9, "
    "last_event = $10 WHERE experiment = $11 AND sequence = $12";

}  // namespace

RowStore::RowStore(SqlDatabase& database)
    : database_(database),
      load_experiment_(database.prepare(load_experiment_sql)),
      add_experiment_(database.prepare(add_experiment_sql)),
      save_experiment_(database.prepare(save_experiment_sql)),
      save_spec_(database.prepare(save_spec_sql)),
      load_trial_(database.prepare(load_trial_sql)),
      add_trial_(database.prepare(add_trial_sql)),
      save_trial_(database.prepare(save_trial_sql)) {}

ExperimentRow* RowStore::experiment(const std::string& id) {
  auto found = experiments_.find(id);
  if (found == experiments_.end()) {
    load_experiment_->reset();
    load_experiment_->set_text(1, id);
    std::optional<ExperimentRow> row;
    if (load_experiment_->step())
      row = read_experiment(*load_experiment_);
    load_experiment_->reset();
    found = experiments_.emplace(id, std::move(row)).first;
  }
  return found->second ? &*found->second : nullptr;
}

ExperimentRow& RowStore::add(ExperimentRow row) {
  auto& add = *add_experiment_;
  add.reset();
  add.set_text(1, row.id);
  add.set_text(2, row.name);
  add.set(3, row.phase);
  add.set(4, row.max_trial_num);
  add.set(5, row.trial_concurrency);
  add.set_text(6, row.objective_metric);
  add.set(7, row.goal);
  add.set(8, row.created_at_ms);
  add.step();
  row.key = add.integer(0);
  add.reset();
  objectives_[row.id] = row.objective;
  auto& place = experiments_[row.id];
  place = std::move(row);
  return *place;
}

TrialRow* RowStore::trial(const ExperimentRow& experiment, Sequence sequence) {
  auto found = trials_.find({experiment.key, sequence});
  if (found == trials_.end()) {
    load_trial_->reset();
    load_trial_->set(1, experiment.key);
    load_trial_->set(2, sequence);
    std::optional<TrialRow> row;
    if (load_trial_->step())
      row = read_trial(*load_trial_, sequence);
    load_trial_->reset();
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
  auto load = database_.prepare("SELECT spec FROM specs WHERE experiment = $1");
  load->set(1, row.key);
  if (!load->step() || !spec.ParseFromString(std::string(load->bytes(0))))
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
  auto add = database_.prepare("INSERT INTO replicas (name) VALUES ($1) ON CONFLICT DO NOTHING");
  add->set_text(1, name);
  add->run();
  auto find = database_.prepare("SELECT key FROM replicas WHERE name = $1");
  find->set_text(1, name);
  find->step();
  auto key = find->integer(0);
  replicas_.emplace(name, key);
  return key;
}

void RowStore::remove(const std::string& id) {
  auto* row = experiment(id);
  auto secrets = database_.prepare("DELETE FROM secrets WHERE experiment_id = $1");
  secrets->set_text(1, id);
  secrets->run();
  if (row == nullptr)
    return;
  auto run = [&](const std::string& sql, std::int64_t value) {
    auto statement = database_.prepare(sql);
    statement->set(1, value);
    statement->run();
  };
  for (const char* table : {"metrics", "events", "trials", "specs"})
    run(std::string("DELETE FROM ") + table + " WHERE experiment = $1", row->key);
  run("DELETE FROM experiments WHERE key = $1", row->key);
  run("UPDATE deleted SET last_event = CASE WHEN last_event < $1 THEN $1 ELSE last_event END",
      row->last_event);
  trials_.erase(trials_.lower_bound({row->key, std::numeric_limits<Sequence>::min()}),
                trials_.upper_bound({row->key, std::numeric_limits<Sequence>::max()}));
  experiments_[id].reset();
  objectives_.erase(id);
}

void RowStore::save(ExperimentRow& row) {
  auto& save = *save_experiment_;
  save.reset();
  int i = 1;
  save.set(i++, row.phase);
  save.set(i++, row.max_trial_num);
  save.set(i++, row.trial_concurrency);
  for (auto n : {row.counts.pending(), row.counts.running(), row.counts.succeeded(),
                 row.counts.failed(), row.counts.early_stopped(), row.counts.killed()})
    save.set(i++, n);
  if (row.best_sequence) {
    save.set(i++, *row.best_sequence);
    save.set_real(i++, row.best_value);
  } else {
    save.set_null(i++);
    save.set_null(i++);
  }
  for (auto n : {row.started_at_ms, row.ended_at_ms, row.running_ms})
    save.set(i++, n);
  save.set_text(i++, row.reason);
  for (auto n : {row.stored_bytes, row.last_event, row.last_report, row.key})
    save.set(i++, n);
  save.run();
  if (!row.spec)
    return;
  auto spec = row.spec->SerializeAsString();
  auto options = row.options ? row.options->SerializeAsString() : std::string();
  save_spec_->reset();
  save_spec_->set(1, row.key);
  save_spec_->set_bytes(2, spec);
  if (row.options)
    save_spec_->set_bytes(3, options);
  else
    save_spec_->set_null(3);
  save_spec_->run();
}

void RowStore::save(std::int64_t experiment, TrialRow& row) {
  auto& save = row.is_new ? *add_trial_ : *save_trial_;
  save.reset();
  int i = set_trial(save, row);
  save.set(i++, experiment);
  save.set(i++, row.sequence);
  if (row.is_new) {
    save.set_text(i++, row.id);
    save.set_text(i++, row.parameters_json);
    save.set_text(i++, row.origin);
    save.set(i++, row.created_at_ms);
    save.set(i++, row.first_event);
  }
  save.run();
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
