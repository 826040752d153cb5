#include "tuner/algorithm_rows.hpp"
#include "tuner/batch.hpp"
#include "tuner/grid_search.hpp"
#include "tuner/random.hpp"

namespace autotune {

namespace {

std::string refuse_unless_one_choice(const SearchSpace& space) {
  if (space.parameters.size() == 1)
    return "";
  return "Batch needs exactly one parameter, of type choice, whose members are the sets to try; "
         "this space has " +
         std::to_string(space.parameters.size());
}

}  // namespace

AlgorithmInfo random_row() {
  AlgorithmInfo row;
  row.name = "Random";
  row.aliases = {"RandomTuner"};
  row.summary = "Independent draws from the search space, without repetition where it is finite.";
  row.source = "Bergstra, Bengio 2012, Random Search for Hyper-Parameter Optimization";
  row.several_goals = true;  // looks at no results
  row.types = plain_types();
  row.nested = true;
  row.arguments = {optimize_mode(), seed_argument()};
  row.make_tuner = [](const TunerSetting& s) {
    return std::make_unique<RandomTuner>(s.space, s.seed);
  };
  return row;
}

AlgorithmInfo grid_row() {
  AlgorithmInfo row;
  row.name = "GridSearch";
  row.aliases = {"GridSearchTuner"};
  row.summary =
      "Every combination once; continuous parameters are halved more finely from epoch to epoch.";
  row.source = "NNI 3.0's gridsearch_tuner";
  row.several_goals = true;  // looks at no results
  row.types = plain_types();
  row.nested = true;
  row.arguments = {optimize_mode()};
  row.make_tuner = [](const TunerSetting& s) { return std::make_unique<GridSearchTuner>(s.space); };
  return row;
}

AlgorithmInfo batch_row() {
  AlgorithmInfo row;
  row.name = "Batch";
  row.aliases = {"BatchTuner"};
  row.summary = "The members of one choice in their order, each once.";
  row.source = "NNI 3.0's batch_tuner";
  row.several_goals = true;  // looks at no results
  row.types = {ParameterType::choice};
  row.arguments = {optimize_mode()};
  row.refuse_space = refuse_unless_one_choice;
  row.make_tuner = [](const TunerSetting& s) {
    return std::make_unique<BatchTuner>(s.space[0].parameter());
  };
  return row;
}

}  // namespace autotune
