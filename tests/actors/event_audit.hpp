// Judges an experiment's events by rules of its own, without the core that wrote them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "messages/event.pb.h"
#include "messages/ids.hpp"

namespace autotune::test {

/// Reads one experiment's events in order; `problems` says what must not be.
class EventAudit {
 public:
  void read(const pb::Event& event);
  /// After the last event of an experiment that came to rest.
  void close();

  struct Trial {
    bool under_way = false;
    bool ended = false;
    std::int32_t attempts = 0;
    int retries = 0;
    int lost = 0;
    pb::TrialState state = pb::TRIAL_STATE_PENDING;
    std::vector<pb::Metric> final_metrics;
    pb::AttemptEnded last_end;
  };

  pb::ExperimentSpec spec;
  pb::Phase phase = pb::PHASE_UNSPECIFIED;
  std::string reason;
  std::map<Sequence, Trial> trials;
  std::vector<std::string> parameters;  ///< by sequence
  std::vector<std::string> problems;

  std::int64_t ended() const;
  std::int64_t under_way() const;
  bool at_rest() const;

 private:
  void must(bool holds, const pb::Event& event, const std::string& what);
  void read_phase(const pb::Event& event);
  void read_trial(const pb::Event& event);
};

}  // namespace autotune::test
