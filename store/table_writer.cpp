#include "store/table_writer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "store/event_codec.hpp"
#include "store/fault.hpp"
#include "store/metric_codec.hpp"
#include "store/secret_box.hpp"

namespace autotune {
namespace {

constexpr std::int64_t event_overhead_bytes = 16;  // what a row takes beside its payload, measured
constexpr std::int64_t report_bytes = 36;
constexpr std::int64_t trial_bytes = 96;

}  // namespace

TableWriter::TableWriter(SqlDatabase& database, std::filesystem::path key_path)
    : database_(database),
      key_path_(std::move(key_path)),
      rows_(database),
      add_event_(database.prepare(
          "INSERT INTO events (experiment, number, sequence, payload) VALUES ($1, $2, $3, $4)")),
      add_report_(database.prepare(
          "INSERT INTO metrics (experiment, sequence, attempt, replica, line, kind, step, value, "
          "named, at_ms, number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
          "ON CONFLICT DO NOTHING")) {
  auto last = database.prepare(
      "SELECT MAX(n) FROM (SELECT MAX(last_event) AS n FROM experiments "
      "UNION ALL SELECT last_event FROM deleted) AS numbers");
  last->step();
  committed_event_ = last_event_ = last->integer(0);
}

void TableWriter::write(const std::vector<StoreWrite>& writes) {
  for (const auto& write : writes)
    std::visit([this](const auto& one) { apply_write(one); }, write);
  rows_.save();
}

void TableWriter::settle() {
  rows_.settle();
  committed_event_ = last_event_;
}

void TableWriter::forget() {
  rows_.clear();
  last_event_ = committed_event_;
  add_event_->reset();
  add_report_->reset();
}

void TableWriter::apply_write(const AppendEvents& append) {
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

void TableWriter::apply_write(const AddReports& add) {
  if (auto* experiment = rows_.experiment(add.experiment_id))
    add_reports(*experiment, add.reports);
}

void TableWriter::apply_write(const PutSecrets& put) {
  auto box = SecretBox::open_or_create(key_path_);
  if (!box)
    throw StoreFault(box.error().code, box.error().message);
  for (const auto& secret : put.secrets) {
    auto sealed = box->seal(secret.SerializeAsString(), put.experiment_id + "/" + secret.name());
    if (!sealed)
      throw StoreFault(sealed.error().code, sealed.error().message);
    auto save = database_.prepare(
        "INSERT INTO secrets (experiment_id, name, sealed) VALUES ($1, $2, $3) "
        "ON CONFLICT (experiment_id, name) DO UPDATE SET sealed = excluded.sealed");
    save->set_text(1, put.experiment_id);
    save->set_text(2, secret.name());
    save->set_bytes(3, *sealed);
    save->run();
  }
}

void TableWriter::apply_write(const DeleteExperiment& gone) { rows_.remove(gone.experiment_id); }

void TableWriter::apply_write(const TouchRunningTime& touch) {
  if (auto* experiment = rows_.experiment(touch.experiment_id))
    experiment->running_ms = std::max(experiment->running_ms, touch.running_ms);
}

void TableWriter::add_event(ExperimentRow& experiment, const pb::Event& event) {
  auto payload = encode_event(event);
  if (!payload)
    throw StoreFault(payload.error().code, payload.error().message);
  const auto number = ++last_event_;
  const auto sequence = sequence_of(event);
  add_event_->reset();
  add_event_->set(1, experiment.key);
  add_event_->set(2, number);
  if (sequence)
    add_event_->set(3, *sequence);
  else
    add_event_->set_null(3);
  add_event_->set_bytes(4, *payload);
  add_event_->run();
  experiment.last_event = number;
  experiment.stored_bytes += event_overhead_bytes + static_cast<std::int64_t>(payload->size());
  apply_to_rows(experiment, event, sequence, number);
}

void TableWriter::apply_to_rows(ExperimentRow& experiment, const pb::Event& event,
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

void TableWriter::add_reports(ExperimentRow& experiment, const std::vector<pb::Report>& reports) {
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
bool TableWriter::add_report(ExperimentRow& experiment, const pb::Report& report,
                             std::int64_t replica) {
  auto& add = *add_report_;
  add.reset();
  add.set(1, experiment.key);
  add.set(2, report.sequence());
  add.set(3, report.attempt());
  add.set(4, replica);
  add.set(5, report.line());
  add.set(6, report.kind());
  add.set(7, report.step());
  const auto* bare = report.metrics_size() > 0 ? &report.metrics(0) : nullptr;
  for (const auto& metric : report.metrics())
    if (metric.name() == "default")
      bare = &metric;
  if (bare != nullptr && !std::isnan(bare->value()))
    add.set_real(8, bare->value());
  else
    add.set_null(8);
  std::string named;
  if (report.metrics_size() == 1 && bare->name() == "default") {
    add.set_null(9);
  } else {
    named = encode_metrics(report.metrics());
    add.set_bytes(9, named);
  }
  add.set(10, report.at_ms());
  add.set(11, experiment.last_report + 1);
  if (add.run_counted() == 0)
    return false;
  ++experiment.last_report;
  experiment.stored_bytes += report_bytes + static_cast<std::int64_t>(named.size());
  return true;
}

}  // namespace autotune
