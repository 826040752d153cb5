#include "actors/placement_core.hpp"

#include <algorithm>
#include <cstdio>

namespace autotune {

namespace {

constexpr double cpu_slack = 1e-6;  // sums of fractions of cores are not exact

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

}  // namespace

PlacementCore::PlacementCore(std::vector<NodeCapacity> nodes) {
  for (auto& capacity : nodes)
    nodes_.push_back({capacity, capacity.cpu, capacity.memory_bytes, capacity.gpus});
}

PlacementEffects PlacementCore::on_request(PlacementRequest request) {
  // Asked twice: its experiment died before it wrote down what it was granted.
  if (auto held = held_.find({request.experiment_id, request.sequence}); held != held_.end())
    return {PlacementGranted{std::move(request), held->second.node, held->second.gpus}};
  for (const auto& one : waiting_)
    if (one.experiment_id == request.experiment_id && one.sequence == request.sequence)
      return {PlacementWaits{request, why_not(request.needs)}};
  if (auto granted = try_place(request))
    return {std::move(*granted)};
  auto why = why_not(request.needs);
  waiting_.push_back(request);
  return {PlacementWaits{std::move(request), std::move(why)}};
}

PlacementEffects PlacementCore::on_release(const std::string& experiment_id, Sequence sequence) {
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                [&](const PlacementRequest& request) {
                                  return request.experiment_id == experiment_id &&
                                         request.sequence == sequence;
                                }),
                 waiting_.end());
  auto found = held_.find({experiment_id, sequence});
  if (found == held_.end())
    return {};
  give_back(found->second);
  held_.erase(found);
  return serve_waiting();
}

void PlacementCore::give_back(const Held& held) {
  for (auto& node : nodes_) {
    if (node.capacity.name != held.node)
      continue;
    node.cpu_free += held.needs.cpu;
    node.memory_free += held.needs.memory_bytes;
    node.gpus_free.insert(node.gpus_free.end(), held.gpus.begin(), held.gpus.end());
    std::sort(node.gpus_free.begin(), node.gpus_free.end());
  }
}

PlacementEffects PlacementCore::serve_waiting() {
  PlacementEffects effects;
  std::deque<PlacementRequest> still;
  for (auto& request : waiting_) {
    if (auto granted = try_place(request))
      effects.push_back(std::move(*granted));
    else
      still.push_back(std::move(request));
  }
  waiting_ = std::move(still);
  return effects;
}

PlacementEffects PlacementCore::on_replayed(const std::string& experiment_id,
                                            const PlacementNeeds& needs,
                                            const std::vector<HeldPlace>& places) {
  std::erase_if(waiting_,
                [&](const auto& request) { return request.experiment_id == experiment_id; });
  std::erase_if(held_, [&](const auto& entry) {
    bool its = entry.first.first == experiment_id;
    if (its)
      give_back(entry.second);
    return its;
  });
  for (const auto& place : places) {
    for (auto& node : nodes_) {
      if (node.capacity.name != place.node)
        continue;
      node.cpu_free -= needs.cpu;
      node.memory_free -= needs.memory_bytes;
      for (const auto& gpu : place.gpus)
        std::erase(node.gpus_free, gpu);
      held_[{experiment_id, place.sequence}] = {needs, place.node, place.gpus};
    }
  }
  return serve_waiting();
}

std::optional<PlacementGranted> PlacementCore::try_place(const PlacementRequest& request) {
  const auto& needs = request.needs;
  for (auto& node : nodes_) {
    if ((needs.cpu > 0 && node.cpu_free + cpu_slack < needs.cpu) ||
        (needs.memory_bytes > 0 && node.memory_free < needs.memory_bytes) ||
        node.gpus_free.size() < static_cast<std::size_t>(needs.gpus))
      continue;
    node.cpu_free -= needs.cpu;
    node.memory_free -= needs.memory_bytes;
    std::vector<std::string> gpus(node.gpus_free.begin(), node.gpus_free.begin() + needs.gpus);
    node.gpus_free.erase(node.gpus_free.begin(), node.gpus_free.begin() + needs.gpus);
    held_[{request.experiment_id, request.sequence}] = {needs, node.capacity.name, gpus};
    return PlacementGranted{request, node.capacity.name, std::move(gpus)};
  }
  return std::nullopt;
}

std::string PlacementCore::why_not(const PlacementNeeds& needs) const {
  if (auto never = impossible(needs))
    return *never;
  std::string what;
  auto add = [&](const std::string& text) { what += (what.empty() ? "" : ", ") + text; };
  std::size_t gpus = 0;
  double cpu = 0;
  std::int64_t memory = 0;
  for (const auto& node : nodes_) {
    gpus = std::max(gpus, node.gpus_free.size());
    cpu = std::max(cpu, node.cpu_free);
    memory = std::max(memory, node.memory_free);
  }
  if (gpus < static_cast<std::size_t>(needs.gpus))
    add(std::to_string(needs.gpus) + " GPUs (" + std::to_string(gpus) + " free)");
  if (cpu + cpu_slack < needs.cpu)
    add(cores(needs.cpu) + " cores (" + cores(cpu) + " free)");
  if (memory < needs.memory_bytes)
    add(gibibytes(needs.memory_bytes) + " of memory (" + gibibytes(memory) + " free)");
  return "needs " + (what.empty() ? "more on one node than any has free" : what);
}

std::optional<std::string> PlacementCore::impossible(const PlacementNeeds& needs) const {
  for (const auto& node : nodes_) {
    if (node.capacity.cpu + cpu_slack >= needs.cpu &&
        node.capacity.memory_bytes >= needs.memory_bytes &&
        node.capacity.gpus.size() >= static_cast<std::size_t>(needs.gpus))
      return std::nullopt;
  }
  if (nodes_.empty())
    return "there is no node";
  const auto& largest = *std::max_element(nodes_.begin(), nodes_.end(), [](auto& a, auto& b) {
    return a.capacity.cpu < b.capacity.cpu;
  });
  return "no node could ever hold it: it needs " + cores(needs.cpu) + " cores, " +
         gibibytes(needs.memory_bytes) + " of memory and " + std::to_string(needs.gpus) +
         " GPUs; the largest node, " + largest.capacity.name + ", has " +
         cores(largest.capacity.cpu) + " cores, " + gibibytes(largest.capacity.memory_bytes) +
         " and " + std::to_string(largest.capacity.gpus.size()) + " GPUs";
}

}  // namespace autotune
