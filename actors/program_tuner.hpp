// A tuner that is a program, as the tuner actor has it: the core, the child, and the way between them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/program_tuner_core.hpp"
#include "launchers/line_program.hpp"

namespace autotune {

/// What such a tuner is made from.
struct ProgramTunerSetting {
  std::vector<std::string> command;
  std::string init;  ///< its first line
  Space space;
  std::size_t goals = 1;     ///< how many values a trial has
  LineProgramOptions child;  ///< but for what is called back
  ProgramTunerLimits limits;
};

/// Belongs to a tuner actor with a thread of its own: the child's end may take a moment.
class ProgramTuner {
 public:
  ProgramTuner(TunerActor::pointer self, ProgramTunerSetting setting);

  /// `client`: the experiment, which gets what comes of it.
  void ask(const caf::strong_actor_ptr& client, Sequence sequence);
  void began(const Trial& trial) { perform(core_.on_began(now(), trial)); }
  void over(const Trial& ended) { perform(core_.on_over(now(), ended)); }
  void measured(const caf::strong_actor_ptr& client, const Measured& measured);
  void rest(bool rests) { perform(core_.on_rest(now(), rests)); }
  void said(const ProgramSaid& said);
  void tick();

 private:
  Time now() const { return self_->clock().now(); }
  void perform(ProgramEffects effects);
  void start(int generation);
  template <class Message>
  void tell_client(Message message);

  TunerActor::pointer self_;
  LineProgramOptions options_;
  ProgramTunerCore core_;
  caf::actor_addr client_;  // an address keeps nobody alive
  std::unique_ptr<LineProgram> child_;
  std::optional<Time> tick_at_;
};

/// The setting of a spec whose tuner is a program; the child's folder, log and marker are for the experiment to fill in.
Result<ProgramTunerSetting> program_setting(const pb::ExperimentSpec& spec, std::int64_t seed,
                                            Space space);

}  // namespace autotune
