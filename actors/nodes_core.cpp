#include "actors/nodes_core.hpp"

#include <algorithm>

namespace autotune {

using std::chrono::milliseconds;

namespace {

AttemptKey key_of(const pb::AttemptPlan& plan) {
  return {plan.experiment_id(), plan.sequence(), plan.attempt()};
}

template <class Message>
AttemptKey key_in(const Message& message) {
  return {message.experiment_id(), message.sequence(), message.attempt()};
}

void set_key(pb::AttemptId& id, const AttemptKey& key) {
  id.set_experiment_id(key.experiment_id);
  id.set_sequence(key.sequence);
  id.set_attempt(key.attempt);
}

pb::AttemptResult lost(const AttemptKey& key, const std::string& reason) {
  pb::AttemptResult result;
  result.set_experiment_id(key.experiment_id);
  result.set_sequence(key.sequence);
  result.set_attempt(key.attempt);
  result.set_outcome("NodeLost");
  result.set_reason(reason);
  return result;
}

std::string seconds(milliseconds span) {
  auto tenths = (span.count() + 50) / 100;
  std::string text = std::to_string(tenths / 10);
  return (tenths % 10 != 0 ? text + "." + std::to_string(tenths % 10) : text) + " s";
}

}  // namespace

NodeCapacity capacity_of(const pb::NodeDescription& description) {
  NodeCapacity capacity;
  capacity.name = description.name();
  capacity.cpu = description.cpu();
  capacity.memory_bytes = description.memory_bytes();
  capacity.gpus.assign(description.gpus().begin(), description.gpus().end());
  capacity.labels.insert(description.labels().begin(), description.labels().end());
  capacity.others.insert(description.others().begin(), description.others().end());
  capacity.claims.insert(description.claims().begin(), description.claims().end());
  return capacity;
}

NodesCore::NodesCore(ClusterLimits limits, std::uint64_t seed, std::string own)
    : limits_(limits), own_(std::move(own)), random_(seed) {}

milliseconds NodesCore::given_up_after() const {
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(limits_.lease.count()) *
                                                limits_.given_up_after));
}

NodeState NodesCore::alive_state(const Node& node) const {
  return node.draining ? NodeState::draining : NodeState::ready;
}

/// A node that an experiment names before its agent has come (back): a head before this one may just have renewed its
/// lease.
NodesCore::Node& NodesCore::node_named(Time now, const std::string& name) {
  auto [found, is_new] = nodes_.try_emplace(name);
  if (is_new) {
    found->second.description.set_name(name);
    found->second.answered = now;
  }
  return found->second;
}

void NodesCore::tell(Node& node, NodeState state, NodesEffects& effects) {
  if (node.told == state)
    return;
  node.told = state;
  effects.emplace_back(NodeBecame{node.description.name(), state});
}

// --- what the head says -------------------------------------------------------------------------------------------

void NodesCore::say(Time now, Node& node, pb::NodeFrame item, NodesEffects& effects) {
  if (!node.has_session)
    return;  // the next one begins with all that is to run
  item.set_node(node.description.name());
  item.set_incarnation(node.incarnation);
  effects.emplace_back(SendToNode{node.description.name(), node.link.send(now, std::move(item))});
}

void NodesCore::say_launch(Time now, Node& node, const Held& held, bool adopt,
                           NodesEffects& effects) {
  pb::NodeFrame item;
  *item.mutable_launch()->mutable_plan() = held.plan;
  item.mutable_launch()->set_adopt(adopt);
  say(now, node, std::move(item), effects);
}

void NodesCore::say_stop(Time now, Node& node, const AttemptKey& key, const Held::Stop& stop,
                         NodesEffects& effects) {
  pb::NodeFrame item;
  set_key(*item.mutable_stop()->mutable_attempt(), key);
  item.mutable_stop()->set_reason(stop.reason);
  item.mutable_stop()->set_hurry(stop.hurry);
  say(now, node, std::move(item), effects);
}

void NodesCore::say_forget(Time now, Node& node, const std::string& experiment_id,
                           NodesEffects& effects) {
  pb::NodeFrame item;
  item.set_forget(experiment_id);
  say(now, node, std::move(item), effects);
}

void NodesCore::refuse(const pb::NodeFrame& frame, const std::string& why, NodesEffects& effects) {
  pb::NodeFrame answer;
  answer.set_node(frame.node());
  answer.set_incarnation(frame.incarnation());
  answer.mutable_answer()->set_sent_at_ms(frame.heartbeat().sent_at_ms());
  answer.mutable_answer()->set_refused(why);
  effects.emplace_back(SendToNode{frame.node(), std::move(answer)});
}

// --- what nodes say -----------------------------------------------------------------------------------------------

NodesEffects NodesCore::on_frame(Time now, const pb::NodeFrame& frame) {
  NodesEffects effects;
  if (frame.has_heartbeat() && !own_.empty() && frame.node() == own_) {
    refuse(frame,
           "the server's own node is called " + own_ + ": give this agent another name with --name",
           effects);
    return effects;
  }
  if (frame.has_heartbeat()) {
    on_heartbeat(now, node_named(now, frame.node()), frame, effects);
    return effects;
  }
  auto found = nodes_.find(frame.node());
  if (found == nodes_.end() || !found->second.has_session ||
      frame.incarnation() != found->second.incarnation) {
    ++dropped_;
    return effects;
  }
  on_item(found->second, frame, effects);
  return effects;
}

void NodesCore::on_heartbeat(Time now, Node& node, const pb::NodeFrame& frame,
                             NodesEffects& effects) {
  const auto& beat = frame.heartbeat();
  if (beat.node().protocol() != cluster_protocol)
    return refuse(frame,
                  "the agent speaks version " + std::to_string(beat.node().protocol()) +
                      " of the cluster's protocol and the server version " +
                      std::to_string(cluster_protocol) + ": install the same AutoTune on both",
                  effects);
  if (frame.incarnation() < node.incarnation)
    return refuse(frame,
                  "another agent has joined as " + frame.node() +
                      " since: give this one a name of its own with --name",
                  effects);
  bool same = frame.incarnation() == node.incarnation;
  if (same && beat.number() <= node.beat) {
    ++dropped_;
    return;
  }
  bool changed = !same || node.description.SerializeAsString() != beat.node().SerializeAsString();
  node.beat = beat.number();
  node.description = beat.node();
  node.description.set_name(frame.node());
  if (changed || node.given_up)
    effects.emplace_back(NodeSeen{capacity_of(node.description)});
  bool opens = !same || !node.has_session || frame.session() != node.link.session();
  if (opens)
    open_session(now, node, frame, effects);
  else
    node.link.acknowledge(frame.received());
  node.heard = now;
  node.answered = now;
  node.given_up = false;
  tell(node, alive_state(node), effects);

  pb::NodeFrame answer;
  answer.set_node(frame.node());
  answer.set_incarnation(node.incarnation);
  answer.set_session(node.link.session());
  answer.set_received(node.link.received());
  answer.mutable_answer()->set_sent_at_ms(beat.sent_at_ms());
  answer.mutable_answer()->set_lease_ms(limits_.lease.count());
  answer.mutable_answer()->set_interval_ms(limits_.heartbeat_interval.count());
  SendToNode first{frame.node(), std::move(answer)};
  if (!opens) {
    effects.emplace_back(std::move(first));
    for (auto& again : node.link.overdue(now, 2 * limits_.heartbeat_interval))
      effects.emplace_back(SendToNode{frame.node(), std::move(again)});
    return;
  }
  // The answer tells the agent of the session, so it goes before the session's items.
  auto is_item = [](const NodesEffect& effect) {
    return std::holds_alternative<SendToNode>(effect);
  };
  effects.insert(std::find_if(effects.begin(), effects.end(), is_item), std::move(first));
}

void NodesCore::open_session(Time now, Node& node, const pb::NodeFrame& frame,
                             NodesEffects& effects) {
  node.incarnation = frame.incarnation();
  node.link.open(random_() | 1);
  node.has_session = true;
  for (const auto& [key, held] : node.attempts) {
    if (held.ended)
      continue;
    say_launch(now, node, held, true, effects);
    if (held.stop)
      say_stop(now, node, key, *held.stop, effects);
  }
  pb::NodeFrame named;
  named.mutable_named();
  say(now, node, std::move(named), effects);
  for (const auto& experiment_id : deleted_)
    say_forget(now, node, experiment_id, effects);
}

/// The attempt, where it may still say something.
NodesCore::Held* NodesCore::voice_of(Node& node, const AttemptKey& key) {
  auto found = node.attempts.find(key);
  if (found != node.attempts.end() && !found->second.ended)
    return &found->second;
  ++dropped_;
  return nullptr;
}

void NodesCore::on_item(Node& node, const pb::NodeFrame& frame, NodesEffects& effects) {
  if (!node.link.take_in(frame)) {
    ++dropped_;
    return;
  }
  node.link.acknowledge(frame.received());
  if (frame.has_news()) {
    if (voice_of(node, key_in(frame.news())) != nullptr)
      effects.emplace_back(NewsOfAttempt{frame.news()});
  } else if (frame.has_result()) {
    auto* held = voice_of(node, key_in(frame.result()));
    if (held == nullptr)
      return;
    held->ended = true;
    auto result = frame.result();
    if (held->moved && result.outcome() == "Stopped") {
      result.set_outcome("NodeLost");
      result.set_reason("node " + node.description.name() + " was drained");
    }
    effects.emplace_back(ResultOfAttempt{std::move(result)});
  } else if (frame.has_reports()) {
    if (voice_of(node, key_in(frame.reports())) == nullptr)
      return;
    storing_.push_back({node.description.name(), node.link.session(), frame.number()});
    effects.emplace_back(ReportsOfAttempt{frame.reports()});
  }
}

NodesEffects NodesCore::on_deleted(Time now, const std::string& experiment_id) {
  constexpr std::size_t remembered_max = 1000;  // a node that is away for longer keeps some folders
  NodesEffects effects;
  deleted_.push_back(experiment_id);
  if (deleted_.size() > remembered_max)
    deleted_.pop_front();
  for (auto& [name, node] : nodes_)
    say_forget(now, node, experiment_id, effects);
  return effects;
}

NodesEffects NodesCore::on_stored(Time now) {
  NodesEffects effects;
  if (storing_.empty())
    return effects;
  auto batch = std::move(storing_.front());
  storing_.pop_front();
  auto found = nodes_.find(batch.node);
  if (found == nodes_.end() || !found->second.has_session ||
      found->second.link.session() != batch.session)
    return effects;
  pb::NodeFrame item;
  item.set_stored(batch.number);
  say(now, found->second, std::move(item), effects);
  return effects;
}

// --- losses -------------------------------------------------------------------------------------------------------

NodesEffects NodesCore::on_disconnected(Time, const std::string& name) {
  NodesEffects effects;
  if (auto found = nodes_.find(name); found != nodes_.end())
    tell(found->second, NodeState::unreachable, effects);
  return effects;
}

NodesEffects NodesCore::on_tick(Time now) {
  NodesEffects effects;
  for (auto& [name, node] : nodes_) {
    if (node.given_up)
      continue;
    if (node.heard && *node.heard + limits_.unreachable_after <= now)
      tell(node, NodeState::unreachable, effects);
    if (node.answered + given_up_after() <= now)
      give_up(node, effects);
  }
  return effects;
}

/// By now the node has ended what ran there; should it be frozen instead, what it says later is of an old session.
void NodesCore::give_up(Node& node, NodesEffects& effects) {
  node.given_up = true;
  node.has_session = false;
  tell(node, NodeState::unreachable, effects);
  effects.emplace_back(NodeLeft{node.description.name()});
  for (const auto& [key, held] : node.attempts)
    if (!held.ended)
      effects.emplace_back(ResultOfAttempt{lost(key, "node " + node.description.name() +
                                                         " is lost: nothing was heard of it for " +
                                                         seconds(given_up_after()))});
  node.attempts.clear();
}

std::optional<Time> NodesCore::next_tick(Time now) const {
  std::optional<Time> next;
  auto at = [&](Time time) { next = next ? std::min(*next, time) : time; };
  for (const auto& [name, node] : nodes_) {
    if (node.given_up)
      continue;
    if (node.heard && node.told != NodeState::unreachable)
      at(*node.heard + limits_.unreachable_after);
    at(node.answered + given_up_after());
  }
  return next ? std::optional(std::max(*next, now)) : next;
}

// --- what experiments say -----------------------------------------------------------------------------------------

NodesEffects NodesCore::on_launch(Time now, const std::string& name, const pb::AttemptPlan& plan,
                                  bool adopt) {
  NodesEffects effects;
  auto& node = node_named(now, name);
  auto key = key_of(plan);
  if (node.given_up) {
    effects.emplace_back(ResultOfAttempt{lost(key, "node " + name + " is lost")});
    return effects;
  }
  Held held;
  held.plan = plan;
  // An experiment that was replayed asks for what it had asked before; a stop is its to repeat.
  say_launch(now, node, held, adopt, effects);
  node.attempts[key] = std::move(held);
  return effects;
}

NodesEffects NodesCore::on_stop(Time now, const AttemptKey& key, const std::string& reason,
                                bool hurry) {
  NodesEffects effects;
  for (auto& [name, node] : nodes_) {
    auto found = node.attempts.find(key);
    if (found == node.attempts.end() || found->second.ended)
      continue;
    found->second.stop = Held::Stop{reason, hurry};
    found->second.moved = false;
    say_stop(now, node, key, *found->second.stop, effects);
  }
  return effects;
}

NodesEffects NodesCore::on_release(Time now, const AttemptKey& key) {
  NodesEffects effects;
  for (auto& [name, node] : nodes_) {
    if (node.attempts.erase(key) == 0)
      continue;
    pb::NodeFrame item;
    set_key(*item.mutable_release(), key);
    say(now, node, std::move(item), effects);
  }
  return effects;
}

Result<NodesEffects> NodesCore::on_drain(Time now, const std::string& name, bool move, bool undo) {
  auto found = nodes_.find(name);
  if (found == nodes_.end())
    return fail(ErrorCode::not_found,
                "no node is called '" + name + "'; `autotune get nodes` lists them");
  auto& node = found->second;
  NodesEffects effects;
  node.draining = !undo;
  if (node.told != NodeState::unreachable)
    tell(node, alive_state(node), effects);
  if (move && !undo)
    for (auto& [key, held] : node.attempts) {
      if (held.ended || held.stop)
        continue;
      held.moved = true;
      held.stop = Held::Stop{"its node is drained", false};
      say_stop(now, node, key, *held.stop, effects);
    }
  return effects;
}

std::vector<pb::NodeSummary> NodesCore::summaries(Time now) const {
  std::vector<pb::NodeSummary> all;
  for (const auto& [name, node] : nodes_) {
    auto& one = all.emplace_back();
    *one.mutable_node() = node.description;
    one.set_state(node.given_up                         ? "Lost"
                  : node.told == NodeState::unreachable ? "Unreachable"
                  : node.draining                       ? "Draining"
                                                        : "Ready");
    one.set_heard_ms_ago(
        node.heard ? std::chrono::duration_cast<milliseconds>(now - *node.heard).count() : -1);
    for (const auto& [key, held] : node.attempts)
      if (!held.ended)
        set_key(*one.add_running(), key);
  }
  return all;
}

}  // namespace autotune
