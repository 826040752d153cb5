#include "memory_store.hpp"

#include <algorithm>

namespace autotune::test {

namespace {

using Experiment = MemoryDatabase::Experiment;

const pb::ExperimentSubmitted& submitted(const Experiment& experiment) {
  return experiment.events.front().event.experiment_submitted();
}

class MemoryWriter final : public StoreWriter {
 public:
  MemoryWriter(std::shared_ptr<MemoryDatabase> database, std::shared_ptr<bool> alive)
      : database_(std::move(database)), alive_(std::move(alive)) {}

  Result<void> commit(const std::vector<StoreWrite>& writes) override {
    if (alive_ && !*alive_)
      return fail(ErrorCode::unavailable, "this process was killed");
    if (database_->fault)
      if (auto works = database_->fault(writes); !works)
        return works;
    if (auto legal = check(writes); !legal)
      return legal;
    for (const auto& write : writes)
      std::visit([this](const auto& one) { apply(one); }, write);
    ++database_->commits;
    return {};
  }

  Result<void> restore_reserve() override {
    if (database_->room && !database_->room())
      return fail(ErrorCode::resource_exhausted, "no room for the reserve");
    return {};
  }

 private:
  /// All or nothing: whatever the writes would trip over is found before the first is applied.
  Result<void> check(const std::vector<StoreWrite>& writes) {
    std::set<std::string> submitted_now;
    std::set<std::pair<std::string, Sequence>> created_now;
    for (const auto& write : writes) {
      const auto* append = std::get_if<AppendEvents>(&write);
      if (append == nullptr)
        continue;
      const auto* known = database_->find(append->experiment_id);
      for (const auto& event : append->events) {
        if (event.has_experiment_submitted() &&
            (known != nullptr || !submitted_now.insert(append->experiment_id).second))
          return fail(ErrorCode::already_exists, "experiment " + append->experiment_id + " exists");
        if (!event.has_trial_created())
          continue;
        auto sequence = event.trial_created().sequence();
        bool there =
            known != nullptr &&
            std::any_of(known->events.begin(), known->events.end(), [&](const auto& stored) {
              return stored.event.has_trial_created() &&
                     stored.event.trial_created().sequence() == sequence;
            });
        if (there || !created_now.insert({append->experiment_id, sequence}).second)
          return fail(ErrorCode::internal,
                      "trial " + std::to_string(sequence) + " was created twice");
      }
    }
    return {};
  }

  void apply(const AppendEvents& append) {
    auto* experiment = database_->find(append.experiment_id);
    if (experiment == nullptr) {
      if (append.events.empty() || !append.events.front().has_experiment_submitted())
        return;
      database_->experiments.emplace_back().id = append.experiment_id;
      experiment = &database_->experiments.back();
    }
    add(*experiment, append.reports);
    for (const auto& event : append.events) {
      experiment->events.push_back({++database_->last_number, event});
      experiment->running_ms = std::max(experiment->running_ms, event.running_ms());
      if (database_->on_event)
        database_->on_event(append.experiment_id, event);
    }
  }

  void apply(const AddReports& write) {
    if (auto* experiment = database_->find(write.experiment_id))
      add(*experiment, write.reports);
  }

  void apply(const PutSecrets& put) { database_->secrets[put.experiment_id] = put.secrets; }

  void apply(const DeleteExperiment& gone) {
    std::erase_if(database_->experiments,
                  [&](const auto& one) { return one.id == gone.experiment_id; });
    database_->secrets.erase(gone.experiment_id);
  }

  void apply(const TouchRunningTime& touch) {
    if (auto* experiment = database_->find(touch.experiment_id))
      experiment->running_ms = std::max(experiment->running_ms, touch.running_ms);
  }

  void add(Experiment& experiment, const std::vector<pb::Report>& reports) {
    for (const auto& report : reports)
      if (experiment.known
              .insert({report.sequence(), report.attempt(), report.replica(), report.line()})
              .second)
        experiment.reports.push_back(report);
  }

  std::shared_ptr<MemoryDatabase> database_;
  std::shared_ptr<bool> alive_;
};

class MemoryReader final : public StoreReader {
 public:
  explicit MemoryReader(std::shared_ptr<MemoryDatabase> database)
      : database_(std::move(database)) {}

  Result<std::vector<pb::ExperimentSummary>> experiments() override {
    std::vector<pb::ExperimentSummary> all;
    for (const auto& experiment : database_->experiments)
      all.push_back(summary(experiment));
    return all;
  }

  Result<pb::ExperimentSummary> experiment(const std::string& id_or_name) override {
    auto found = find(id_or_name);
    if (!found)
      return tl::unexpected(found.error());
    return summary(**found);
  }

  Result<std::vector<pb::TrialSummary>> trials(const std::string& id) override {
    auto found = find(id);
    if (!found)
      return tl::unexpected(found.error());
    std::map<Sequence, pb::TrialSummary> all;
    for (const auto& [number, event] : (*found)->events) {
      if (event.has_trial_created()) {
        auto& trial = all[event.trial_created().sequence()];
        trial.set_sequence(event.trial_created().sequence());
        trial.set_id(event.trial_created().id());
        trial.set_parameters_json(event.trial_created().parameters_json());
        trial.set_state(pb::TRIAL_STATE_PENDING);
      } else if (event.has_attempt_launched()) {
        all[event.attempt_launched().sequence()].set_attempt(event.attempt_launched().attempt());
      } else if (event.has_attempt_started()) {
        all[event.attempt_started().sequence()].set_state(pb::TRIAL_STATE_RUNNING);
      } else if (event.has_trial_requeued()) {
        all[event.trial_requeued().sequence()].set_state(pb::TRIAL_STATE_PENDING);
      } else if (event.has_trial_ended()) {
        auto& trial = all[event.trial_ended().sequence()];
        trial.set_state(event.trial_ended().state());
        trial.set_reason(event.trial_ended().reason());
        *trial.mutable_final_metrics() = event.trial_ended().final_metrics();
      }
    }
    std::vector<pb::TrialSummary> rows;
    for (auto& [sequence, trial] : all)
      rows.push_back(std::move(trial));
    return rows;
  }

  Result<pb::TrialSummary> trial(const std::string& id, Sequence sequence) override {
    auto all = trials(id);
    if (!all)
      return tl::unexpected(all.error());
    for (auto& one : *all)
      if (one.sequence() == sequence)
        return one;
    return fail(ErrorCode::not_found,
                "experiment " + id + " has no trial " + std::to_string(sequence));
  }

  Result<Front> front(const std::string& id) override {
    auto found = find(id);
    auto rows = trials(id);
    if (!found || !rows)
      return tl::unexpected(found ? rows.error() : found.error());
    return front_of(Objective(submitted(**found).spec().objective()), *rows);
  }

  Result<std::vector<pb::Report>> reports(const std::string& id, std::optional<Sequence> sequence,
                                          pb::ReportKind kind) override {
    auto found = find(id);
    auto rows = trials(id);
    if (!found || !rows)
      return tl::unexpected(found ? rows.error() : found.error());
    std::map<Sequence, std::int32_t> newest;
    for (const auto& row : *rows)
      newest[row.sequence()] = row.attempt();
    std::vector<pb::Report> all;
    for (const auto& report : (*found)->reports)
      if ((!sequence || *sequence == report.sequence()) &&
          newest[report.sequence()] == report.attempt() &&
          (kind == pb::REPORT_KIND_UNSPECIFIED || kind == report.kind()))
        all.push_back(report);
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.sequence() < b.sequence(); });
    return all;
  }

  Result<std::optional<pb::Report>> last_report(const std::string& id, Sequence sequence) override {
    auto all = reports(id, sequence, pb::REPORT_KIND_INTERMEDIATE);
    if (!all)
      return tl::unexpected(all.error());
    return all->empty() ? std::optional<pb::Report>() : all->back();
  }

  Result<std::int64_t> last_report_line(const AttemptKey& attempt,
                                        const std::string& replica) override {
    std::int64_t last = 0;
    if (const auto* experiment = database_->find(attempt.experiment_id))
      for (const auto& report : experiment->reports)
        if (report.sequence() == attempt.sequence && report.attempt() == attempt.attempt &&
            report.replica() == replica)
          last = std::max(last, report.line());
    return last;
  }

  Result<std::vector<StoredEvent>> events(const std::string& id,
                                          std::optional<Sequence> sequence) override {
    auto found = find(id);
    if (!found)
      return tl::unexpected(found.error());
    if (sequence)
      return fail(ErrorCode::invalid_argument, "this store does not pick the events of one trial");
    return (*found)->events;
  }

  Result<void> for_each_event(const std::string& id,
                              const std::function<void(const pb::Event&)>& visit) override {
    auto found = find(id);
    if (!found)
      return tl::unexpected(found.error());
    for (const auto& stored : (*found)->events)
      visit(stored.event);
    return {};
  }

  Result<std::vector<pb::SecretDocument>> secrets(const std::string& id) override {
    auto found = database_->secrets.find(id);
    return found == database_->secrets.end() ? std::vector<pb::SecretDocument>() : found->second;
  }

  Result<std::int64_t> stored_bytes(const std::string&) override { return 0; }

 private:
  Result<const Experiment*> find(const std::string& id) {
    if (const auto* found = database_->find(id))
      return found;
    return fail(ErrorCode::not_found, "there is no experiment '" + id + "'");
  }

  static pb::ExperimentSummary summary(const Experiment& experiment) {
    pb::ExperimentSummary row;
    row.set_id(experiment.id);
    row.set_name(submitted(experiment).spec().name());
    *row.mutable_spec() = submitted(experiment).spec();
    *row.mutable_options() = submitted(experiment).options();
    row.set_running_ms(experiment.running_ms);
    row.set_phase(pb::PHASE_PENDING);
    for (const auto& [number, event] : experiment.events)
      if (event.has_phase_changed()) {
        row.set_phase(event.phase_changed().phase());
        row.set_reason(event.phase_changed().reason());
      }
    return row;
  }

  std::shared_ptr<MemoryDatabase> database_;
};

}  // namespace

MemoryDatabase::Experiment* MemoryDatabase::find(const std::string& id_or_name) {
  for (auto& experiment : experiments)
    if (experiment.id == id_or_name)
      return &experiment;
  for (auto i = experiments.rbegin(); i != experiments.rend(); ++i)
    if (submitted(*i).spec().name() == id_or_name)
      return &*i;
  return nullptr;
}

std::unique_ptr<StoreWriter> memory_writer(std::shared_ptr<MemoryDatabase> database,
                                           std::shared_ptr<bool> alive) {
  return std::make_unique<MemoryWriter>(std::move(database), std::move(alive));
}

std::unique_ptr<StoreReader> memory_reader(std::shared_ptr<MemoryDatabase> database) {
  return std::make_unique<MemoryReader>(std::move(database));
}

}  // namespace autotune::test
