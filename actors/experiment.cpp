#include "actors/experiment.hpp"

#include "actors/log.hpp"

namespace autotune {

namespace {

pb::ControlResponse error_response(const Error& error) {
  pb::ControlResponse response;
  response.set_error(error.message);
  response.set_error_code(static_cast<int>(error.code));
  return response;
}

}  // namespace

PlacementNeeds needs_of(const pb::ExperimentSpec& spec, bool strict) {
  PlacementNeeds needs;
  for (const auto& task : spec.training_config().tasks()) {
    const auto& requests = task.container().requests();
    const auto& limits = task.container().limits();
    needs.gpus += task.replicas() * std::max(limits.gpus(), requests.gpus());
    if (strict) {
      needs.cpu += task.replicas() * (requests.cpu() > 0 ? requests.cpu() : limits.cpu());
      needs.memory_bytes += task.replicas() * (requests.memory_bytes() > 0 ? requests.memory_bytes()
                                                                           : limits.memory_bytes());
    }
  }
  return needs;
}

ExperimentState::ExperimentState(ExperimentActor::pointer self, ExperimentContext context,
                                 Replayed replayed)
    : self_(self),
      context_(std::move(context)),
      core_(std::move(replayed.core)),
      history_(std::move(replayed.history)),
      secrets_(std::move(replayed.secrets)) {}

ExperimentActor::behavior_type ExperimentState::make_behavior() {
  return {
      [this](pb::ControlRequest& request) { return command(request); },
      [this](const Suggested& told) {
        if (!told.ask)
          perform(core_->on_tuner_failed(moment(), told.ask.error().message));
        else
          perform(core_->on_suggested(moment(), told.sequence, *told.ask));
      },
      [this](const StopAdvised& told) {
        perform(core_->on_advice(moment(), told.sequence, told.attempt, told.reason));
      },
      [this](const Placed& told) {
        perform(core_->on_placed(moment(), told.sequence, told.node, told.gpus));
      },
      [this](const Waiting& told) {
        perform(core_->on_waiting(moment(), told.sequence, told.why));
      },
      [this](const pb::AttemptNews& told) { perform(core_->on_news(moment(), told)); },
      [this](const pb::AttemptResult& told) { perform(core_->on_result(moment(), told)); },
      [this](const pb::ReportsMessage& told) { perform(core_->on_reports(moment(), told)); },
      [this](const Stored& stored) { on_stored(stored); },
      [this](const DiskFull& told) { perform(core_->on_disk(moment(), told.full)); },
      [this](atom::tick) {
        tick_at_.reset();
        perform(core_->on_tick(moment()));
      },
  };
}

/// Makes the tuner and tells it what there was; once, before the first trial.
Result<void> ExperimentState::begin() {
  if (tuner_)
    return {};
  auto algorithms = context_.make_algorithms(core_->spec(), core_->seed());
  if (!algorithms)
    return tl::unexpected(algorithms.error());
  tuner_ = caf::actor_cast<TunerActor>(
      self_->spawn<caf::stateful_actor<TunerState, TunerActor::base>>(std::move(*algorithms)));
  if (core_->has_assessor())
    compat::send(self_, context_.sink,
                 Subscribe{core_->id(), caf::actor_cast<caf::strong_actor_ptr>(self_)});
  perform(std::move(history_));
  history_.clear();
  return {};
}

caf::result<pb::ControlResponse> ExperimentState::command(pb::ControlRequest& request) {
  auto number = next_request_++;
  auto promise = self_->make_response_promise<pb::ControlResponse>();
  requests_.emplace(number, promise);
  auto effects = carry_out(number, request);
  if (!effects) {
    requests_.erase(number);
    promise.deliver(error_response(effects.error()));
    return promise;
  }
  perform(std::move(*effects));
  return promise;
}

Result<ExperimentEffects> ExperimentState::carry_out(std::uint64_t number,
                                                     const pb::ControlRequest& request) {
  auto now = moment();
  switch (request.what_case()) {
    case pb::ControlRequest::kSubmit: {
      const auto& submit = request.submit();
      secrets_.assign(submit.secrets().begin(), submit.secrets().end());
      auto effects = core_->on_submitted(now, submit.spec(), submit.options(),
                                         submit.spec().has_seed() ? submit.spec().seed() : 0);
      if (auto begun = begin(); !begun)
        return tl::unexpected(begun.error());
      if (!secrets_.empty())
        compat::send(self_, context_.store, Write{0, PutSecrets{core_->id(), secrets_}});
      effects.push_back(Answer{number});
      perform(std::move(effects));
      return core_->on_started(now, false);
    }
    case pb::ControlRequest::kCommand: {
      const auto& command = request.command();
      if (command.verb() == "stop" && command.has_sequence())
        return core_->on_stop_trial(now, number, command.sequence());
      if (command.verb() == "stop" || command.verb() == "stop-now")
        return core_->on_stop(now, number, command.verb() == "stop-now");
      if (command.verb() == "pause")
        return core_->on_pause(now, number);
      if (command.verb() == "resume") {
        if (auto begun = begin(); !begun)
          return tl::unexpected(begun.error());
        return core_->on_resume(now, number);
      }
      return fail(ErrorCode::invalid_argument,
                  "command '" + command.verb() + "' is unknown; known are: stop, pause, resume, delete");
    }
    case pb::ControlRequest::kEnqueue:
      return core_->on_enqueue(now, number, request.enqueue().parameters_json());
    case pb::ControlRequest::kEdit:
      return core_->on_edit(now, number, request.edit().path(), request.edit().value());
    case pb::ControlRequest::kPing: {  // after a replay: go on as if nothing had happened
      if (auto begun = begin(); !begun)
        return tl::unexpected(begun.error());
      auto effects = core_->on_started(now, false);
      if (effects)
        effects->push_back(Answer{number});
      return effects;
    }
    case pb::ControlRequest::WHAT_NOT_SET: break;
  }
  return fail(ErrorCode::invalid_argument, "the request says nothing that this version knows");
}

void ExperimentState::perform(ExperimentEffects effects, std::size_t from) {
  for (std::size_t i = from; i < effects.size(); ++i) {
    if (auto* write = std::get_if<Append>(&effects[i])) {
      ExperimentEffects rest(std::make_move_iterator(effects.begin() + static_cast<std::ptrdiff_t>(i) + 1),
                             std::make_move_iterator(effects.end()));
      append(std::move(*write), std::move(rest));
      break;
    }
    std::visit(
        [this]<class Effect>(Effect& x) {
          if constexpr (std::is_same_v<Effect, Suggest>) {
            compat::send(self_, tuner_, AskTuner{x.sequence, std::move(x.partial)});
          } else if constexpr (std::is_same_v<Effect, TellBegan>) {
            compat::send(self_, tuner_, TrialBegan{std::move(x.trial)});
          } else if constexpr (std::is_same_v<Effect, TellEnded>) {
            compat::send(self_, tuner_, TrialOver{std::move(x.trial)});
          } else if constexpr (std::is_same_v<Effect, Measure>) {
            compat::send(self_, tuner_, Measured{x.sequence, x.attempt, x.measurement, x.assess});
          } else if constexpr (std::is_same_v<Effect, Place>) {
            place(x.sequence);
          } else if constexpr (std::is_same_v<Effect, Unplace>) {
            compat::send(self_, context_.placement, UnplaceTrial{core_->id(), x.sequence});
          } else if constexpr (std::is_same_v<Effect, Launch>) {
            for (const auto& secret : secrets_)
              *x.plan.add_secrets() = secret;
            auto agent = context_.agents.find(x.node);
            if (agent == context_.agents.end())
              agent = context_.agents.begin();  // the node has another name now
            compat::send(self_, agent->second, LaunchAttempt{std::move(x.plan), x.adopt});
          } else if constexpr (std::is_same_v<Effect, StopAttempt>) {
            for (auto& [node, agent] : context_.agents)
              compat::send(self_, agent, StopAttemptRequest{x.key, x.reason, x.hurry});
          } else if constexpr (std::is_same_v<Effect, Release>) {
            for (auto& [node, agent] : context_.agents)
              compat::send(self_, agent, ReleaseAttempt{x.key});
          } else if constexpr (std::is_same_v<Effect, Touch>) {
            compat::send(self_, context_.store,
                         Write{0, TouchRunningTime{core_->id(), x.running_ms}});
          } else if constexpr (std::is_same_v<Effect, Answer>) {
            auto found = requests_.find(x.request);
            if (found == requests_.end())
              return;
            pb::ControlResponse response;
            response.set_experiment_id(core_->id());
            found->second.deliver(std::move(response));
            requests_.erase(found);
          }
        },
        effects[i]);
  }
  schedule_tick();
}

void ExperimentState::append(Append effect, ExperimentEffects rest) {
  auto token = next_token_++;
  WaitingForStore entry{token, {}, std::move(rest)};
  if (context_.watcher)
    entry.events = effect.events;
  waiting_.push_back(std::move(entry));
  compat::send(self_, context_.store,
               Write{token, AppendEvents{core_->id(), std::move(effect.reports),
                                         std::move(effect.events)}});
}

/// The store answers in order, so what waits longest goes on first.
void ExperimentState::on_stored(const Stored& stored) {
  if (waiting_.empty() || waiting_.front().token != stored.token)
    return;
  auto entry = std::move(waiting_.front());
  waiting_.pop_front();
  if (context_.watcher && !entry.events.empty())
    context_.watcher(core_->id(), entry.events);
  perform(std::move(entry.rest));
}

void ExperimentState::place(Sequence sequence) {
  auto needs = needs_of(core_->spec(), context_.strict_resources || core_->options().strict_resources());
  compat::send(self_, context_.placement,
               PlaceTrial{core_->id(), sequence, needs.cpu, needs.memory_bytes, needs.gpus,
                          core_->spec().training_config().queue()});
}

void ExperimentState::schedule_tick() {
  auto now = self_->clock().now();
  auto next = core_->next_tick(now);
  if (!next || (tick_at_ && *tick_at_ <= *next))
    return;
  tick_at_ = *next;
  compat::delayed_send(self_, ExperimentActor(self_), std::max(Time::duration(0), *next - now),
                       atom::tick_v);
}

}  // namespace autotune
