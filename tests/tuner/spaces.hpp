// Search spaces that the tests of tuner/ share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "messages/search_space.hpp"

namespace autotune::test {

inline Parameter bounded(std::string name, ParameterType type, double low, double high,
                         double q = 0) {
  Parameter p;
  p.name = std::move(name);
  p.type = type;
  p.low = low;
  p.high = high;
  p.q = q;
  return p;
}

inline Parameter gaussian(std::string name, ParameterType type, double mu, double sigma,
                          double q = 0) {
  Parameter p;
  p.name = std::move(name);
  p.type = type;
  p.mu = mu;
  p.sigma = sigma;
  p.q = q;
  return p;
}

inline Parameter choice(std::string name, std::vector<Value> choices) {
  Parameter p;
  p.name = std::move(name);
  p.choices = std::move(choices);
  return p;
}

inline Parameter nested(std::string name, std::vector<Branch> branches) {
  Parameter p;
  p.name = std::move(name);
  p.branches = std::move(branches);
  return p;
}

inline Parameter layer(std::string name, int count) {
  Parameter p;
  p.name = std::move(name);
  p.type = ParameterType::layer_choice;
  for (int i = 0; i < count; ++i)
    p.choices.emplace_back("op" + std::to_string(i));
  return p;
}

inline Parameter input(std::string name, std::vector<Value> candidates, std::vector<int> n_chosen) {
  Parameter p;
  p.name = std::move(name);
  p.type = ParameterType::input_choice;
  p.choices = std::move(candidates);
  p.n_chosen = std::move(n_chosen);
  return p;
}

inline Value number(const char* text) { return Number{text}; }

/// x0 .. x(n-1), each uniform in [0, 1].
inline SearchSpace cube(int n) {
  SearchSpace space;
  for (int i = 0; i < n; ++i)
    space.parameters.push_back(bounded("x" + std::to_string(i), ParameterType::uniform, 0, 1));
  return space;
}

/// Every type that is not PPO's, and a choice that opens spaces two levels deep.
inline SearchSpace mixed_space() {
  using T = ParameterType;
  SearchSpace space;
  space.parameters = {
      bounded("u", T::uniform, -1, 3),
      bounded("qu", T::quniform, 0.5, 9.5, 0.5),
      bounded("lu", T::loguniform, 1e-6, 1),
      bounded("qlu", T::qloguniform, 2, 1024, 2),
      bounded("ri", T::randint, -3, 8),
      choice("c", {std::string("a"), number("1"), number("2.50"), true, nullptr,
                   Array{number("1"), number("2")}}),
      gaussian("n", T::normal, 0, 1),
      gaussian("qn", T::qnormal, 5, 2, 1),
      gaussian("ln", T::lognormal, 0, 1),
      gaussian("qln", T::qlognormal, 1, 1, 0.5),
      nested(
          "nest",
          {Branch{"A", {bounded("x", T::uniform, 0, 1)}},
           Branch{"B",
                  {nested("deep", {Branch{"p", {bounded("z", T::randint, 0, 3)}}, Branch{"q", {}}}),
                   bounded("y", T::uniform, 5, 6)}}}),
  };
  return space;
}

/// 3 * 4 + 3 * (3 + 1) * 2 = 36 points.
inline SearchSpace finite_space() {
  using T = ParameterType;
  SearchSpace space;
  space.parameters = {
      bounded("r", T::randint, 2, 5),
      nested(
          "n",
          {Branch{"A", {bounded("x", T::quniform, 0, 0.3, 0.1)}},
           Branch{"B",
                  {nested("deep", {Branch{"p", {bounded("z", T::randint, 0, 3)}}, Branch{"q", {}}}),
                   choice("c", {std::string("s"), std::string("t")})}}}),
  };
  return space;
}

/// 3 * 4 * 3 = 36 points, nothing nested.
inline SearchSpace finite_plain_space() {
  using T = ParameterType;
  return {{bounded("r", T::randint, 2, 5), bounded("x", T::quniform, 0, 0.3, 0.1),
           choice("c", {std::string("s"), std::string("t"), std::string("u")})}};
}

}  // namespace autotune::test
