// What placement decided, as words that a test can compare.
#pragma once

#include <string>
#include <vector>

#include "actors/placement_core.hpp"

namespace autotune::test {

using Words = std::vector<std::string>;
constexpr std::int64_t gib = std::int64_t{1} << 30;

inline Words words(const PlacementEffects& effects) {
  Words all;
  for (const auto& effect : effects) {
    if (const auto* granted = std::get_if<PlacementGranted>(&effect)) {
      std::string text =
          "grant " + std::to_string(granted->request.sequence) + " on " + granted->node;
      for (const auto& gpu : granted->gpus)
        text += " gpu" + gpu;
      all.push_back(text);
    } else if (const auto* rests = std::get_if<PlacementRests>(&effect)) {
      all.push_back(rests->node + " rests " + std::to_string(rests->span.count()) + " ms");
    } else {
      const auto& waits = std::get<PlacementWaits>(effect);
      all.push_back(std::to_string(waits.request.sequence) + " waits: " + waits.why);
    }
  }
  return all;
}

inline PlacementRequest asks(const std::string& experiment, Sequence sequence, PlacementNeeds needs,
                             const std::string& queue = "", double priority = 0) {
  return {experiment, sequence, needs, queue, priority};
}

}  // namespace autotune::test
