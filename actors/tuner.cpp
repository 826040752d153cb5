#include "actors/tuner.hpp"

#include <algorithm>

namespace autotune {

TunerState::TunerState(TunerActor::pointer self, Algorithms algorithms)
    : self_(self), algorithms_(std::move(algorithms)) {}

TunerActor::behavior_type TunerState::make_behavior() {
  return {
      [this](const AskTuner& question) {
        compat::send(self_, caf::actor_cast<ExperimentActor>(self_->current_sender()),
                     Suggested{question.sequence, ask(question)});
      },
      [this](TrialBegan& began) {
        if (auto* trial = find(began.trial.sequence))
          *trial = std::move(began.trial);
        else
          running_.push_back(std::move(began.trial));
      },
      [this](TrialOver& over) {
        auto found = std::find_if(running_.begin(), running_.end(), [&](const Trial& trial) {
          return trial.sequence == over.trial.sequence;
        });
        if (found != running_.end()) {
          if (over.trial.intermediates.empty())
            over.trial.intermediates = std::move(found->intermediates);
          running_.erase(found);
        }
        try {
          algorithms_.tuner->tell(over.trial);
          if (algorithms_.assessor && over.trial.sequence >= 0)  // a warm start has no curves
            algorithms_.assessor->tell(over.trial);
        } catch (const std::exception& e) {
          fail_with(e.what());
        }
      },
      [this](const Measured& measured) {
        auto* trial = find(measured.sequence);
        if (trial == nullptr || !algorithms_.assessor)
          return;
        trial->intermediates.push_back(measured.measurement);
        if (!measured.assess)
          return;
        try {
          if (auto reason = algorithms_.assessor->assess(*trial))
            compat::send(self_, caf::actor_cast<ExperimentActor>(self_->current_sender()),
                         StopAdvised{measured.sequence, measured.attempt, *reason});
        } catch (const std::exception& e) {
          fail_with(e.what());
        }
      },
  };
}

Result<Ask> TunerState::ask(const AskTuner& question) {
  try {
    if (!question.partial)
      return algorithms_.tuner->ask(question.sequence, running_);
    auto whole = algorithms_.complete(*question.partial, question.sequence);
    if (!whole)
      return tl::unexpected(whole.error());
    return Ask(Suggestion{algorithms_.tuner->as_tried(std::move(*whole)), ""});
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
