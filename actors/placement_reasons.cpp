// Why a trial waits, in words. What decides: placement_core.cpp.
#include <algorithm>
#include <cstdio>

#include "actors/placement_core.hpp"

namespace autotune {

namespace {

constexpr std::size_t nodes_named_max = 3;  // in a reason

std::string gibibytes(std::int64_t bytes) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

std::string cores(double cpu) {
  char text[40];
  std::snprintf(text, sizeof text, "%g", cpu);
  return text;
}

/// "the label disk=ssd and the claim data": what a node must be, not what it must have free.
std::string kind_of(const PlacementNeeds& needs) {
  std::string text;
  auto add = [&](const std::string& what) { text += (text.empty() ? "" : " and ") + what; };
  for (const auto& [name, value] : needs.labels)
    add("the label " + name + "=" + value);
  for (const auto& claim : needs.claims)
    add("the claim " + claim);
  return text;
}

std::string counted(std::size_t count) { return count == 0 ? "none" : std::to_string(count); }

}  // namespace

std::string PlacementCore::why_not(const PlacementRequest& request) const {
  const auto& needs = request.needs;
  if (auto never = impossible(needs))
    return *never;
  auto text = shortages(needs);
  std::size_t named = 0;
  auto add = [&](const Node& node, const std::string& what) {
    text += (text.empty() ? "node " : "; node ") + node.capacity.name + what;
    ++named;
  };
  for (const auto& node : nodes_) {
    if (named == nodes_named_max)
      break;
    if (node.state == NodeState::draining && node.could_hold(needs))
      add(node, " is being drained");
    else if (node.state == NodeState::unreachable && node.could_hold(needs))
      add(node, " cannot be reached");
    else if (node.rest != 0 && node.could_hold(needs))
      add(node, " has lost trials, and rests for a while");
    else if (!node.kept_for.empty() && node.has(needs) && !leaves_alone(node, request))
      add(node, " is kept for " + node.kept_for + ", which has waited longer");
  }
  return text.empty() ? "it is not its turn yet" : text;
}

/// What each ready node of the kind that is needed has of something that some of them is short of.
std::string PlacementCore::shortages(const PlacementNeeds& needs) const {
  std::string text;
  bool all_suit = true;
  auto counts = [&](const Node& node) {
    bool suits = node.suits(needs);
    all_suit = all_suit && suits;
    return node.is_ready() && suits;
  };
  auto add = [&](const std::string& what, bool wanted, auto lacks, auto free) {
    if (!wanted || std::none_of(nodes_.begin(), nodes_.end(),
                                [&](const Node& node) { return counts(node) && lacks(node); }))
      return;
    text += (text.empty() ? "needs " : ", and ") + what;
    std::size_t named = 0;
    std::size_t left = 0;
    for (const auto& node : nodes_) {
      if (!counts(node))
        continue;
      if (named == nodes_named_max) {
        ++left;
        continue;
      }
      text += (named++ == 0 ? "; node " : ", node ") + node.capacity.name + " has " + free(node) +
              " free";
    }
    if (left > 0)
      text += " and " + std::to_string(left) + " more nodes too little";
  };
  add(
      std::to_string(needs.gpus) + " nvidia.com/gpu", needs.gpus > 0,
      [&](const Node& n) { return n.gpus_free.size() < static_cast<std::size_t>(needs.gpus); },
      [](const Node& n) { return counted(n.gpus_free.size()); });
  add(
      cores(needs.cpu) + " cores", needs.cpu > 0,
      [&](const Node& n) { return n.cpu_free + cpu_slack < needs.cpu; },
      [](const Node& n) { return cores(std::max(0.0, n.cpu_free)); });
  add(
      gibibytes(needs.memory_bytes) + " of memory", needs.memory_bytes > 0,
      [&](const Node& n) { return n.memory_free < needs.memory_bytes; },
      [](const Node& n) { return gibibytes(std::max<std::int64_t>(0, n.memory_free)); });
  for (const auto& [name, amount] : needs.others) {
    auto free = [&name = name](const Node& n) {
      return std::max(0.0, amount_of(n.others_free, name));
    };
    add(
        cores(amount) + " " + name, amount > 0,
        [&, amount = amount](const Node& n) { return free(n) + cpu_slack < amount; },
        [&](const Node& n) { return free(n) > 0 ? cores(free(n)) : "none"; });
  }
  if (!text.empty() && !all_suit)
    text += "; only nodes with " + kind_of(needs) + " count";
  return text;
}

std::optional<std::string> PlacementCore::impossible(const PlacementNeeds& needs) const {
  for (const auto& node : nodes_)
    if (node.could_hold(needs))
      return std::nullopt;
  if (nodes_.empty())
    return std::string(any_joined_ ? "no node is left" : "no node has joined yet") +
           "; start one with `autotune agent --join HOST:PORT`, or give the server --with-agent";
  if (auto missing = missing_kind(needs))
    return missing;
  const Node* largest = nullptr;
  for (const auto& node : nodes_)
    if (node.suits(needs) && (largest == nullptr || node.capacity.cpu > largest->capacity.cpu))
      largest = &node;
  std::string wanted;
  std::string has;
  for (const auto& [name, amount] : needs.others) {
    wanted += ", " + cores(amount) + " " + name;
    has += ", " + cores(amount_of(largest->capacity.others, name)) + " " + name;
  }
  auto kind = kind_of(needs);
  return "no node could ever hold it: it needs " + cores(needs.cpu) + " cores, " +
         gibibytes(needs.memory_bytes) + " of memory and " + std::to_string(needs.gpus) + " GPUs" +
         wanted + "; the largest node" + (kind.empty() ? "" : " with " + kind) + ", " +
         largest->capacity.name + ", has " + cores(largest->capacity.cpu) + " cores, " +
         gibibytes(largest->capacity.memory_bytes) + " and " +
         std::to_string(largest->capacity.gpus.size()) + " GPUs" + has;
}

/// Of what is needed the first thing that no node has, or that they have but not together.
std::optional<std::string> PlacementCore::missing_kind(const PlacementNeeds& needs) const {
  auto none = [this](const PlacementNeeds& part) {
    return std::none_of(nodes_.begin(), nodes_.end(),
                        [&](const Node& node) { return node.suits(part); });
  };
  for (const auto& [name, value] : needs.labels)
    if (none({.labels = {{name, value}}}))
      return "needs the label " + name + "=" + value +
             ", which no node has; give an agent --label " + name + "=" + value;
  for (const auto& claim : needs.claims)
    if (none({.claims = {claim}}))
      return "needs the claim " + claim + ", which no node holds; give an agent --volume " + claim +
             "=DIR";
  if (none(needs))
    return "needs a node with " + kind_of(needs) + "; none has all of these";
  for (const auto& [name, amount] : needs.others) {
    const Node* most = nullptr;
    double there = 0;
    for (const auto& node : nodes_) {
      double has = amount_of(node.capacity.others, name);
      if (has > there && node.suits(needs)) {
        most = &node;
        there = has;
      }
    }
    if (most == nullptr && amount > 0)
      return "needs " + cores(amount) + " " + name + ", which no node has";
    if (there + cpu_slack < amount)
      return "needs " + cores(amount) + " " + name + "; node " + most->capacity.name +
             " has the most, " + cores(there);
  }
  return std::nullopt;
}

}  // namespace autotune
