#include "actors/tuner.hpp"

#include <algorithm>

namespace autotune {

TunerState::TunerState(TunerActor::pointer self, Algorithms algorithms)
    : self_(self), algorithms_(std::move(algorithms)) {
  if (algorithms_.program)
    program_ = std::make_unique<ProgramTuner>(self_, *std::move(algorithms_.program));
}

TunerActor::behavior_type TunerState::make_behavior() {
  return {
      [this](const AskTuner& question) {
        if (program_ && !question.partial)
          return program_->ask(self_->current_sender(), question.sequence);
        compat::send(self_, caf::actor_cast<ExperimentActor>(self_->current_sender()),
                     Suggested{question.sequence, ask(question)});
      },
      [this](TrialBegan& began) {
        if (program_)
          program_->began(began.trial);
        if (auto* trial = find(began.trial.sequence))
          *trial = std::move(began.trial);
        else
          running_.push_back(std::move(began.trial));
      },
      [this](TrialOver& over) { tell(over.trial); },
      [this](TrialsBefore& before) {
        for (auto& ended : before.trials)
          tell(ended);
      },
      [this](const Measured& measured) {
        if (auto* trial = find(measured.sequence))
          assess(*trial, measured);
      },
      [this](const TunerRests& told) {
        if (program_)
          program_->rest(told.rests);
      },
      [this](const ProgramSaid& said) { program_->said(said); },
      [this](atom::tick) { program_->tick(); },
  };
}

void TunerState::tell(Trial& ended) {
  auto found = std::find_if(running_.begin(), running_.end(),
                            [&](const Trial& trial) { return trial.sequence == ended.sequence; });
  if (found != running_.end()) {
    if (ended.intermediates.empty())
      ended.intermediates = std::move(found->intermediates);
    running_.erase(found);
  }
  try {
    if (program_)
      program_->over(ended);
    else
      algorithms_.tuner->tell(ended);
    if (algorithms_.assessor && ended.sequence >= 0)  // a warm start has no curves
      algorithms_.assessor->tell(ended);
  } catch (const std::exception& e) {
    fail_with(e.what());
  }
}

void TunerState::assess(Trial& trial, const Measured& measured) {
  if (program_ && measured.assess)
    program_->measured(self_->current_sender(), measured);
  if (!algorithms_.assessor)
    return;
  trial.intermediates.push_back(measured.measurement);
  if (!measured.assess)
    return;
  try {
    if (auto reason = algorithms_.assessor->assess(trial))
      compat::send(self_, caf::actor_cast<ExperimentActor>(self_->current_sender()),
                   StopAdvised{measured.sequence, measured.attempt, *reason});
  } catch (const std::exception& e) {
    fail_with(e.what());
  }
}

Result<Ask> TunerState::ask(const AskTuner& question) {
  try {
    if (!question.partial)
      return algorithms_.tuner->ask(question.sequence, running_);
    auto whole = algorithms_.complete(*question.partial, question.sequence);
    if (!whole)
      return tl::unexpected(whole.error());
    if (algorithms_.tuner)
      *whole = algorithms_.tuner->as_tried(std::move(*whole));
    return Ask(Suggestion{std::move(*whole), ""});
  } catch (const std::exception& e) {
    return fail(ErrorCode::internal, e.what());
  }
}

/// An algorithm that failed while it was told something fails the experiment as one that failed to answer.
void TunerState::fail_with(const std::string& reason) {
  compat::send(self_, caf::actor_cast<ExperimentActor>(self_->current_sender()),
               Suggested{-1, fail(ErrorCode::internal, reason)});
}

Trial* TunerState::find(Sequence sequence) {
  auto found = std::find_if(running_.begin(), running_.end(),
                            [&](const Trial& trial) { return trial.sequence == sequence; });
  return found == running_.end() ? nullptr : &*found;
}

}  // namespace autotune
