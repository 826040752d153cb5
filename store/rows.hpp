// Rows of experiments and trials as plain structs, and what each event does to them: pure, without SQL.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "messages/event.pb.h"
#include "messages/ids.hpp"
#include "messages/objective.hpp"
#include "messages/result.hpp"
#include "store/metric_codec.hpp"

namespace autotune {

struct ExperimentRow {
  std::int64_t key = 0;
  std::string id;
  std::string name;
  pb::Phase phase = pb::PHASE_PENDING;
  std::int64_t max_trial_num = 0;
  std::int32_t trial_concurrency = 0;
  std::string objective_metric = "default";
  pb::Goal goal = pb::GOAL_MAXIMIZE;
  std::shared_ptr<const Objective> objective;  ///< null until a trial's end asks for it
  pb::Counts counts;
  std::optional<Sequence>
      best_sequence;  ///< with several goals there is none, but a front (store/front.hpp)
  double best_value = 0;
  std::int64_t created_at_ms = 0;
  std::int64_t started_at_ms = 0;
  std::int64_t ended_at_ms = 0;
  std::int64_t running_ms = 0;
  std::string reason;
  std::int64_t stored_bytes = 0;
  std::int64_t last_event = 0;   ///< number of its newest event
  std::int64_t last_report = 0;  ///< number of its newest report

  bool is_new = false;
  /// The spec to store; absent where it stays as it is.
  std::optional<pb::ExperimentSpec> spec;
  std::optional<pb::RunOptions> options;
};

struct TrialRow {
  Sequence sequence = 0;
  std::string id;  ///< this and the next two are set at its creation alone
  std::string parameters_json;
  std::string origin;
  pb::TrialState state = pb::TRIAL_STATE_PENDING;
  std::optional<std::string> final_metrics;  ///< `encode_metrics`
  std::int32_t attempt = 0;
  std::string node;
  std::int64_t created_at_ms = 0;
  std::int64_t started_at_ms = 0;
  std::int64_t ended_at_ms = 0;
  std::string reason;
  std::string detail;
  std::int64_t intermediate_count = 0;
  std::int64_t first_event = 0;
  std::int64_t last_event = 0;

  bool is_new = false;
  bool changed = false;
};

/// The row of a submitted experiment.
ExperimentRow row_of(const std::string& id, const pb::Event& event);

/// The row of a created trial; counted as pending in its experiment.
TrialRow row_of(const pb::Event& event, ExperimentRow& experiment);

/// What an event that creates nothing does to its experiment and, where it is about one, its trial. An event of
/// an older attempt does nothing. `SpecEdited` is for `edit`. A trial's end needs the experiment's objective.
void apply(const pb::Event& event, ExperimentRow& experiment, TrialRow* trial);

/// Writes an edited value into a spec and its row. False where the path or the value is none that can be edited:
/// spec.maxTrialNum, spec.trialConcurrency, spec.maxExecSeconds.
bool edit(const pb::SpecEdited& edited, pb::ExperimentSpec& spec, ExperimentRow& row);

}  // namespace autotune
