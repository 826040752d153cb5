// What each event does to an experiment's state: the same whether it was just recorded or is read back from the store.
#include <algorithm>

#include "actors/experiment_core.hpp"
#include "messages/states.hpp"

namespace autotune {

void ExperimentCore::apply(const pb::Event& event) {
  auto become = [this](Live& live, pb::TrialState state) {
    auto running = (state == pb::TRIAL_STATE_RUNNING ? 1 : 0) -
                   (live.state == pb::TRIAL_STATE_RUNNING ? 1 : 0);
    live.state = state;
    counts_.set_running(counts_.running() + running);
    counts_.set_pending(counts_.pending() - running);
  };
  switch (event.what_case()) {
    case pb::Event::kExperimentSubmitted:
      spec_ = event.experiment_submitted().spec();
      objective_ = Objective(spec_.objective());
      options_ = event.experiment_submitted().options();
      seed_ = event.experiment_submitted().seed();
      phase_ = pb::PHASE_PENDING;
      break;
    case pb::Event::kPhaseChanged:
      phase_ = event.phase_changed().phase();
      reason_ = event.phase_changed().reason();
      break;
    case pb::Event::kTrialCreated: {
      const auto& created = event.trial_created();
      auto& live = live_[created.sequence()];
      live.trial.sequence = created.sequence();
      live.trial.parameters = parse_json(created.parameters_json()).value_or(Value(Object{}));
      live.trial.lineage = created.lineage();
      live.trial.own = created.origin() == "tuner";
      live.id = created.id();
      live.parameters_json = created.parameters_json();
      live.origin = created.origin();
      next_sequence_ = std::max(next_sequence_, created.sequence() + 1);
      if (created.origin() == "initial")
        ++initial_used_;
      else if (created.origin() == "user" && !enqueued_.empty())
        enqueued_.pop_front();
      counts_.set_pending(counts_.pending() + 1);
      break;
    }
    case pb::Event::kAttemptLaunched: {
      auto& live = live_.at(event.attempt_launched().sequence());
      live.attempt = event.attempt_launched().attempt();
      live.node = event.attempt_launched().node();
      live.gpus.assign(event.attempt_launched().gpus().begin(),
                       event.attempt_launched().gpus().end());
      live.launched = true;
      live.launched_running_ms = event.running_ms();
      live.last_lines.clear();
      break;
    }
    case pb::Event::kAttemptStarted:
      become(live_.at(event.attempt_started().sequence()), pb::TRIAL_STATE_RUNNING);
      break;
    case pb::Event::kAttemptEnded:
      live_.at(event.attempt_ended().sequence()).launched = false;
      break;
    case pb::Event::kTrialRequeued: {
      auto& live = live_.at(event.trial_requeued().sequence());
      become(live, pb::TRIAL_STATE_PENDING);
      if (event.trial_requeued().costs_retry())
        ++live.retries;
      else if (event.trial_requeued().lost())
        ++live.lost;
      break;
    }
    case pb::Event::kTrialStopRequested: {
      auto& live = live_.at(event.trial_stop_requested().sequence());
      live.stop = event.trial_stop_requested().by() == "user" ? Stop::user : Stop::assessor;
      live.stop_reason = event.trial_stop_requested().reason();
      break;
    }
    case pb::Event::kTrialEnded: {
      const auto& ended = event.trial_ended();
      auto gone = live_.find(ended.sequence());
      if (gone == live_.end())
        break;
      become(gone->second, pb::TRIAL_STATE_PENDING);
      counts_.set_pending(counts_.pending() - 1);
      live_.erase(gone);
      count_ended(counts_, ended.state());
      break;
    }
    case pb::Event::kNotice:
      quota_reached_ = quota_reached_ || event.notice().text().starts_with(quota_reason);
      break;
    case pb::Event::kTrialEnqueued:
      enqueued_.push_back(event.trial_enqueued().parameters_json());
      break;
    case pb::Event::kWarmStarted: warm_told_ += event.warm_started().trials_size(); break;
    case pb::Event::kSpecEdited: {
      const auto& path = event.spec_edited().path();
      auto value = std::strtod(event.spec_edited().value().c_str(), nullptr);
      if (path == "spec.trialConcurrency")
        spec_.set_trial_concurrency(static_cast<std::int32_t>(value));
      else if (path == "spec.maxTrialNum")
        spec_.set_max_trial_num(static_cast<std::int64_t>(value));
      else if (path == "spec.maxExecSeconds")
        spec_.set_max_exec_seconds(value);
      break;
    }
    default: break;
  }
}

void ExperimentCore::replay(const pb::Event& event, std::vector<Trial>* history) {
  std::optional<Trial> ended;
  if (event.has_trial_ended() && history != nullptr) {
    const auto& end = event.trial_ended();
    auto found = live_.find(end.sequence());
    if (found != live_.end()) {
      ended = std::move(found->second.trial);
      score(*ended, end.final_metrics());
      ended->outcome = end.state() == pb::TRIAL_STATE_SUCCEEDED       ? TrialOutcome::succeeded
                       : end.state() == pb::TRIAL_STATE_EARLY_STOPPED ? TrialOutcome::early_stopped
                       : end.state() == pb::TRIAL_STATE_KILLED        ? TrialOutcome::killed
                                                                      : TrialOutcome::failed;
    }
  }
  if (event.has_warm_started() && history != nullptr)
    for (auto& trial : warm_trials(event.warm_started()))
      history->push_back(std::move(trial));
  apply(event);
  replayed_ = true;
  running_ms_ = std::max(running_ms_, event.running_ms());
  if (ended)
    history->push_back(std::move(*ended));
}

void ExperimentCore::restore_running_ms(std::int64_t running_ms) {
  running_ms_ = std::max(running_ms_, running_ms);
}

}  // namespace autotune
