// A space that a given algorithm can search, out of one that most can.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "spaces.hpp"
#include "tuner/algorithms.hpp"

namespace autotune::test {

inline SearchSpace list_space(int n) {
  std::vector<Value> members;
  for (int i = 0; i < n; ++i)
    members.push_back(Value(Object{{"x", Value::integer(i)}}));
  return {{choice("list", std::move(members))}};
}

/// Takes lists of configurations alone.
inline bool lists(const std::string& name) { return name == "Batch"; }

/// Searches layer_choice and input_choice alone.
inline bool builds(const std::string& name) { return name == "PPOTuner"; }

/// 7 * 7 * 7 * 4 * 3 = 4116 networks.
inline SearchSpace networks() {
  std::vector<Value> inputs{std::string("a"), std::string("b"), std::string("c")};
  return {{layer("l1", 7), layer("l2", 7), layer("l3", 7), input("i1", inputs, {0, 1}),
           input("i2", inputs, {1})}};
}

inline bool nests(const std::string& name) {
  return find_algorithm(name, {AlgorithmKind::tuner, AlgorithmKind::advisor})->nested;
}

/// The space, for a tuner that doesn't nest without what is nested, or for a tuner that only takes
/// lists, a list of that many members.
inline SearchSpace space_for(const std::string& name, SearchSpace space, int members) {
  if (lists(name))
    return list_space(members);
  if (builds(name))
    return networks();
  if (!nests(name))
    std::erase_if(space.parameters, [](const auto& p) { return !p.branches.empty(); });
  return space;
}

}  // namespace autotune::test
