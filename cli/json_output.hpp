// What scripts read: experiments and trials as JSON (keys of docs/cli.md). Pure: JSON out of facts.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <set>
#include <span>
#include <string>

#include "messages/experiment.pb.h"
#include "messages/ids.hpp"
#include "messages/objective.hpp"
#include "messages/trial.pb.h"
#include "messages/value.hpp"

namespace autotune::cli {

/// "2026-01-01T00:00:00.000Z"; "" for 0, which stands for "not yet".
std::string iso_time(std::int64_t ms);

/// "Succeeded", "EarlyStopped", ...
std::string word_of(pb::TrialState state);
/// "RUNNING", "DONE", ...
std::string word_of(pb::Phase phase);

/// Time between an attempt's start and the trial's end, or `now_ms` while it runs; nothing before the start.
std::optional<std::int64_t> duration_ms(const pb::TrialSummary& trial, std::int64_t now_ms);

/// Parameters as they were written, numbers with their text; a string where they are no JSON.
Value parameters_value(const std::string& parameters_json);
/// {"default": 0.5, "loss": "NaN"}.
Value metrics_value(const Metrics& metrics);

/// One of `get experiments`.
Value to_value(const pb::ExperimentSummary& experiment);

struct TrialJson {
  Objective objective;
  std::int64_t now_ms = 0;   ///< what a running trial's duration ends at
  bool all_metrics = false;  ///< intermediate results with all that was reported (export)
  std::set<Sequence> front;  ///< with several goals: the trials on the front
};

/// One of `get trials`; `intermediate`: its reports of that kind, in order. With constraints it has "feasible" and
/// "violations", with several goals "onFront".
Value to_value(const pb::TrialSummary& trial, std::span<const pb::Report> intermediate,
               const TrialJson& how);

/// {"sequence", "value", "parameters"}.
Value to_value(const pb::Best& best);

/// An array that is written element by element, one a line, so that 100,000 need no memory.
class JsonArray {
 public:
  explicit JsonArray(std::ostream& out) : out_(out) { out_ << "["; }
  void add(const Value& value) {
    out_ << (empty_ ? "\n" : ",\n") << to_json(value);
    empty_ = false;
  }
  void finish() { out_ << (empty_ ? "]" : "\n]"); }

 private:
  std::ostream& out_;
  bool empty_ = true;
};

}  // namespace autotune::cli
