#include "actors/placement_core.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace autotune {

namespace {

bool holds(const std::map<std::string, double>& amounts,
           const std::map<std::string, double>& needs) {
  return std::all_of(needs.begin(), needs.end(), [&](const auto& need) {
    return need.second <= 0 || amount_of(amounts, need.first) + cpu_slack >= need.second;
  });
}

}  // namespace

double amount_of(const std::map<std::string, double>& amounts, const std::string& name) {
  auto found = amounts.find(name);
  return found == amounts.end() ? 0 : found->second;
}

double priority_of(const std::string& text) {
  char* end = nullptr;
  double number = std::strtod(text.c_str(), &end);
  return end != text.c_str() && *end == '\0' && number == number ? number : 0;
}

void PlacementCore::Usage::add(const PlacementNeeds& needs, double sign) {
  cpu += sign * needs.cpu;
  memory += sign * static_cast<double>(needs.memory_bytes);
  gpus += sign * needs.gpus;
  for (const auto& [name, amount] : needs.others)
    others[name] += sign * amount;
}

bool PlacementCore::Node::suits(const PlacementNeeds& needs) const {
  if (capacity.alone)
    return true;
  auto has_label = [this](const auto& label) {
    auto found = capacity.labels.find(label.first);
    return found != capacity.labels.end() && found->second == label.second;
  };
  return std::all_of(needs.labels.begin(), needs.labels.end(), has_label) &&
         std::includes(capacity.claims.begin(), capacity.claims.end(), needs.claims.begin(),
                       needs.claims.end());
}

bool PlacementCore::Node::has(const PlacementNeeds& needs) const {
  return (needs.cpu <= 0 || cpu_free + cpu_slack >= needs.cpu) &&
         (needs.memory_bytes <= 0 || memory_free >= needs.memory_bytes) &&
         gpus_free.size() >= static_cast<std::size_t>(needs.gpus) &&
         (capacity.alone || holds(others_free, needs.others)) && suits(needs);
}

bool PlacementCore::Node::could_hold(const PlacementNeeds& needs) const {
  return capacity.cpu + cpu_slack >= needs.cpu && capacity.memory_bytes >= needs.memory_bytes &&
         capacity.gpus.size() >= static_cast<std::size_t>(needs.gpus) &&
         (capacity.alone || holds(capacity.others, needs.others)) && suits(needs);
}

double PlacementCore::Node::lacks(const PlacementNeeds& needs) const {
  auto part = [](double wanted, double free) {
    return wanted <= 0 ? 0 : std::clamp((wanted - free) / wanted, 0.0, 1.0);
  };
  double sum = part(needs.cpu, cpu_free) +
               part(static_cast<double>(needs.memory_bytes), static_cast<double>(memory_free)) +
               part(needs.gpus, static_cast<double>(gpus_free.size()));
  for (const auto& [name, amount] : needs.others)
    sum += part(amount, amount_of(others_free, name));
  return sum;
}

PlacementCore::PlacementCore(const std::vector<NodeCapacity>& nodes) {
  for (const auto& capacity : nodes)
    on_node(capacity);
}

PlacementEffects PlacementCore::on_node(const NodeCapacity& capacity) {
  any_joined_ = true;
  auto* node = find(capacity.name);
  if (node == nullptr) {
    index_.emplace(capacity.name, nodes_.size());
    node = &nodes_.emplace_back();
  }
  node->capacity = capacity;
  node->state = node->drained ? NodeState::draining : NodeState::ready;
  node->kept_for.clear();  // it may not be large enough now
  node->rest = 0;
  count(*node);
  count_total();
  return serve_waiting();
}

PlacementEffects PlacementCore::on_node_state(const std::string& name, NodeState state) {
  auto* node = find(name);
  if (node == nullptr)
    return {};
  node->state = state;
  if (state != NodeState::unreachable)
    node->drained = state == NodeState::draining;
  if (!node->is_ready())
    node->kept_for.clear();
  return serve_waiting();
}

PlacementEffects PlacementCore::on_node_gone(const std::string& name) {
  auto found = index_.find(name);
  if (found == index_.end())
    return {};
  nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(found->second));
  index_.clear();
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    index_.emplace(nodes_[i].capacity.name, i);
  if (auto on_it = held_on_.find(name); on_it != held_on_.end() && on_it->second.empty())
    held_on_.erase(on_it);
  count_total();
  return serve_waiting();
}

PlacementEffects PlacementCore::on_request(PlacementRequest request) {
  // Asked twice: its experiment died before it wrote down what it was granted.
  if (auto held = held_.find({request.experiment_id, request.sequence}); held != held_.end())
    return {PlacementGranted{std::move(request), held->second.node, held->second.gpus}};
  auto& line = lines_[request.experiment_id];
  auto is_it = [&](const PlacementRequest& one) { return one.sequence == request.sequence; };
  if (std::any_of(line.requests.begin(), line.requests.end(), is_it))
    return {PlacementWaits{request, why_not(request)}};
  if (line.requests.empty())
    line.since = arrivals_++;
  line.requests.push_back(request);
  auto effects = serve_waiting();
  if (held_.count({request.experiment_id, request.sequence}) == 0) {
    auto why = why_not(request);
    effects.emplace_back(PlacementWaits{std::move(request), std::move(why)});
  }
  return effects;
}

PlacementEffects PlacementCore::on_release(const std::string& experiment_id, Sequence sequence,
                                           bool lost) {
  auto rests = judge({experiment_id, sequence}, lost);
  withdraw(experiment_id, sequence);
  give_back({experiment_id, sequence});
  auto effects = serve_waiting();
  if (rests)
    effects.emplace_back(*std::move(rests));
  return effects;
}

std::optional<PlacementRests> PlacementCore::judge(const Key& key, bool lost) {
  auto held = held_.find(key);
  auto* node = held == held_.end() ? nullptr : find(held->second.node);
  // Alone, it is no worse than another; drained, its trials were taken from it.
  if (node == nullptr || node->capacity.alone || node->drained)
    return std::nullopt;
  if (!lost) {
    node->losses = 0;
    return std::nullopt;
  }
  if (node->rest != 0)
    return std::nullopt;  // lost together with the one before
  constexpr int doublings_max = 16;
  auto span = std::min(rest_first * (1 << std::min(node->losses, doublings_max)), rest_max);
  ++node->losses;
  node->rest = ++rests_;
  node->kept_for.clear();
  return PlacementRests{node->capacity.name, node->rest, span};
}

PlacementEffects PlacementCore::on_rested(const std::string& name, std::uint64_t rest) {
  auto* node = find(name);
  if (node == nullptr || node->rest != rest)
    return {};
  node->rest = 0;
  return serve_waiting();
}

PlacementEffects PlacementCore::on_replayed(const std::string& experiment_id,
                                            const std::string& queue, const PlacementNeeds& needs,
                                            const std::vector<HeldPlace>& places) {
  forget_line(experiment_id);
  for (auto held = held_.lower_bound({experiment_id, std::numeric_limits<Sequence>::min()});
       held != held_.end() && held->first.first == experiment_id;)
    give_back((held++)->first);
  for (const auto& place : places)
    hold({experiment_id, place.sequence}, {needs, queue, place.node, place.gpus});
  if (places.empty())
    by_experiment_.erase(experiment_id);
  return serve_waiting();
}

std::vector<NodeView> PlacementCore::nodes() const {
  std::vector<NodeView> views;
  for (const auto& node : nodes_) {
    NodeView view{node.capacity,
                  node.cpu_free,
                  node.memory_free,
                  node.gpus_free,
                  node.others_free,
                  node.state,
                  {}};
    if (auto on_it = held_on_.find(node.capacity.name); on_it != held_on_.end())
      view.trials.assign(on_it->second.begin(), on_it->second.end());
    views.push_back(std::move(view));
  }
  return views;
}

PlacementCore::Node* PlacementCore::find(const std::string& name) {
  auto found = index_.find(name);
  return found == index_.end() ? nullptr : &nodes_[found->second];
}

void PlacementCore::count(Node& node) {
  node.cpu_free = node.capacity.cpu;
  node.memory_free = node.capacity.memory_bytes;
  node.others_free = node.capacity.others;
  const auto& trials = held_on_[node.capacity.name];
  for (const auto& key : trials)
    take(node, held_.at(key).needs, 1);
  node.trials = trials.size();
  count_gpus(node);
}

void PlacementCore::take(Node& node, const PlacementNeeds& needs, int sign) {
  node.cpu_free -= sign * needs.cpu;
  node.memory_free -= sign * needs.memory_bytes;
  for (const auto& [name, amount] : needs.others)
    if (auto free = node.others_free.find(name); free != node.others_free.end())
      free->second -= sign * amount;
}

void PlacementCore::count_gpus(Node& node) {
  node.gpus_free = node.capacity.gpus;
  for (const auto& key : held_on_[node.capacity.name])
    for (const auto& gpu : held_.at(key).gpus)
      std::erase(node.gpus_free, gpu);
}

void PlacementCore::count_total() {
  total_ = {};
  for (const auto& node : nodes_) {
    total_.cpu += node.capacity.cpu;
    total_.memory += static_cast<double>(node.capacity.memory_bytes);
    total_.gpus += static_cast<double>(node.capacity.gpus.size());
    for (const auto& [name, amount] : node.capacity.others)
      total_.others[name] += amount;
  }
}

const PlacementRequest* PlacementCore::first_of(const std::string& experiment_id) const {
  auto found = lines_.find(experiment_id);
  return found == lines_.end() ? nullptr : &found->second.requests.front();
}

void PlacementCore::withdraw(const std::string& experiment_id, Sequence sequence) {
  auto found = lines_.find(experiment_id);
  if (found == lines_.end())
    return;
  auto& requests = found->second.requests;
  std::erase_if(requests, [&](const auto& request) { return request.sequence == sequence; });
  if (requests.empty())
    forget_line(experiment_id);
}

void PlacementCore::forget_line(const std::string& experiment_id) {
  lines_.erase(experiment_id);
  for (auto& node : nodes_)
    if (node.kept_for == experiment_id)
      node.kept_for.clear();
}

void PlacementCore::hold(const Key& key, Held held) {
  if (auto* node = find(held.node)) {
    take(*node, held.needs, 1);
    for (const auto& gpu : held.gpus)
      std::erase(node->gpus_free, gpu);
    ++node->trials;
  }
  by_experiment_[key.first].add(held.needs, 1);
  by_queue_[held.queue].add(held.needs, 1);
  held_on_[held.node].insert(key);
  held_[key] = std::move(held);
}

void PlacementCore::give_back(Key key) {
  auto found = held_.find(key);
  if (found == held_.end())
    return;
  auto held = std::move(found->second);
  held_.erase(found);
  by_experiment_[key.first].add(held.needs, -1);
  by_queue_[held.queue].add(held.needs, -1);
  auto on_it = held_on_.find(held.node);
  on_it->second.erase(key);
  if (auto* node = find(held.node)) {
    take(*node, held.needs, -1);
    --node->trials;
    if (!held.gpus.empty())
      count_gpus(*node);
  } else if (on_it->second.empty()) {
    held_on_.erase(on_it);
  }
}

double PlacementCore::share(const Usage& usage) const {
  auto part = [](double used, double all) { return all > 0 ? used / all : 0; };
  double largest = std::max({part(usage.cpu, total_.cpu), part(usage.memory, total_.memory),
                             part(usage.gpus, total_.gpus)});
  for (const auto& [name, amount] : usage.others)
    largest = std::max(largest, part(amount, amount_of(total_.others, name)));
  return largest;
}

PlacementCore::Rank PlacementCore::rank_of(const std::string& experiment_id,
                                           const Line& line) const {
  auto held_by = [this](const std::map<std::string, Usage>& usages, const std::string& name) {
    auto found = usages.find(name);
    return found == usages.end() ? 0 : share(found->second);
  };
  const auto& first = line.requests.front();
  return {-first.priority, held_by(by_queue_, first.queue), held_by(by_experiment_, experiment_id),
          line.since};
}

PlacementEffects PlacementCore::serve_waiting() {
  PlacementEffects effects;
  std::set<std::string> blocked;
  for (;;) {
    auto next = lines_.end();
    Rank best;
    for (auto line = lines_.begin(); line != lines_.end(); ++line) {
      if (blocked.count(line->first) > 0)
        continue;
      auto rank = rank_of(line->first, line->second);
      if (next == lines_.end() || rank < best) {
        next = line;
        best = rank;
      }
    }
    if (next == lines_.end())
      return effects;
    auto& line = next->second;
    auto* node = best_for(line.requests.front());
    if (node == nullptr) {
      blocked.insert(next->first);
      continue;
    }
    effects.emplace_back(grant(*node, line.requests.front()));
    note_overtaken(*node, line.requests.front().needs, blocked);
    line.requests.pop_front();
    line.overtaken = 0;
    line.since = arrivals_++;
    for (auto& one : nodes_) {
      if (one.kept_for != next->first)
        continue;
      one.kept_for.clear();
      blocked.clear();  // it may be what one of them waits for
    }
    if (line.requests.empty())
      forget_line(std::string(next->first));
  }
}

void PlacementCore::note_overtaken(const Node& placed_on, const PlacementNeeds& taken,
                                   const std::set<std::string>& blocked) {
  for (const auto& experiment_id : blocked) {
    auto& line = lines_.at(experiment_id);
    const auto& needs = line.requests.front().needs;
    bool matters = (taken.cpu > 0 && needs.cpu > 0) || (taken.gpus > 0 && needs.gpus > 0) ||
                   (taken.memory_bytes > 0 && needs.memory_bytes > 0) ||
                   std::any_of(taken.others.begin(), taken.others.end(), [&](const auto& one) {
                     return one.second > 0 && amount_of(needs.others, one.first) > 0;
                   });
    if (!matters || !placed_on.could_hold(needs) || ++line.overtaken < overtaken_max)
      continue;
    bool kept = false;
    Node* nearest = nullptr;
    for (auto& node : nodes_) {
      kept = kept || node.kept_for == experiment_id;
      if (node.is_ready() && node.kept_for.empty() && node.could_hold(needs) &&
          (nearest == nullptr || node.lacks(needs) < nearest->lacks(needs)))
        nearest = &node;
    }
    if (!kept && nearest != nullptr)
      nearest->kept_for = experiment_id;
  }
}

/// Whether the node is kept for nobody, for this one, or for one that misses nothing of what this one would take.
bool PlacementCore::leaves_alone(const Node& node, const PlacementRequest& request) const {
  const auto* owner = node.kept_for.empty() ? nullptr : first_of(node.kept_for);
  if (owner == nullptr || node.kept_for == request.experiment_id ||
      request.priority > owner->priority)
    return true;
  const auto& wanted = owner->needs;
  const auto& taken = request.needs;
  auto spares = [](double taken_now, double free, double kept) {
    return taken_now <= 0 || kept <= 0 || free - taken_now + cpu_slack >= kept;
  };
  return spares(taken.cpu, node.cpu_free, wanted.cpu) &&
         spares(static_cast<double>(taken.memory_bytes), static_cast<double>(node.memory_free),
                static_cast<double>(wanted.memory_bytes)) &&
         spares(taken.gpus, static_cast<double>(node.gpus_free.size()), wanted.gpus) &&
         std::all_of(taken.others.begin(), taken.others.end(), [&](const auto& one) {
           return spares(one.second, amount_of(node.others_free, one.first),
                         amount_of(wanted.others, one.first));
         });
}

PlacementCore::Node* PlacementCore::best_for(const PlacementRequest& request) {
  Node* best = nullptr;
  std::tuple<double, double, double> least;
  for (auto& node : nodes_) {
    if (!node.is_ready() || !node.has(request.needs) || !leaves_alone(node, request))
      continue;
    double load = (node.trials + 1) / std::max(1.0, node.capacity.cpu);
    auto gpus = static_cast<double>(node.gpus_free.size());
    auto cost = request.needs.gpus > 0
                    ? std::tuple(gpus, load, 0.0)
                    : std::tuple(load, static_cast<double>(node.capacity.gpus.size()), 0.0);
    if (best == nullptr || cost < least) {
      best = &node;
      least = cost;
    }
  }
  return best;
}

PlacementGranted PlacementCore::grant(Node& node, PlacementRequest request) {
  auto first = node.gpus_free.begin();
  std::vector<std::string> gpus(first, first + request.needs.gpus);
  hold({request.experiment_id, request.sequence},
       {request.needs, request.queue, node.capacity.name, gpus});
  return {std::move(request), node.capacity.name, std::move(gpus)};
}

}  // namespace autotune
