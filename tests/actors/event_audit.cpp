#include "event_audit.hpp"

#include <algorithm>

namespace autotune::test {

namespace {

bool for_good(pb::Phase phase) {
  return phase == pb::PHASE_DONE || phase == pb::PHASE_TIMEOUT || phase == pb::PHASE_ERROR;
}

}  // namespace

void EventAudit::must(bool holds, const pb::Event& event, const std::string& what) {
  if (!holds)
    problems.push_back(what + " at " + event.ShortDebugString());
}

std::int64_t EventAudit::ended() const {
  return std::count_if(trials.begin(), trials.end(),
                       [](const auto& one) { return one.second.ended; });
}

std::int64_t EventAudit::under_way() const {
  return std::count_if(trials.begin(), trials.end(),
                       [](const auto& one) { return one.second.under_way; });
}

bool EventAudit::at_rest() const { return for_good(phase) || phase == pb::PHASE_STOPPED; }

void EventAudit::read(const pb::Event& event) {
  must(phase != pb::PHASE_UNSPECIFIED || event.has_experiment_submitted(), event,
       "submission comes first");
  switch (event.what_case()) {
    case pb::Event::kExperimentSubmitted:
      must(phase == pb::PHASE_UNSPECIFIED, event, "submitted once");
      spec = event.experiment_submitted().spec();
      phase = pb::PHASE_PENDING;
      break;
    case pb::Event::kPhaseChanged: read_phase(event); break;
    case pb::Event::kSpecEdited: {
      auto number = std::stoll(event.spec_edited().value());
      if (event.spec_edited().path() == "spec.trialConcurrency")
        spec.set_trial_concurrency(static_cast<std::int32_t>(number));
      else if (event.spec_edited().path() == "spec.maxTrialNum")
        spec.set_max_trial_num(number);
      else
        spec.set_max_exec_seconds(static_cast<double>(number));
      break;
    }
    default: read_trial(event); break;
  }
}

void EventAudit::read_phase(const pb::Event& event) {
  auto next = event.phase_changed().phase();
  if (at_rest())
    must(next == pb::PHASE_RUNNING, event, "an experiment at rest can only go on");
  bool rests = for_good(next) || next == pb::PHASE_STOPPED;
  must(!rests || under_way() == 0, event, "no attempt is under way in an experiment at rest");
  if (next == pb::PHASE_DONE)
    must(ended() == static_cast<std::int64_t>(trials.size()), event,
         "all trials have ended when it is DONE");
  if (next == pb::PHASE_DONE && event.phase_changed().reason() != "search space exhausted")
    must(ended() >= spec.max_trial_num(), event, "maxTrialNum trials have ended when it is DONE");
  if (next == pb::PHASE_TIMEOUT)
    must(ended() == static_cast<std::int64_t>(trials.size()), event,
         "all trials have ended at TIMEOUT");
  phase = next;
  reason = event.phase_changed().reason();
}

void EventAudit::read_trial(const pb::Event& event) {
  auto at = [&](Sequence sequence) -> Trial& {
    must(trials.count(sequence) > 0, event, "the trial was created");
    must(!trials[sequence].ended, event, "a finished trial stays finished");
    return trials[sequence];
  };
  if (event.has_trial_created()) {
    const auto& created = event.trial_created();
    must(created.sequence() == static_cast<Sequence>(trials.size()), event,
         "sequence numbers have no gap");
    must(phase == pb::PHASE_RUNNING, event, "trials are created while RUNNING");
    trials[created.sequence()];
    must(spec.max_trial_num() == 0 ||
             static_cast<std::int64_t>(trials.size()) <= spec.max_trial_num(),
         event, "no more than maxTrialNum trials are created");
    parameters.push_back(created.parameters_json());
  } else if (event.has_attempt_launched()) {
    auto& trial = at(event.attempt_launched().sequence());
    must(phase == pb::PHASE_RUNNING, event, "trials are launched while RUNNING");
    must(!trial.under_way, event, "one attempt at a time");
    must(event.attempt_launched().attempt() == trial.attempts + 1, event,
         "attempts are numbered from 1");
    trial.under_way = true;
    ++trial.attempts;
    must(under_way() <= spec.trial_concurrency(), event, "no more than trialConcurrency at a time");
  } else if (event.has_attempt_started()) {
    auto& trial = at(event.attempt_started().sequence());
    must(trial.under_way && trial.attempts == event.attempt_started().attempt(), event,
         "what starts was launched");
    trial.state = pb::TRIAL_STATE_RUNNING;
  } else if (event.has_attempt_ended()) {
    auto& trial = at(event.attempt_ended().sequence());
    must(trial.under_way && trial.attempts == event.attempt_ended().attempt(), event,
         "what ends was launched");
    trial.under_way = false;
    trial.last_end = event.attempt_ended();
  } else if (event.has_trial_requeued()) {
    auto& trial = at(event.trial_requeued().sequence());
    must(!trial.under_way, event, "what waits again has ended");
    trial.state = pb::TRIAL_STATE_PENDING;
    trial.retries += event.trial_requeued().costs_retry() ? 1 : 0;
    trial.lost += event.trial_requeued().lost() ? 1 : 0;
    must(trial.retries <= spec.trial_policy().max_retries(), event,
         "no more than maxRetries retries");
    must(trial.lost <= 5, event, "no more than five lost attempts");
  } else if (event.has_trial_ended()) {
    auto& trial = at(event.trial_ended().sequence());
    must(!trial.under_way, event, "an ended trial has no attempt under way");
    trial.ended = true;
    trial.state = event.trial_ended().state();
    trial.final_metrics.assign(event.trial_ended().final_metrics().begin(),
                               event.trial_ended().final_metrics().end());
  } else if (event.has_trial_stop_requested()) {
    at(event.trial_stop_requested().sequence());
  }
}

void EventAudit::close() {
  if (phase == pb::PHASE_DONE && reason.empty() &&
      ended() != std::max<std::int64_t>(spec.max_trial_num(), ended()))
    problems.emplace_back("the total is not maxTrialNum");
  if (static_cast<std::size_t>(ended()) > trials.size())
    problems.emplace_back("more trials ended than were created");
}

}  // namespace autotune::test
