#include "actors/program_tuner.hpp"

#include <algorithm>

#include "actors/log.hpp"

namespace autotune {

namespace {

std::string name_of(const std::vector<std::string>& command) {
  std::string text = "the program '";
  for (std::size_t i = 0; i < command.size(); ++i)
    text += (i == 0 ? "" : " ") + command[i];
  return text + "'";
}

}  // namespace

Result<ProgramTunerSetting> program_setting(const pb::ExperimentSpec& spec, std::int64_t seed,
                                            Space space) {
  auto init = program_init(spec, seed);
  if (!init)
    return tl::unexpected(init.error());
  std::vector<std::string> command(spec.tuner().command().begin(), spec.tuner().command().end());
  auto goals = static_cast<std::size_t>(std::max(1, spec.objective().goals_size()));
  return ProgramTunerSetting{command, *std::move(init), std::move(space), goals, {}, {}};
}

ProgramTuner::ProgramTuner(TunerActor::pointer self, ProgramTunerSetting setting)
    : self_(self),
      options_(std::move(setting.child)),
      core_(name_of(setting.command), std::move(setting.init), std::move(setting.space),
            setting.goals, setting.limits) {
  options_.argv = std::move(setting.command);
}

void ProgramTuner::ask(const caf::strong_actor_ptr& client, Sequence sequence) {
  client_ = caf::actor_cast<caf::actor_addr>(client);
  perform(core_.on_ask(now(), sequence));
}

void ProgramTuner::measured(const caf::strong_actor_ptr& client, const Measured& measured) {
  client_ = caf::actor_cast<caf::actor_addr>(client);
  perform(core_.on_measured(now(), measured.sequence, measured.attempt, measured.measurement));
}

void ProgramTuner::said(const ProgramSaid& said) {
  if (said.ended)
    perform(core_.on_ended(now(), said.generation, said.text));
  else
    perform(core_.on_line(now(), said.generation, said.text));
}

void ProgramTuner::tick() {
  tick_at_.reset();
  perform(core_.on_tick(now()));
}

template <class Message>
void ProgramTuner::tell_client(Message message) {
  if (auto client = caf::actor_cast<caf::strong_actor_ptr>(client_))
    compat::send(self_, caf::actor_cast<ExperimentActor>(client), std::move(message));
}

void ProgramTuner::perform(ProgramEffects effects) {
  for (auto& effect : effects) {
    if (const auto* begin = std::get_if<StartProgram>(&effect)) {
      start(begin->generation);
    } else if (const auto* send = std::get_if<SendLine>(&effect)) {
      if (child_)
        child_->send(send->line);
    } else if (std::holds_alternative<EndProgram>(effect)) {
      child_.reset();
    } else if (auto* answer = std::get_if<AnswerAsk>(&effect)) {
      tell_client(Suggested{answer->sequence, std::move(answer->ask)});
    } else if (const auto* advice = std::get_if<AdviseStop>(&effect)) {
      tell_client(StopAdvised{advice->sequence, advice->attempt, "the tuner's program says so"});
    } else if (const auto* note = std::get_if<NoteProgram>(&effect)) {
      log::warn("tuner-program", "program={} {}", options_.argv.front(), note->text);
    }
  }
  auto next = core_.next_tick();
  if (!next || (tick_at_ && *tick_at_ <= *next))
    return;
  tick_at_ = *next;
  compat::delayed_send(self_, TunerActor(self_), std::max(Time::duration(0), *next - now()),
                       atom::tick_v);
}

void ProgramTuner::start(int generation) {
  child_.reset();
  auto options = options_;
  auto say = [me = self_->address(), generation](std::string text, bool ended) {
    if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(me))
      compat::anon_send(caf::actor_cast<TunerActor>(strong),
                        ProgramSaid{generation, std::move(text), ended});
  };
  options.on_line = [say](std::string line) { say(std::move(line), false); };
  options.on_end = [say](std::string how) { say(std::move(how), true); };
  child_ = std::make_unique<LineProgram>(std::move(options));
}

}  // namespace autotune
