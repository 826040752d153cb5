#include "actors/experiment.hpp"

#include <algorithm>
#include <filesystem>

#include "actors/log.hpp"
#include "launchers/process.hpp"
#include "launchers/process_tree.hpp"

namespace autotune {

namespace {

pb::ControlResponse error_response(const Error& error) {
  pb::ControlResponse response;
  response.set_error(error.message);
  response.set_error_code(static_cast<int>(error.code));
  return response;
}

}  // namespace

PlacementNeeds needs_of(const pb::ExperimentSpec& spec, const pb::RunOptions& options,
                        bool strict) {
  PlacementNeeds needs;
  const auto& launcher = spec.launcher().kind();
  bool scheduled_elsewhere = launcher == "kubernetes";  // labels and claims are of nodes there
  bool mounts = launcher != "simulated";
  for (const auto& task : spec.training_config().tasks()) {
    const auto& requests = task.container().requests();
    const auto& limits = task.container().limits();
    needs.gpus += task.replicas() * std::max(limits.gpus(), requests.gpus());
    if (strict) {
      needs.cpu += task.replicas() * (requests.cpu() > 0 ? requests.cpu() : limits.cpu());
      needs.memory_bytes += task.replicas() * (requests.memory_bytes() > 0 ? requests.memory_bytes()
                                                                           : limits.memory_bytes());
    }
    if (scheduled_elsewhere)
      continue;
    for (const auto& [name, amount] : requests.others())
      if (amount > 0)
        needs.others[name] += task.replicas() * amount;
    for (const auto& [name, value] : task.node_selector())
      needs.labels.emplace(name, value);
    for (const auto& volume : task.volumes())
      if (mounts && !volume.claim_name().empty() &&
          options.volumes().count(volume.claim_name()) == 0)
        needs.claims.insert(volume.claim_name());
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
          perform(core_->on_tuner_failed(moment(), told.sequence, told.ask.error().message));
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
      [this](const StorageUsed& told) { perform(core_->on_storage(moment(), told.bytes)); },
      [this](atom::tick) {
        if (!tick_at_ || self_->clock().now() < *tick_at_)
          return;  // one that an earlier tick has overtaken; each would go on for ever
        tick_at_.reset();
        perform(core_->on_tick(moment()));
      },
  };
}

/// Makes the tuner and tells it what there was; once, before the first trial.
Result<void> ExperimentState::begin() {
  if (tuner_)
    return {};
  auto folder = context_.folder_of ? context_.folder_of(core_->id()) : std::string();
  auto algorithms = context_.make_algorithms(core_->spec(), core_->seed(), folder);
  if (!algorithms)
    return tl::unexpected(algorithms.error());
  spawn_tuner(*std::move(algorithms), folder);
  if (core_->wants_measures())
    compat::send(self_, context_.sink,
                 Subscribe{core_->id(), caf::actor_cast<caf::strong_actor_ptr>(self_)});
  if (!history_.empty())
    compat::send(self_, tuner_, TrialsBefore{std::move(history_)});
  history_.clear();
  return {};
}

/// One that is a program has a thread of its own, and ends with the experiment.
void ExperimentState::spawn_tuner(Algorithms algorithms, const std::string& folder) {
  using Impl = caf::stateful_actor<TunerState, TunerActor::base>;
  if (!algorithms.program) {
    tuner_ = caf::actor_cast<TunerActor>(self_->spawn<Impl>(std::move(algorithms)));
    return;
  }
  auto& child = algorithms.program->child;
  child.folder = core_->options().folder();
  child.environment = own_environment();
  child.environment.push_back("AUTOTUNE_EXPERIMENT_ID=" + core_->id());
  child.environment.push_back("AUTOTUNE_EXPERIMENT_NAME=" + core_->spec().name());
  if (!folder.empty())
    child.log = std::filesystem::path(folder) / "tuner.log";
  pb::ReplicaKey key;
  key.set_experiment_id(core_->id());
  key.set_sequence(-1);
  child.marker = marker_of(folder, key);
  tuner_ = caf::actor_cast<TunerActor>(
      self_->spawn<Impl, caf::linked + caf::detached>(std::move(algorithms)));
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

/// An experiment that was replayed and is not at rest may have trials that run: they are found before a command is
/// carried out, so that a stop finds them too.
Result<void> ExperimentState::adopt_first(const pb::ControlRequest& request) {
  bool starts_by_itself = request.has_submit() || request.has_ping() ||
                          (request.has_command() && request.command().verb() == "resume");
  if (core_->has_started() || core_->at_rest() || starts_by_itself)
    return {};
  if (auto begun = begin(); !begun)
    return begun;
  auto effects = core_->on_started(moment(), false);
  if (!effects)
    return tl::unexpected(effects.error());
  perform(std::move(*effects));
  return {};
}

Result<ExperimentEffects> ExperimentState::carry_out(std::uint64_t number,
                                                     const pb::ControlRequest& request) {
  auto now = moment();
  if (auto ready = adopt_first(request); !ready)
    return tl::unexpected(ready.error());
  switch (request.what_case()) {
    case pb::ControlRequest::kSubmit: {
      const auto& submit = request.submit();
      secrets_.assign(submit.secrets().begin(), submit.secrets().end());
      auto effects = core_->on_submitted(now, submit.spec(), submit.options(),
                                         submit.spec().has_seed() ? submit.spec().seed() : 0,
                                         submit.warm_start());
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
      return fail(
          ErrorCode::invalid_argument,
          "command '" + command.verb() + "' is unknown; known are: stop, pause, resume, delete");
    }
    case pb::ControlRequest::kEnqueue:
      return core_->on_enqueue(now, number, request.enqueue().parameters_json());
    case pb::ControlRequest::kEdit:
      return core_->on_edit(now, number, request.edit().path(), request.edit().value());
    case pb::ControlRequest::kPing: {  // after a replay: go on as if nothing had happened
      Result<ExperimentEffects> effects;
      if (!core_->has_started()) {
        if (auto begun = begin(); !begun)
          return tl::unexpected(begun.error());
        effects = core_->on_started(now, false);
      }
      if (effects)
        effects->push_back(Answer{number});
      return effects;
    }
    case pb::ControlRequest::kListNodes:  // not an experiment's
    case pb::ControlRequest::kDrain:
    case pb::ControlRequest::WHAT_NOT_SET: break;
  }
  return fail(ErrorCode::invalid_argument, "the request says nothing that this version knows");
}

/// Appends go to the store at once and in order; what must not happen before they are durable waits for them.
void ExperimentState::perform(ExperimentEffects effects) {
  bool after_append = false;
  std::vector<AttemptKey> cancelled;
  for (auto& effect : effects) {
    const auto* stop = std::get_if<StopAttempt>(&effect);
    if (auto* write = std::get_if<Append>(&effect)) {
      append(std::move(*write));
      after_append = true;
    } else if (stop != nullptr && !after_append && cancel_launch(stop->key)) {
      cancelled.push_back(stop->key);
    } else if (!waiting_.empty() && must_wait(effect, after_append)) {
      waiting_.back().rest.push_back(std::move(effect));
    } else {
      act(effect);
    }
  }
  for (const auto& key : cancelled) {
    pb::AttemptResult result;
    result.set_experiment_id(key.experiment_id);
    result.set_sequence(key.sequence);
    result.set_attempt(key.attempt);
    result.set_outcome("Stopped");
    result.set_reason("stopped before it was started");
    perform(core_->on_result(moment(), result));
  }
  schedule_tick();
}

/// The tuner and placement hear of things in the order in which they were decided. What others may see, or what a
/// crash could leave half done, waits. A stop that was decided without an event needs none, so a full disk does not
/// hold it up; but it never overtakes the launch of what it stops.
bool ExperimentState::must_wait(const ExperimentEffect& effect, bool after_append) const {
  if (const auto* stop = std::get_if<StopAttempt>(&effect)) {
    auto launches_it = [&](const ExperimentEffect& one) {
      const auto* launch = std::get_if<Launch>(&one);
      return launch != nullptr && launch->plan.sequence() == stop->key.sequence;
    };
    return after_append || std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& entry) {
             return std::any_of(entry.rest.begin(), entry.rest.end(), launches_it);
           });
  }
  return std::holds_alternative<Launch>(effect) || std::holds_alternative<Release>(effect) ||
         std::holds_alternative<Answer>(effect);
}

/// True where that attempt's launch still waited for the store: then it does not take place.
bool ExperimentState::cancel_launch(const AttemptKey& key) {
  for (auto& entry : waiting_) {
    auto found =
        std::find_if(entry.rest.begin(), entry.rest.end(), [&](const ExperimentEffect& one) {
          const auto* launch = std::get_if<Launch>(&one);
          return launch != nullptr && !launch->adopt && launch->plan.sequence() == key.sequence &&
                 launch->plan.attempt() == key.attempt;
        });
    if (found == entry.rest.end())
      continue;
    entry.rest.erase(found);
    return true;
  }
  return false;
}

void ExperimentState::act(ExperimentEffect& effect) {
  std::visit(
      [this]<class Effect>(Effect& x) {
        if constexpr (std::is_same_v<Effect, Append>) {
          append(std::move(x));
        } else if constexpr (std::is_same_v<Effect, Suggest>) {
          compat::send(self_, tuner_, AskTuner{x.sequence, std::move(x.partial)});
        } else if constexpr (std::is_same_v<Effect, TellBegan>) {
          compat::send(self_, tuner_, TrialBegan{std::move(x.trial)});
        } else if constexpr (std::is_same_v<Effect, TellEnded>) {
          compat::send(self_, tuner_, TrialOver{std::move(x.trial)});
        } else if constexpr (std::is_same_v<Effect, Measure>) {
          compat::send(self_, tuner_, Measured{x.sequence, x.attempt, x.measurement, x.assess});
        } else if constexpr (std::is_same_v<Effect, Place>) {
          const auto& config = core_->spec().training_config();
          compat::send(self_, context_.placement,
                       PlaceTrial{core_->id(), x.sequence, needs(), config.queue(),
                                  priority_of(config.priority())});
        } else if constexpr (std::is_same_v<Effect, Unplace>) {
          compat::send(self_, context_.placement, UnplaceTrial{core_->id(), x.sequence, x.lost});
        } else if constexpr (std::is_same_v<Effect, Hold>) {
          compat::send(self_, context_.placement,
                       HoldPlaces{core_->id(), core_->spec().training_config().queue(), needs(),
                                  std::move(x.held)});
        } else if constexpr (std::is_same_v<Effect, Launch>) {
          launch(x);
        } else if constexpr (std::is_same_v<Effect, StopAttempt>) {
          stop(x);
        } else if constexpr (std::is_same_v<Effect, Release>) {
          compat::send(self_, context_.attempts, ReleaseAttempt{x.key});
        } else if constexpr (std::is_same_v<Effect, Touch>) {
          compat::send(self_, context_.store,
                       Write{0, TouchRunningTime{core_->id(), x.running_ms}});
        } else if constexpr (std::is_same_v<Effect, Answer>) {
          answer(x.request, {});
        }
      },
      effect);
}

void ExperimentState::launch(Launch& effect) {
  for (const auto& secret : secrets_)
    *effect.plan.add_secrets() = secret;
  compat::send(self_, context_.attempts,
               LaunchAttempt{std::move(effect.plan), effect.adopt, std::move(effect.node),
                             caf::actor_cast<caf::strong_actor_ptr>(self_)});
}

void ExperimentState::stop(StopAttempt& effect) {
  compat::send(self_, context_.attempts,
               StopAttemptRequest{effect.key, effect.reason, effect.hurry});
}

void ExperimentState::answer(std::uint64_t request, pb::ControlResponse response) {
  auto found = requests_.find(request);
  if (found == requests_.end())
    return;
  response.set_experiment_id(core_->id());
  found->second.deliver(std::move(response));
  requests_.erase(found);
}

void ExperimentState::append(Append effect) {
  auto token = next_token_++;
  WaitingForStore entry{token, {}, {}};
  if (context_.watcher)
    entry.events = effect.events;
  waiting_.push_back(std::move(entry));
  compat::send(
      self_, context_.store,
      Write{token, AppendEvents{core_->id(), std::move(effect.reports), std::move(effect.events)}});
}

/// The store answers in order, so what waits longest goes on first.
void ExperimentState::on_stored(const Stored& stored) {
  if (waiting_.empty() || waiting_.front().token != stored.token)
    return;
  if (stored.error)
    return start_over(*stored.error);
  auto entry = std::move(waiting_.front());
  waiting_.pop_front();
  if (context_.watcher && !entry.events.empty())
    context_.watcher(core_->id(), entry.events);
  if (context_.on_durable)
    context_.on_durable(core_->id());
  for (auto& effect : entry.rest)
    act(effect);
  schedule_tick();
}

/// What was decided will never be durable, so it has not happened: control replays what is.
void ExperimentState::start_over(const Error& error) {
  log::error("append-refused", "experiment={} error={}", core_->id(), error.message);
  while (!requests_.empty())
    answer(requests_.begin()->first, error_response(error));
  self_->quit(caf::make_error(caf::sec::runtime_error, error.message));
}

PlacementNeeds ExperimentState::needs() const {
  return needs_of(core_->spec(), core_->options(),
                  context_.strict_resources || core_->options().strict_resources());
}

/// An experiment with a quota is measured while it is not at rest.
void ExperimentState::watch_storage() {
  bool wanted = core_->spec().storage_bytes() > 0 && context_.measure_storage && !core_->at_rest();
  if (wanted == static_cast<bool>(meter_))
    return;
  if (!wanted) {
    self_->send_exit(meter_, caf::exit_reason::user_shutdown);
    meter_ = nullptr;
    return;
  }
  auto meter = self_->spawn<caf::stateful_actor<StorageMeterState, StorageMeterActor::base>,
                            caf::linked + caf::detached>(ExperimentActor(self_), core_->id(),
                                                         context_.measure_storage);
  meter_ = caf::actor_cast<StorageMeterActor>(meter);
  compat::send(self_, meter_, atom::tick_v);
}

/// A tuner that is a program runs only while its experiment does.
void ExperimentState::watch_tuner() {
  if (!tuner_ || tuner_rests_ == core_->at_rest())
    return;
  tuner_rests_ = core_->at_rest();
  compat::send(self_, tuner_, TunerRests{tuner_rests_});
}

void ExperimentState::schedule_tick() {
  watch_storage();
  watch_tuner();
  auto now = self_->clock().now();
  auto next = core_->next_tick(now);
  if (!next || (tick_at_ && *tick_at_ <= *next))
    return;
  tick_at_ = *next;
  compat::delayed_send(self_, ExperimentActor(self_), std::max(Time::duration(0), *next - now),
                       atom::tick_v);
}

}  // namespace autotune
