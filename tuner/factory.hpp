// From what an experiment's spec says to checked, ready algorithms.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "messages/experiment.pb.h"
#include "messages/result.hpp"
#include "messages/search_space.hpp"
#include "tuner/algorithms.hpp"

namespace autotune {

/// All that is wrong with the tuner, assessor or advisor of a spec: names, arguments, directions
/// that contradict each other, and a search space that the algorithm cannot search. Paths are
/// relative to the spec: "tuner.classArgs.gamma". What is ignored (an advisor beside a tuner, an
/// assessor beside an advisor) is not checked.
std::vector<AlgorithmError> check_algorithms(const pb::ExperimentSpec& spec,
                                             const SearchSpace& space,
                                             const AlgorithmTable& table = built_in_algorithms());

/// Which values are better: objective.goal, else optimize_mode in the tuner's (or advisor's)
/// classArgs, else in the assessor's, else the algorithm's default, else maximize.
Direction direction_of(const pb::ExperimentSpec& spec,
                       const AlgorithmTable& table = built_in_algorithms());

/// The same for each goal, the first one's first: objective.goals with several, else direction_of alone.
std::vector<Direction> directions_of(const pb::ExperimentSpec& spec,
                                     const AlgorithmTable& table = built_in_algorithms());

/// The tuner (or advisor) of the spec, for values as they are reported. `classArgs.seed` wins over `seed`; `folder`
/// is the experiment's, below which trials may share files. invalid_argument: what check_algorithms says.
Result<std::unique_ptr<Tuner>> make_tuner(const pb::ExperimentSpec& spec, const SearchSpace& space,
                                          std::int64_t seed, const std::string& folder = "",
                                          const AlgorithmTable& table = built_in_algorithms());

/// The assessor of the spec, for values as they are reported; null where it has none (or an advisor
/// rules). invalid_argument: what check_algorithms says.
Result<std::unique_ptr<Assessor>> make_assessor(
    const pb::ExperimentSpec& spec, const AlgorithmTable& table = built_in_algorithms());

/// The name of the tuner or advisor that decides: "Auto" where the spec names none.
std::string deciding_algorithm(const pb::ExperimentSpec& spec,
                               const AlgorithmTable& table = built_in_algorithms());

}  // namespace autotune
