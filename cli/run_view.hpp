// What `run` shows: an experiment followed by its events. Pure: text out of facts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/event.pb.h"
#include "messages/experiment.pb.h"
#include "messages/objective.hpp"
#include "messages/trial.pb.h"

namespace autotune::cli {

/// An experiment as it is followed.
class RunView {
 public:
  /// Rows of ended trials that are kept: more than any terminal shows.
  static constexpr std::size_t ended_rows_kept = 200;

  explicit RunView(pb::ExperimentSpec spec);

  /// Trials that there were before (resume).
  void load(const std::vector<pb::TrialSummary>& trials);
  /// The same for one goal without constraints: counts and best are the experiment's, so that `newest` may leave out
  /// all ended trials but the last `ended_rows_kept`.
  void load(const pb::ExperimentSummary& experiment, const std::vector<pb::TrialSummary>& newest);
  /// A durable event; gives the plain line that says it to a log, or nothing.
  std::optional<std::string> take(const pb::Event& event);
  /// The newest intermediate result of a running trial.
  void set_latest(std::int64_t sequence, const Metrics& metrics);

  /// The live table, the progress bar with counts, best so far (with several goals the size of the front) and time left. `rows_max` lines at most; each cut to
  /// `width` columns. `now_ms`: wall clock.
  std::string draw(int width, int rows_max, std::int64_t now_ms, bool colour) const;

  pb::Phase phase() const { return phase_; }
  const std::string& reason() const { return reason_; }
  std::int64_t succeeded() const { return counts_.succeeded(); }
  const pb::Counts& counts() const { return counts_; }
  std::vector<std::int64_t> running() const;
  /// What has come out, in lines for the end of a run: the best trial, the front (at most `rows_max` of its trials), or
  /// by what the nearest trial breaks the constraints. `id`: the experiment's.
  std::string outcome(const std::string& id, std::size_t rows_max) const;

 private:
  struct BestTrial {
    std::int64_t sequence = 0;
    double value = 0;
    double loss = 0;
    std::string parameters_json;
  };
  struct Row {
    std::int64_t sequence = 0;
    std::string id;
    pb::TrialState state = pb::TRIAL_STATE_PENDING;
    std::string parameters_json;
    std::string reason;
    std::int64_t started_ms = 0;
    std::int64_t ended_ms = 0;
    std::optional<double> latest;
    Metrics finals;
  };

  std::string time_left(std::int64_t now_ms) const;
  std::string row_text(const Row& row, std::int64_t now_ms, bool colour) const;
  void end(Row row);
  void recount();
  void rank(const Row& row);
  bool on_front(std::int64_t sequence) const;
  std::size_t column_width(const std::string& metric) const;
  std::string heading() const;
  std::string nearest_line() const;
  std::string best_line(const std::function<std::string(const std::string&)>& bold) const;
  std::string finals_text(const Metrics& finals) const;

  pb::ExperimentSpec spec_;
  Objective objective_;
  pb::Phase phase_ = pb::PHASE_PENDING;
  std::string reason_;
  pb::Counts counts_;
  std::map<std::int64_t, Row> live_;
  std::deque<Row> ended_;          // the newest ones
  std::optional<BestTrial> best_;  // with one goal: of those that keep the constraints
  // Not kept for one goal without constraints. Until a trial is feasible it holds those that come nearest.
  ParetoFront front_;
  std::map<std::int64_t, pb::TrialSummary> members_;  // of the front
  std::int64_t ended_here_ = 0;                       // ended since we look, for the time left
  std::int64_t first_seen_ms_ = 0;                    // wall clock of the first event
  std::int64_t running_ms_ = 0;
  std::int64_t running_as_of_ms_ = 0;
};

/// "1.3s", "2m 05s", "1h 02m".
std::string duration_text(std::int64_t ms);
/// A metric in at most six significant digits.
std::string metric_text(double value);
/// "lr: 0.1, units: 16" without quotes where none are needed; `brief`: numbers in at most six significant digits.
std::string parameters_text(const std::string& parameters_json, bool brief = false);

}  // namespace autotune::cli
