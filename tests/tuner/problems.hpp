// Objectives with known optimum on which the tests and `tuner_quality` judge tuners.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "messages/search_space.hpp"
#include "messages/value.hpp"

namespace autotune::test {

/// All are minimised.
struct Problem {
  std::string name;
  bool held_out = false;  ///< a check of constants that were chosen on the others
  SearchSpace space;
  std::function<double(const Value&)> loss;
  double optimum = 0;  ///< the least loss, known by construction or from long searches
  double median = 0;   ///< of a random sample's loss

  /// 0 at the optimum, 1 at the median random sample.
  double regret(double loss) const { return (loss - optimum) / (median - optimum); }
};

/// The classics that the bench beside the project uses, and a held-out set of our own.
const std::vector<Problem>& problems();

}  // namespace autotune::test
