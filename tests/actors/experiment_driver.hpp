// Drives an ExperimentCore by hand: every effect becomes a short word, so that a test compares lists of words.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/experiment_core.hpp"

namespace autotune::test {

using Words = std::vector<std::string>;
using Finals = std::vector<std::pair<std::string, double>>;

/// "created 0 tuner", "launched 0/1", "ended 0/1 Failed", "phase DONE: search space exhausted", ...
std::string word_of(const pb::Event& event);
/// "append[created 0 tuner, launched 0/1]", "launch 0/1", "stop 0/1: reason", "suggest 0", "tell ended 0 = 0.5", ...
std::string word_of(const ExperimentEffect& effect);

/// A small spec: one worker, `trials` trials, `concurrency` of them at a time.
pb::ExperimentSpec small_spec(std::int64_t trials, int concurrency);

/// One core on a clock that the test moves. After each step it checks the core's invariants, keeps the events as a
/// store would, and checks that a core which replays them stands where the living one does.
class ExperimentDriver {
 public:
  explicit ExperimentDriver(pb::ExperimentSpec spec);

  /// Submitted and started: trial 0 has been asked for.
  Words start();
  Words suggest(Sequence sequence, const std::string& parameters_json = R"({"x":1})");
  Words place(Sequence sequence, const std::string& node = "here");
  /// suggest, place and the supervisor's word that it runs.
  void run_trial(Sequence sequence, std::int32_t attempt = 1);
  Words began(Sequence sequence, std::int32_t attempt = 1);
  /// An attempt's result; `value` absent: no final result was reported.
  Words result(Sequence sequence, std::int32_t attempt, const std::string& outcome,
               std::optional<double> value = std::nullopt, const std::string& reason = "");
  /// An attempt's result with a final result of several metrics.
  Words ended(Sequence sequence, std::int32_t attempt, const std::string& outcome,
              const Finals& finals, const std::string& reason = "");
  Words tick();
  /// Moves the clock to when the core next wants it, and ticks.
  Words next();
  void pass(std::chrono::milliseconds time) { now += time; }

  Words did(ExperimentEffects effects);
  Words did(Result<ExperimentEffects> effects);
  Moment moment() const;
  /// A core that has read what was appended: what a restart would give.
  ExperimentCore replayed(std::vector<Trial>* history = nullptr) const;
  /// Goes on with a replayed core, as after a crash; what was told to the old one alone is forgotten.
  Words restart(bool resume);

  Time now{};
  ExperimentCore core;
  std::vector<pb::Event> events;

 private:
  void check() const;

  pb::ExperimentSpec spec_;
};

}  // namespace autotune::test
