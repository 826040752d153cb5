#include "actors/control.hpp"

#include <algorithm>
#include <unordered_set>

#include "actors/log.hpp"
#include "messages/states.hpp"

namespace autotune {

namespace {

constexpr auto request_timeout =
    std::chrono::minutes(10);  // a stop waits for the graces of all trials
constexpr int deaths_max = 3;  // an experiment that dies again and again would die for ever

pb::ControlResponse error_response(const Error& error) {
  pb::ControlResponse response;
  response.set_error(error.message);
  response.set_error_code(static_cast<int>(error.code));
  return response;
}

std::string id_in(const pb::ControlRequest& request) {
  switch (request.what_case()) {
    case pb::ControlRequest::kCommand: return request.command().experiment_id();
    case pb::ControlRequest::kEnqueue: return request.enqueue().experiment_id();
    case pb::ControlRequest::kEdit: return request.edit().experiment_id();
    default: return "";
  }
}

/// One line of `get nodes`: what placement counts, and what the node's agent said of itself.
pb::NodeSummary summary_of(const NodeView& view, const pb::ControlResponse& heard) {
  pb::NodeSummary summary;
  for (const auto& node : heard.nodes())
    if (node.node().name() == view.capacity.name)
      summary = node;
  if (!summary.has_node()) {  // the head's own machine
    summary.mutable_node()->set_name(view.capacity.name);
    summary.mutable_node()->set_cpu(view.capacity.cpu);
    summary.mutable_node()->set_memory_bytes(view.capacity.memory_bytes);
    *summary.mutable_node()->mutable_gpus() = {view.capacity.gpus.begin(),
                                               view.capacity.gpus.end()};
    summary.set_state("Ready");
  }
  summary.set_cpu_free(view.cpu_free);
  summary.set_memory_free(view.memory_free_bytes);
  *summary.mutable_gpus_free() = {view.gpus_free.begin(), view.gpus_free.end()};
  summary.clear_running();
  for (const auto& [experiment, sequence] : view.trials) {
    auto* running = summary.add_running();
    running->set_experiment_id(experiment);
    running->set_sequence(sequence);
  }
  return summary;
}

pb::ControlResponse summaries_of(const std::vector<NodeView>& views,
                                 const pb::ControlResponse& heard) {
  pb::ControlResponse response;
  std::set<std::string> placed_on;
  for (const auto& view : views) {
    *response.add_nodes() = summary_of(view, heard);
    placed_on.insert(view.capacity.name);
  }
  for (const auto& node : heard.nodes())
    if (placed_on.count(node.node().name()) == 0)
      *response.add_nodes() = node;  // it has not joined this head yet
  return response;
}

/// Intermediate results of ended trials, which an assessor is told again.
Result<void> add_intermediates(StoreReader& reader, const std::string& id, Replayed& replayed) {
  auto reports = reader.reports(id, std::nullopt, pb::REPORT_KIND_INTERMEDIATE);
  if (!reports)
    return tl::unexpected(reports.error());
  std::unordered_map<Sequence, std::vector<Measurement>> by_trial;
  for (const auto& report : *reports)
    if (auto measurement = measurement_of(report, replayed.core->objective()))
      by_trial[report.sequence()].push_back(*measurement);
  for (auto& ended : replayed.history)
    ended.intermediates = std::move(by_trial[ended.sequence]);
  return {};
}

}  // namespace

Result<Replayed> replay(StoreReader& reader, const std::string& experiment_id,
                        ExperimentLimits limits) {
  auto summary = reader.experiment(experiment_id);
  if (!summary)
    return tl::unexpected(summary.error());
  Replayed replayed;
  replayed.core = std::make_shared<ExperimentCore>(summary->id(), limits);
  auto folded = reader.for_each_event(summary->id(), [&](const pb::Event& event) {
    replayed.core->replay(event, &replayed.history);
  });
  if (!folded)
    return tl::unexpected(folded.error());
  replayed.core->restore_running_ms(summary->running_ms());
  auto secrets = reader.secrets(summary->id());
  if (!secrets)
    return tl::unexpected(secrets.error());
  replayed.secrets = std::move(*secrets);
  if (replayed.core->has_assessor())
    if (auto added = add_intermediates(reader, summary->id(), replayed); !added)
      return tl::unexpected(added.error());
  return replayed;
}

ControlState::ControlState(ControlActor::pointer self, ControlContext context)
    : self_(self), context_(std::move(context)), random_(context_.id_seed) {}

ControlActor::behavior_type ControlState::make_behavior() {
  return {
      [this](pb::ControlRequest& request) { return handle(request); },
      [this](pb::Query& query) -> caf::result<pb::QueryAnswer> {
        return compat::delegate(self_, context_.query, std::move(query));
      },
      [this](pb::Watch& watch) -> caf::result<pb::EventBatch> {
        return compat::delegate(self_, context_.query, std::move(watch));
      },
      [this](pb::NodeFrame& frame) {
        if (context_.nodes)
          compat::send(self_, context_.nodes, NodeSaid{std::move(frame), self_->current_sender()});
      },
      [this](const DiskFull& told) {
        for (auto& [id, experiment] : experiments_)
          compat::send(self_, experiment, told);
      },
      [this](atom::tick) { put_away(); },
      [this](atom::shut_down) {
        shutting_down_ = true;
        for (auto& [id, experiment] : experiments_)
          self_->send_exit(experiment, caf::exit_reason::user_shutdown);
        experiments_.clear();
        self_->quit();
      },
  };
}

caf::result<pb::ControlResponse> ControlState::handle(pb::ControlRequest& request) {
  if (request.has_ping())
    return pb::ControlResponse();
  if (request.has_submit())
    return submit(request);
  if (request.has_list_nodes())
    return list_nodes();
  if (request.has_drain())
    return drain(std::move(request));
  auto id = id_in(request);
  if (request.has_command() && request.command().verb() == "delete")
    return remove(id);
  auto experiment = find(id);
  if (!experiment)
    return error_response(experiment.error());
  if (request.has_command() && request.command().verb() == "go-on")
    request.mutable_ping();  // to the experiment, which is alive now
  if (request.has_enqueue()) {
    auto reader = context_.open_reader();
    auto summary = reader ? (*reader)->experiment(id) : tl::unexpected(reader.error());
    if (!summary)
      return error_response(summary.error());
    if (auto legal =
            context_.check_parameters(summary->spec(), request.enqueue().parameters_json());
        !legal)
      return error_response(legal.error());
  }
  return hand_on(*experiment, std::move(request));
}

caf::result<pb::ControlResponse> ControlState::hand_on(const ExperimentActor& experiment,
                                                       pb::ControlRequest request) {
  auto promise = self_->make_response_promise<pb::ControlResponse>();
  auto address = experiment.address();
  rested_.erase(address);
  ++under_way_[address];
  auto over = [this, address] {
    if (--under_way_[address] == 0)
      under_way_.erase(address);
  };
  compat::request(self_, experiment, request_timeout, std::move(request))
      .then(
          [promise, over](pb::ControlResponse& response) mutable {
            over();
            promise.deliver(std::move(response));
          },
          [promise, over](caf::error& error) mutable {
            over();
            promise.deliver(std::move(error));
          });
  return promise;
}

void ControlState::look_for_rest() {
  if (looking_ || experiments_.empty() || shutting_down_)
    return;
  looking_ = true;
  compat::delayed_send(self_, ControlActor(self_), context_.put_away_after, atom::tick_v);
}

caf::result<pb::ControlResponse> ControlState::drain(pb::ControlRequest request) {
  if (!context_.nodes)
    return error_response({ErrorCode::failed_precondition,
                           "this server has no nodes on other machines; start it with --listen"});
  auto promise = self_->make_response_promise<pb::ControlResponse>();
  compat::request(self_, context_.nodes, request_timeout, std::move(request))
      .then([promise](
                pb::ControlResponse& response) mutable { promise.deliver(std::move(response)); },
            [promise](caf::error& error) mutable { promise.deliver(std::move(error)); });
  return promise;
}

/// Placement knows what is free, the nodes actor who was heard of when.
caf::result<pb::ControlResponse> ControlState::list_nodes() {
  auto promise = std::make_shared<Response>(self_->make_response_promise<pb::ControlResponse>());
  auto failed = [promise](caf::error& error) { promise->deliver(std::move(error)); };
  auto answer = [this, promise, failed](const pb::ControlResponse& heard) {
    compat::request(self_, context_.experiment.placement, request_timeout, atom::nodes_v)
        .then([heard, promise](
                  const NodeViews& views) { promise->deliver(summaries_of(views.nodes, heard)); },
              failed);
  };
  if (!context_.nodes) {
    answer({});
    return *promise;
  }
  pb::ControlRequest list;
  list.mutable_list_nodes();
  compat::request(self_, context_.nodes, request_timeout, std::move(list)).then(answer, failed);
  return *promise;
}

/// A server that stays would otherwise keep all that it ever ran in memory. What was at rest at two looks, by what is
/// durable, and was not spoken to between them, has nothing under way.
void ControlState::put_away() {
  looking_ = false;
  if (auto reader = context_.open_reader()) {
    std::set<caf::actor_addr> resting;
    std::vector<std::string> over;
    for (const auto& [id, experiment] : experiments_) {
      auto summary = (*reader)->experiment(id);
      auto address = experiment.address();
      if (!summary || !at_rest(summary->phase()) || under_way_.count(address) > 0)
        continue;
      if (rested_.count(address) > 0)
        over.push_back(id);
      else
        resting.insert(address);
    }
    for (const auto& id : over)
      forget(id);
    rested_ = std::move(resting);
  }
  look_for_rest();
}

caf::result<pb::ControlResponse> ControlState::submit(pb::ControlRequest& request) {
  auto& spec = *request.mutable_submit()->mutable_spec();
  if (!spec.has_seed())  // drawn once and stored, so that every run can be repeated
    spec.set_seed(static_cast<std::int64_t>(random_() >> 33));
  if (auto admitted = context_.admit(spec); !admitted)
    return error_response(admitted.error());
  if (auto fits = context_.check_warm_start(spec, request.submit().warm_start()); !fits)
    return error_response(fits.error());
  auto reader = context_.open_reader();
  if (!reader)
    return error_response(reader.error());
  auto id = experiment_id(spec.name(), random_);
  while (experiments_.count(id) > 0 || (*reader)->experiment(id))
    id = experiment_id(spec.name(), random_);
  auto experiment = spawn_experiment(
      id, {std::make_shared<ExperimentCore>(id, context_.experiment.limits), {}, {}});
  log::info("experiment-submitted", "id={}", id);
  auto promise = self_->make_response_promise<pb::ControlResponse>();
  compat::request(self_, experiment, request_timeout, std::move(request))
      .then(
          [this, id, promise](pb::ControlResponse& response) mutable {
            if (!response.error().empty())
              forget(id);  // nothing of it was stored
            promise.deliver(std::move(response));
          },
          [promise](caf::error& error) mutable { promise.deliver(std::move(error)); });
  return promise;
}

void ControlState::forget(const std::string& id) {
  auto found = experiments_.find(id);
  if (found == experiments_.end())
    return;
  auto actor = found->second;
  experiments_.erase(found);
  forgotten_.emplace(actor.address(), id);
  self_->send_exit(actor, caf::exit_reason::user_shutdown);
}

/// An experiment that has ended holds no place and hears of no reports, whatever it had asked for.
void ControlState::release_all(const std::string& id) {
  compat::send(self_, context_.experiment.placement, HoldPlaces{id, {}, {}, {}});
  compat::send(self_, context_.experiment.sink, Subscribe{id, nullptr});
}

Result<ExperimentActor> ControlState::find(const std::string& id) {
  auto found = experiments_.find(id);
  if (found != experiments_.end())
    return found->second;
  auto reader = context_.open_reader();
  if (!reader)
    return tl::unexpected(reader.error());
  auto summary = (*reader)->experiment(id);
  if (!summary)
    return tl::unexpected(summary.error());
  const auto& known = summary->id();  // `id` may be its name
  if (auto again = experiments_.find(known); again != experiments_.end())
    return again->second;
  auto replayed = replay(**reader, known, context_.experiment.limits);
  if (!replayed)
    return tl::unexpected(replayed.error());
  return spawn_experiment(known, std::move(*replayed));
}

ExperimentActor ControlState::spawn_experiment(const std::string& id, Replayed replayed) {
  auto actor = caf::actor_cast<ExperimentActor>(
      self_->spawn<caf::stateful_actor<ExperimentState, ExperimentActor::base>>(
          context_.experiment, std::move(replayed)));
  compat::monitor(self_, actor, [this](const caf::actor_addr& who) { on_down(who); });
  experiments_[id] = actor;
  look_for_rest();
  return actor;
}

caf::result<pb::ControlResponse> ControlState::remove(const std::string& id) {
  auto reader = context_.open_reader();
  if (!reader)
    return error_response(reader.error());
  auto summary = (*reader)->experiment(id);
  if (!summary)
    return error_response(summary.error());
  auto known = summary->id();
  auto promise = self_->make_response_promise<pb::ControlResponse>();
  auto remove_it = [this, known, promise]() mutable {
    forget(known);
    compat::send(self_, context_.experiment.store, Write{0, DeleteExperiment{known}});
    if (context_.nodes)
      compat::send(self_, context_.nodes, ExperimentDeleted{known});
    pb::ControlResponse response;
    response.set_experiment_id(known);
    if (auto removed = context_.remove_folders(known); !removed)
      response = error_response(removed.error());
    promise.deliver(std::move(response));
  };
  if (at_rest(summary->phase()) && experiments_.count(known) == 0) {
    remove_it();
    return promise;
  }
  auto found = find(known);  // its trials may outlive a head that was killed: stop finds them
  if (!found)
    return error_response(found.error());
  pb::ControlRequest stop;
  stop.mutable_command()->set_experiment_id(known);
  stop.mutable_command()->set_verb("stop-now");
  compat::request(self_, *found, request_timeout, std::move(stop))
      .then([remove_it](const pb::ControlResponse&) mutable { remove_it(); },
            [promise](const caf::error& e) mutable {
              promise.deliver(error_response({ErrorCode::unavailable, caf::to_string(e)}));
            });
  return promise;
}

/// Restart is replay: an experiment that died goes on from what is durable.
void ControlState::on_down(const caf::actor_addr& who) {
  if (auto found = forgotten_.find(who); found != forgotten_.end()) {
    release_all(found->second);
    forgotten_.erase(found);
    return;
  }
  for (auto& [id, experiment] : experiments_) {
    if (experiment.address() != who || shutting_down_)
      continue;
    auto name = id;
    experiments_.erase(name);
    log::error("experiment-died", "id={} times={}", name, deaths_[name] + 1);
    if (++deaths_[name] > deaths_max)
      return;
    auto again = find(name);
    if (!again) {
      release_all(name);  // nothing of it is durable
    } else {
      pb::ControlRequest go_on;
      go_on.mutable_ping();
      compat::request(self_, *again, request_timeout, std::move(go_on))
          .then([](const pb::ControlResponse&) {},
                [name](const caf::error& e) {
                  log::error("experiment-not-revived", "id={} error={}", name, caf::to_string(e));
                });
    }
    return;
  }
}

}  // namespace autotune
