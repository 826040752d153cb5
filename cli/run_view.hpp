// What `run` shows: an experiment followed by its events. Pure: text out of facts.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/event.pb.h"
#include "messages/experiment.pb.h"
#include "messages/trial.pb.h"

namespace autotune::cli {

/// An experiment as it is followed.
class RunView {
 public:
  explicit RunView(pb::ExperimentSpec spec);

  /// Trials that there were before (resume).
  void load(const std::vector<pb::TrialSummary>& trials);
  /// A durable event; gives the plain line that says it to a log, or nothing.
  std::optional<std::string> take(const pb::Event& event);
  /// The newest intermediate result of a running trial.
  void set_latest(std::int64_t sequence, double value);

  /// The live table, the progress bar with counts, best so far and time left. `rows_max` lines at most; each cut to
  /// `width` columns. `now_ms`: wall clock.
  std::string draw(int width, int rows_max, std::int64_t now_ms, bool colour) const;

  pb::Phase phase() const { return phase_; }
  const std::string& reason() const { return reason_; }
  std::int64_t succeeded() const { return counts_.succeeded(); }
  const pb::Counts& counts() const { return counts_; }
  std::vector<std::int64_t> running() const;
  struct BestTrial {
    std::int64_t sequence = 0;
    double value = 0;
    std::string parameters_json;
  };
  const std::optional<BestTrial>& best() const { return best_; }

 private:
  struct Row {
    std::int64_t sequence = 0;
    std::string id;
    pb::TrialState state = pb::TRIAL_STATE_PENDING;
    std::string parameters_json;
    std::string reason;
    std::int64_t started_ms = 0;
    std::int64_t ended_ms = 0;
    std::optional<double> latest;
    std::optional<double> final;
  };

  std::string time_left(std::int64_t now_ms) const;
  std::string row_text(const Row& row, std::int64_t now_ms, bool colour) const;
  void end(Row row);
  void recount();
  std::optional<double> objective(
      const google::protobuf::RepeatedPtrField<pb::Metric>& metrics) const;

  pb::ExperimentSpec spec_;
  pb::Phase phase_ = pb::PHASE_PENDING;
  std::string reason_;
  pb::Counts counts_;
  std::map<std::int64_t, Row> live_;
  std::deque<Row> ended_;  // the newest ones
  std::optional<BestTrial> best_;
  std::int64_t ended_here_ = 0;     // ended since we look, for the time left
  std::int64_t first_seen_ms_ = 0;  // wall clock of the first event
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
