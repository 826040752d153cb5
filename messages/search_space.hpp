// What a search space says: config/ reads it from text, tuner/ searches it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/value.hpp"

namespace autotune {

enum class ParameterType {
  choice,
  randint,
  uniform,
  quniform,
  loguniform,
  qloguniform,
  normal,
  qnormal,
  lognormal,
  qlognormal,
  layer_choice,
  input_choice,
};

/// "quniform"; the name that `_type` has in a file.
std::string_view name_of(ParameterType type);

/// One branch of a nested choice: `{"_name": "conv", "kernel": {"_type": ...}}`.
struct Branch;

struct Parameter {
  std::string name;
  ParameterType type = ParameterType::choice;
  std::vector<Value>
      choices;  ///< choice (without branches), layer_choice, candidates of input_choice
  std::vector<Branch> branches;  ///< choice whose every element is a dict with `_name`
  double low = 0;                ///< the uniform family (inclusive), randint (inclusive)
  double high = 0;               ///< the uniform family (inclusive), randint (exclusive)
  double mu = 0;                 ///< the normal family; of the logarithm for lognormal
  double sigma = 1;              ///< likewise
  double q = 0;                  ///< step of the q types; 0 for others
  std::vector<int> n_chosen;     ///< input_choice: how many may be chosen (1, or 0 and 1)
};

struct Branch {
  std::string name;
  std::vector<Parameter> parameters;
};

struct SearchSpace {
  std::vector<Parameter> parameters;  ///< in the order of the file
};

}  // namespace autotune
