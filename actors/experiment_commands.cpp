// Phases, commands, time limits and invariants of an experiment. The life of trials: experiment_core.cpp; what an event
// does to the state: experiment_fold.cpp.
#include <algorithm>
#include <cmath>

#include "actors/experiment_core.hpp"
#include "messages/states.hpp"

namespace autotune {

using std::chrono::milliseconds;

namespace {

std::string_view word_of(pb::Phase phase) {
  std::string_view name = pb::Phase_Name(phase);
  return name.substr(name.find('_') + 1);
}

constexpr auto disk_full_reason = "no space left on the disk that holds the home folder";

}  // namespace

// --- phases -------------------------------------------------------------------------------------------------------

std::int64_t ExperimentCore::running_ms(Time now) const {
  if (!running_since_)
    return running_ms_;
  return running_ms_ + std::chrono::duration_cast<milliseconds>(now - *running_since_).count();
}

bool ExperimentCore::at_rest() const { return autotune::at_rest(phase_); }

void ExperimentCore::change_phase(Moment moment, pb::Phase phase, const std::string& reason) {
  pb::Event event;
  event.mutable_phase_changed()->set_phase(phase);
  event.mutable_phase_changed()->set_reason(reason);
  bool runs = phase == pb::PHASE_RUNNING;
  if (!runs && running_since_) {
    running_ms_ = running_ms(moment.now);
    running_since_.reset();
  }
  record(moment, std::move(event));
  if (runs && !running_since_) {
    running_since_ = moment.now;
    next_touch_ = moment.now + limits_.touch_interval;
  }
}

ExperimentEffects ExperimentCore::on_submitted(Moment moment, pb::ExperimentSpec spec,
                                               pb::RunOptions options, std::int64_t seed,
                                               const pb::WarmStarted& warm_start) {
  pb::Event event;
  auto* submitted = event.mutable_experiment_submitted();
  *submitted->mutable_spec() = std::move(spec);
  *submitted->mutable_options() = std::move(options);
  submitted->set_seed(seed);
  record(moment, std::move(event));
  ExperimentEffects told;
  if (warm_start.trials_size() > 0) {
    for (auto& trial : warm_trials(warm_start))
      told.push_back(TellEnded{std::move(trial)});
    pb::Event warm;
    *warm.mutable_warm_started() = warm_start;
    record(moment, std::move(warm));
  }
  ExperimentEffects effects;
  flush(effects);
  std::move(told.begin(), told.end(), std::back_inserter(effects));
  return effects;
}

std::vector<Trial> ExperimentCore::warm_trials(const pb::WarmStarted& warm_start) const {
  std::vector<Trial> trials;
  for (const auto& warm : warm_start.trials()) {
    Trial trial;
    trial.sequence = -1 - warm_told_ - static_cast<std::int64_t>(trials.size());
    trial.parameters = parse_json(warm.parameters_json()).value_or(Value(Object{}));
    trial.outcome = TrialOutcome::succeeded;
    score(trial, warm.final_metrics());
    trial.own = false;
    trials.push_back(std::move(trial));
  }
  return trials;
}

/// Whether a user may ask to go on: not where the experiment has ended for good.
Result<void> ExperimentCore::may_go_on() const {
  if (!has_ended(phase_))
    return {};
  bool more_trials = spec_.max_trial_num() == 0 || ended() < spec_.max_trial_num();
  bool more_time = spec_.max_exec_seconds() == 0 ||
                   static_cast<double>(running_ms_) < spec_.max_exec_seconds() * 1000;
  if (reason_ == exhausted_reason)
    return fail(ErrorCode::failed_precondition, "experiment " + id_ + " has ended (" +
                                                    std::string(word_of(phase_)) + ": " + reason_ +
                                                    "): its tuner has nothing more to try");
  if (more_trials && more_time)
    return {};
  return fail(ErrorCode::failed_precondition,
              "experiment " + id_ + " has ended (" + std::string(word_of(phase_)) +
                  (reason_.empty() ? "" : ": " + reason_) +
                  "); raise spec.maxTrialNum or spec.maxExecSeconds with `autotune edit`, "
                  "then resume it");
}

Hold ExperimentCore::held_places() const {
  Hold hold;
  for (const auto& [sequence, live] : live_)
    if (live.launched)
      hold.held.push_back({sequence, live.node, live.gpus});
  return hold;
}

Result<ExperimentEffects> ExperimentCore::on_started(Moment moment, bool resume) {
  if (auto possible = may_go_on(); resume && !possible)
    return tl::unexpected(possible.error());
  ExperimentEffects effects;
  if (replayed_ && !started_)
    effects.push_back(held_places());
  started_ = true;
  if (has_ended(phase_) && !resume)
    return effects;
  if (phase_ != pb::PHASE_RUNNING && (resume || phase_ == pb::PHASE_PENDING))
    change_phase(moment, pb::PHASE_RUNNING, "");
  else if (phase_ == pb::PHASE_RUNNING && !running_since_) {
    running_since_ = moment.now;
    next_touch_ = moment.now + limits_.touch_interval;
  }
  for (auto& [sequence, live] : live_) {
    effects.push_back(TellBegan{live.trial});
    if (!live.launched)
      continue;
    after_flush_.push_back(Launch{make_plan(live, moment.now), live.node, true});
    if (live.stop != Stop::none)
      after_flush_.push_back(StopAttempt{{id_, sequence, live.attempt}, live.stop_reason, false});
  }
  end_when_out_of_time(moment, effects);
  return conclude(moment, std::move(effects));
}

void ExperimentCore::wind_up(Winding winding, const std::string& reason, bool hurry,
                             ExperimentEffects& effects) {
  winding_ = winding;
  winding_reason_ = reason;
  hurry_ = hurry_ || hurry;
  const char* why = winding == Winding::stopped   ? "stopped with its experiment"
                    : winding == Winding::timeout ? "its experiment ran out of time"
                                                  : "its experiment ended";
  // What ends needs no event first, so a full disk does not hold it up; but what is launched is launched first.
  bool launches = std::any_of(after_flush_.begin(), after_flush_.end(), [](const auto& effect) {
    return std::holds_alternative<Launch>(effect);
  });
  if (launches)
    flush(effects);
  for (auto& [sequence, live] : live_) {
    if (live.placing)
      effects.push_back(Unplace{sequence});
    live.placing = false;
    if (live.launched)
      effects.push_back(StopAttempt{{id_, sequence, live.attempt}, why, hurry_});
  }
}

void ExperimentCore::finish_winding(Moment moment, ExperimentEffects& effects) {
  for (const auto& [sequence, live] : live_)
    if (live.launched)
      return;
  auto winding = winding_;
  if (winding == Winding::timeout || winding == Winding::error) {
    while (!live_.empty())
      end_trial(
          moment, live_.begin()->second, pb::TRIAL_STATE_KILLED,
          winding == Winding::timeout ? "its experiment ran out of time" : "its experiment ended",
          {}, effects);
  }
  auto phase = winding == Winding::stopped   ? pb::PHASE_STOPPED
               : winding == Winding::timeout ? pb::PHASE_TIMEOUT
               : winding == Winding::error   ? pb::PHASE_ERROR
                                             : pb::PHASE_DONE;
  winding_ = Winding::none;
  hurry_ = false;
  change_phase(moment, phase, winding_reason_);
  flush(effects);
  for (auto request : stop_requests_)
    effects.push_back(Answer{request});
  stop_requests_.clear();
}

ExperimentEffects ExperimentCore::on_tick(Moment moment) {
  ExperimentEffects effects;
  if (next_touch_ && *next_touch_ <= moment.now && running_since_) {
    next_touch_ = moment.now + limits_.touch_interval;
    effects.push_back(Touch{running_ms(moment.now)});
  }
  end_when_out_of_time(moment, effects);
  return conclude(moment, std::move(effects));
}

void ExperimentCore::end_when_out_of_time(Moment moment, ExperimentEffects& effects) {
  auto limit_ms = spec_.max_exec_seconds() * 1000;
  if (phase_ != pb::PHASE_RUNNING || winding_ != Winding::none || limit_ms <= 0 ||
      static_cast<double>(running_ms(moment.now)) < limit_ms)
    return;
  effects.push_back(
      Touch{running_ms(moment.now)});  // a restart in the midst of this must not give it more time
  wind_up(Winding::timeout, "maxExecSeconds passed", false, effects);
}

std::optional<Time> ExperimentCore::next_tick(Time now) const {
  std::optional<Time> next;
  auto earlier = [&](Time time) { next = next ? std::min(*next, time) : time; };
  if (held_since_)
    earlier(*held_since_ + limits_.hold);
  if (phase_ != pb::PHASE_RUNNING)
    return next;
  if (next_touch_)
    earlier(*next_touch_);
  if (spec_.max_exec_seconds() > 0 && winding_ == Winding::none) {
    auto left = spec_.max_exec_seconds() * 1000 - static_cast<double>(running_ms(now));
    earlier(now +
            milliseconds(std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(left)))));
  }
  if (backing_off_until_ && *backing_off_until_ > now)
    for (const auto& [sequence, live] : live_)
      if (live.not_before && !live.launched && *live.not_before > now)
        earlier(*live.not_before);
  return next;
}

ExperimentEffects ExperimentCore::on_storage(Moment moment, std::int64_t used_bytes) {
  storage_used_ = used_bytes;
  if (quota_reached_ || spec_.storage_bytes() <= 0 || used_bytes < spec_.storage_bytes())
    return {};
  pb::Event event;
  event.mutable_notice()->set_text(
      std::string(quota_reason) + ": metrics and logs take " + std::to_string(used_bytes) + " of " +
      std::to_string(spec_.storage_bytes()) + " bytes (spec.storage); logs are cut to " +
      std::to_string(limits_.log_bytes_min) + " bytes from here on, results are kept");
  event.mutable_notice()->set_sequence(-1);
  record(moment, std::move(event));
  ExperimentEffects effects;
  flush(effects);
  return conclude(moment, std::move(effects));
}

ExperimentEffects ExperimentCore::on_disk(Moment moment, bool full) {
  disk_full_ = full;
  if (full && phase_ == pb::PHASE_RUNNING)
    change_phase(moment, pb::PHASE_PAUSED, disk_full_reason);
  else if (!full && phase_ == pb::PHASE_PAUSED && reason_ == disk_full_reason)
    change_phase(moment, pb::PHASE_RUNNING, "");
  return conclude(moment, {});
}

// --- commands -----------------------------------------------------------------------------------------------------

Result<ExperimentEffects> ExperimentCore::on_stop(Moment moment, std::uint64_t request,
                                                  bool hurry) {
  ExperimentEffects effects;
  if (at_rest()) {
    effects.push_back(Answer{request});
    return effects;
  }
  stop_requests_.push_back(request);
  if (winding_ == Winding::none || hurry)
    wind_up(winding_ == Winding::none ? Winding::stopped : winding_,
            winding_ == Winding::none ? "stopped by the user" : winding_reason_, hurry, effects);
  return conclude(moment, std::move(effects));
}

Result<ExperimentEffects> ExperimentCore::on_pause(Moment moment, std::uint64_t request) {
  if (at_rest())
    return fail(ErrorCode::failed_precondition,
                "experiment " + id_ + " does not run (" + std::string(word_of(phase_)) + ")");
  if (phase_ != pb::PHASE_PAUSED ||
      reason_ == disk_full_reason)  // room on the disk must not end a user's pause
    change_phase(moment, pb::PHASE_PAUSED, "paused by the user");
  after_flush_.push_back(Answer{request});
  return conclude(moment, {});
}

Result<ExperimentEffects> ExperimentCore::on_resume(Moment moment, std::uint64_t request) {
  if (winding_ != Winding::none)
    return fail(ErrorCode::failed_precondition,
                "experiment " + id_ + " is being stopped; resume it when that is over");
  if (phase_ == pb::PHASE_PAUSED && disk_full_)
    return fail(
        ErrorCode::resource_exhausted,
        "experiment " + id_ + " waits for disk space and goes on by itself when there is some");
  if (auto possible = may_go_on(); !possible)
    return tl::unexpected(possible.error());
  after_flush_.push_back(Answer{request});
  if (!started_ || at_rest())
    return on_started(moment, true);
  if (phase_ == pb::PHASE_PAUSED)
    change_phase(moment, pb::PHASE_RUNNING, "");
  return conclude(moment, {});
}

Result<ExperimentEffects> ExperimentCore::on_stop_trial(Moment moment, std::uint64_t request,
                                                        Sequence sequence) {
  auto found = live_.find(sequence);
  if (found == live_.end()) {
    if (sequence < 0 || sequence >= next_sequence_)
      return fail(ErrorCode::not_found,
                  "experiment " + id_ + " has no trial " + std::to_string(sequence));
    return fail(ErrorCode::failed_precondition,
                "trial " + id_ + "/" + std::to_string(sequence) + " has ended");
  }
  auto& live = found->second;
  ExperimentEffects effects;
  after_flush_.push_back(Answer{request});
  if (live.launched) {
    pb::Event event;
    auto* stop = event.mutable_trial_stop_requested();
    stop->set_sequence(sequence);
    stop->set_by("user");
    stop->set_reason("stopped by the user");
    record(moment, std::move(event));
    after_flush_.push_back(
        StopAttempt{{id_, sequence, live.attempt}, "stopped by the user", false});
  } else {
    if (live.placing)
      effects.push_back(Unplace{sequence});
    end_trial(moment, live, pb::TRIAL_STATE_KILLED, "stopped by the user", {}, effects);
  }
  return conclude(moment, std::move(effects));
}

Result<ExperimentEffects> ExperimentCore::on_enqueue(Moment moment, std::uint64_t request,
                                                     const std::string& parameters_json) {
  if (auto possible = may_go_on(); !possible)
    return tl::unexpected(possible.error());
  pb::Event event;
  event.mutable_trial_enqueued()->set_parameters_json(parameters_json);
  record(moment, std::move(event));
  after_flush_.push_back(Answer{request});
  return conclude(moment, {});
}

Result<ExperimentEffects> ExperimentCore::on_edit(Moment moment, std::uint64_t request,
                                                  const std::string& path,
                                                  const std::string& value) {
  static constexpr const char* known[] = {"spec.trialConcurrency", "spec.maxTrialNum",
                                          "spec.maxExecSeconds"};
  if (std::find(std::begin(known), std::end(known), path) == std::end(known))
    return fail(ErrorCode::invalid_argument,
                "'" + path +
                    "' cannot be changed while an experiment exists; what can: "
                    "spec.trialConcurrency, spec.maxTrialNum, spec.maxExecSeconds");
  auto number = Value(Number{value}).to_integer();
  constexpr std::int64_t trial_concurrency_max = 100000;
  if (!number || *number <= 0 || (path == known[0] && *number > trial_concurrency_max))
    return fail(ErrorCode::invalid_argument,
                path + " wants a whole number greater than 0, not '" + value + "'");
  pb::Event event;
  event.mutable_spec_edited()->set_path(path);
  event.mutable_spec_edited()->set_value(value);
  record(moment, std::move(event));
  after_flush_.push_back(Answer{request});
  return conclude(moment, {});
}

// --- invariants ---------------------------------------------------------------------------------------------------

std::vector<std::string> ExperimentCore::check_invariants() const {
  std::vector<std::string> broken;
  auto must = [&](bool holds, const char* what) {
    if (!holds)
      broken.emplace_back(what);
  };
  must(ended() + static_cast<std::int64_t>(live_.size()) == next_sequence_,
       "every sequence number is a live or an ended trial");
  must(counts_.pending() + counts_.running() == static_cast<std::int64_t>(live_.size()),
       "pending and running add up to the live trials");
  must(!has_ended(phase_) || occupied() == 0, "nothing runs in an experiment that has ended");
  must(phase_ != pb::PHASE_DONE || live_.empty(), "a DONE experiment has no live trial");
  must(phase_ != pb::PHASE_STOPPED || occupied() == 0, "nothing runs in a STOPPED experiment");
  must(counts_.running() <= occupied(), "a running trial has an attempt");
  must(!started_ || (phase_ == pb::PHASE_RUNNING) == running_since_.has_value(),
       "the clock of maxExecSeconds runs while RUNNING and only then");
  return broken;
}

}  // namespace autotune
