#include "actors/program_tuner_core.hpp"

#include <algorithm>
#include <utility>

namespace autotune {

using Kind = ProgramAnswer::Kind;

ProgramTunerCore::ProgramTunerCore(std::string name, std::string init, Space space,
                                   std::size_t goals, ProgramTunerLimits limits)
    : name_(std::move(name)),
      init_(std::move(init)),
      space_(std::move(space)),
      goals_(goals),
      limits_(limits) {}

std::string ProgramTunerCore::words(const Request& request) {
  switch (request.op) {
    case Op::init: return "`init`";
    case Op::ask: return "`ask` for trial " + std::to_string(request.id);
    case Op::report: return "`report` of trial " + std::to_string(request.id);
    default: return "`tell` of trial " + std::to_string(request.id);
  }
}

// --- from the experiment ------------------------------------------------------------------------------------------

ProgramEffects ProgramTunerCore::on_ask(Time now, Sequence sequence) {
  ProgramEffects effects;
  asked_ = sequence;
  if (failed_) {
    answer(fail(ErrorCode::internal, *failed_), effects);
  } else if (spare_ && spare_->sequence == sequence) {
    answer(Ask(Suggestion{spare_->parameters, ""}), effects);
  } else if (!runs_) {
    start(now, effects);
  } else {
    push(now, {Op::ask, sequence, 0, 0, ""}, effects);
  }
  return effects;
}

/// A suggestion that another set took the place of (the user's, whose trial now has its number) will never be tried.
ProgramEffects ProgramTunerCore::on_began(Time now, const Trial& trial) {
  ProgramEffects effects;
  if (!spare_ || spare_->sequence != trial.sequence)
    return effects;
  auto spare = *std::exchange(spare_, std::nullopt);
  if (spare.parameters == trial.parameters || !runs_)
    return effects;
  Trial cancelled;
  cancelled.sequence = spare.sequence;
  cancelled.parameters = std::move(spare.parameters);
  cancelled.outcome = TrialOutcome::killed;
  push(now, {Op::cancel, trial.sequence, 0, 0, program_tell(cancelled, goals_)}, effects);
  return effects;
}

ProgramEffects ProgramTunerCore::on_over(Time now, const Trial& ended) {
  ProgramEffects effects;
  told_.push_back({ended.sequence, program_tell(ended, goals_)});
  if (runs_)
    push(now, {Op::tell, ended.sequence, told_.size() - 1, 0, ""}, effects);
  return effects;
}

ProgramEffects ProgramTunerCore::on_measured(Time now, Sequence sequence, std::int32_t attempt,
                                             const Measurement& measurement) {
  ProgramEffects effects;
  if (!runs_ || !takes_reports_ || reports_waiting_ >= limits_.reports_waiting_max)
    return effects;
  ++reports_waiting_;
  push(now, {Op::report, sequence, 0, attempt, program_report(sequence, measurement)}, effects);
  return effects;
}

ProgramEffects ProgramTunerCore::on_rest(Time now, bool rests) {
  ProgramEffects effects;
  rests_ = rests;
  if (rests_) {
    end(effects);
    failed_.reset();  // a user who resumes it has done something about it
    restarts_ = 0;
    illegal_ = 0;
    takes_reports_ = true;
  } else if (asked_ && !runs_) {
    start(now, effects);
  }
  return effects;
}

// --- the program --------------------------------------------------------------------------------------------------

/// Starts it and tells it all there was; nothing while the experiment rests, for then it goes on later.
void ProgramTunerCore::start(Time now, ProgramEffects& effects) {
  if (rests_)
    return;
  runs_ = true;
  effects.push_back(StartProgram{++generation_});
  waiting_.push_back({Op::init, 0, 0, 0, ""});
  for (std::size_t i = 0; i < told_.size(); ++i)
    waiting_.push_back({Op::tell, told_[i].id, i, 0, ""});
  if (asked_)
    waiting_.push_back({Op::ask, *asked_, 0, 0, ""});
  pump(now, effects);
}

void ProgramTunerCore::end(ProgramEffects& effects) {
  if (runs_)
    effects.push_back(EndProgram{});
  runs_ = false;
  waiting_.clear();
  under_way_.clear();
  reports_waiting_ = 0;
  deadline_.reset();
}

void ProgramTunerCore::push(Time now, Request request, ProgramEffects& effects) {
  waiting_.push_back(std::move(request));
  pump(now, effects);
}

void ProgramTunerCore::pump(Time now, ProgramEffects& effects) {
  auto begins = [&] { return !under_way_.empty() && under_way_.front().op == Op::init; };
  while (!waiting_.empty() && under_way_.size() < limits_.window && !begins()) {
    auto request = std::move(waiting_.front());
    waiting_.pop_front();
    switch (request.op) {
      case Op::init: effects.push_back(SendLine{init_}); break;
      case Op::ask: effects.push_back(SendLine{program_ask(request.id)}); break;
      case Op::tell: effects.push_back(SendLine{told_[request.told].line}); break;
      default: effects.push_back(SendLine{std::move(request.line)}); break;
    }
    if (under_way_.empty())
      deadline_ = now + limits_.answer;
    under_way_.push_back(std::move(request));
  }
}

ProgramEffects ProgramTunerCore::on_line(Time now, int generation, std::string_view line) {
  ProgramEffects effects;
  if (!runs_ || generation != generation_)
    return effects;
  if (under_way_.empty()) {
    give_up("printed " + quote_json(line.substr(0, 100)) +
                ", though nothing was asked; each request has one line of answer",
            effects);
    return effects;
  }
  auto request = std::move(under_way_.front());
  under_way_.pop_front();
  deadline_ = under_way_.empty() ? std::nullopt : std::optional(now + limits_.answer);
  if (request.op == Op::ask)
    on_suggestion(now, read_suggestion(line, request.id, space_), effects);
  else
    on_agreement(request, read_agreement(line), effects);
  pump(now, effects);
  return effects;
}

void ProgramTunerCore::on_suggestion(Time now, ProgramAnswer answer, ProgramEffects& effects) {
  auto sequence = asked_.value_or(-1);
  switch (answer.kind) {
    case Kind::suggestion:
      restarts_ = 0;
      illegal_ = 0;
      spare_ = Spare{sequence, answer.parameters};
      return this->answer(Ask(Suggestion{std::move(answer.parameters), ""}), effects);
    case Kind::wait: return this->answer(Ask(NotYet{}), effects);
    case Kind::done: return this->answer(Ask(Exhausted{}), effects);
    case Kind::error:
      return give_up(
          "answered `ask` for trial " + std::to_string(sequence) + " with an error: " + answer.text,
          effects);
    case Kind::illegal: break;
    default: return give_up(answer.text, effects);
  }
  // The protocol: it is told as failed, and asked again.
  if (++illegal_ >= limits_.illegal_max)
    return give_up("suggested parameters outside of the search space " + std::to_string(illegal_) +
                       " times in a row: " + answer.text,
                   effects);
  effects.push_back(NoteProgram{"suggested for trial " + std::to_string(sequence) +
                                " what is outside of the search space: " + answer.text});
  Trial illegal;
  illegal.sequence = sequence;
  illegal.parameters = std::move(answer.parameters);
  illegal.outcome = TrialOutcome::failed;
  waiting_.push_back({Op::cancel, sequence, 0, 0, program_tell(illegal, goals_)});
  push(now, {Op::ask, sequence, 0, 0, ""}, effects);
}

void ProgramTunerCore::on_agreement(const Request& request, const ProgramAnswer& answer,
                                    ProgramEffects& effects) {
  if (request.op == Op::report)
    --reports_waiting_;
  switch (answer.kind) {
    case Kind::fine: return;
    case Kind::stop:
      if (request.op == Op::report)
        effects.push_back(AdviseStop{request.id, request.attempt});
      return;
    case Kind::error:
      if (request.op != Op::report)
        return give_up("answered " + words(request) + " with an error: " + answer.text, effects);
      if (takes_reports_)
        effects.push_back(NoteProgram{"takes no reports: " + answer.text});
      takes_reports_ = false;
      return;
    default: return give_up(answer.text, effects);
  }
}

ProgramEffects ProgramTunerCore::on_ended(Time now, int generation, const std::string& how) {
  ProgramEffects effects;
  if (runs_ && generation == generation_)
    died(now, how, effects);
  return effects;
}

ProgramEffects ProgramTunerCore::on_tick(Time now) {
  ProgramEffects effects;
  if (!deadline_ || *deadline_ > now)
    return effects;
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limits_.answer).count();
  died(now,
       "did not answer " + words(under_way_.front()) + " within " + std::to_string(seconds) + " s",
       effects);
  return effects;
}

/// It is started again where it is needed: now for a question that waits, else with the next one.
void ProgramTunerCore::died(Time now, const std::string& how, ProgramEffects& effects) {
  end(effects);
  if (++restarts_ > limits_.restarts_max)
    return give_up(
        how + " (" + std::to_string(restarts_) + " times in a row without a suggestion in between)",
        effects);
  effects.push_back(NoteProgram{how + "; it is started again and told all results"});
  if (asked_)
    start(now, effects);
}

void ProgramTunerCore::give_up(const std::string& why, ProgramEffects& effects) {
  end(effects);
  failed_ = name_ + ": " + why;
  if (!asked_)
    asked_ = -1;
  answer(fail(ErrorCode::internal, *failed_), effects);
}

void ProgramTunerCore::answer(Result<Ask> ask, ProgramEffects& effects) {
  if (auto sequence = std::exchange(asked_, std::nullopt))
    effects.push_back(AnswerAsk{*sequence, std::move(ask)});
}

}  // namespace autotune
