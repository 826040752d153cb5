#include "messages/search_space.hpp"

namespace autotune {

std::string_view name_of(ParameterType type) {
  switch (type) {
    case ParameterType::choice: return "choice";
    case ParameterType::randint: return "randint";
    case ParameterType::uniform: return "uniform";
    case ParameterType::quniform: return "quniform";
    case ParameterType::loguniform: return "loguniform";
    case ParameterType::qloguniform: return "qloguniform";
    case ParameterType::normal: return "normal";
    case ParameterType::qnormal: return "qnormal";
    case ParameterType::lognormal: return "lognormal";
    case ParameterType::qlognormal: return "qlognormal";
    case ParameterType::layer_choice: return "layer_choice";
    case ParameterType::input_choice: return "input_choice";
  }
  return "unknown";
}

}  // namespace autotune
