// The tuner actor: asks and tells one experiment's Tuner and Assessor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/program_tuner.hpp"
#include "tuner/assessor.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// What the tuner actor computes with. `complete` fills in what a partial set of parameters leaves out.
struct Algorithms {
  std::shared_ptr<Tuner> tuner;  ///< null where it is a program
  std::optional<ProgramTunerSetting> program;
  std::shared_ptr<Assessor> assessor;  ///< null: none
  std::function<Result<Value>(const Value& partial, Sequence sequence)> complete;
};

/// Makes an experiment's; `folder` is where its trials may share files (empty: none).
using MakeAlgorithms = std::function<Result<Algorithms>(
    const pb::ExperimentSpec&, std::int64_t seed, const std::string& folder)>;

/// State of the TUNER actor. What an algorithm throws becomes an error for the experiment; the server lives on.
class TunerState {
 public:
  TunerState(TunerActor::pointer self, Algorithms algorithms);

  TunerActor::behavior_type make_behavior();
  static inline const char* name = "tuner";

 private:
  void tell(Trial& ended);
  Result<Ask> ask(const AskTuner& question);
  void assess(Trial& trial, const Measured& measured);
  Trial* find(Sequence sequence);
  void fail_with(const std::string& reason);

  TunerActor::pointer self_;
  Algorithms algorithms_;
  std::unique_ptr<ProgramTuner> program_;
  std::vector<Trial> running_;  // in order of their beginning
};

}  // namespace autotune
