// The tables of algorithms: their names, arguments, supported types, and how each is made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/result.hpp"
#include "messages/search_space.hpp"
#include "tuner/arguments.hpp"
#include "tuner/assessor.hpp"
#include "tuner/directed.hpp"
#include "tuner/space.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

enum class AlgorithmKind { tuner, assessor, advisor };

/// "tuner", "assessor" or "advisor".
std::string_view name_of(AlgorithmKind kind);

/// What a tuner is made from.
struct TunerSetting {
  Space space;
  Arguments arguments;  ///< checked
  std::int64_t seed = 0;
  Direction direction = Direction::minimize;  ///< for arguments that speak of values as reported
  std::size_t goals = 1;                      ///< more: trials come with losses in goal_values
  bool constrained = false;                   ///< trials come with violations
  std::string folder;  ///< the experiment's, for what its trials share; empty where it has none
};

/// What an assessor is made from.
struct AssessorSetting {
  Arguments arguments;                        ///< checked
  Direction direction = Direction::minimize;  ///< for arguments that speak of values as reported
};

/// One algorithm: the row that `autotune algorithms` prints, that classArgs are checked against,
/// and that makes it.
struct AlgorithmInfo {
  std::string name;
  std::vector<std::string> aliases;  ///< names are matched without regard to case
  AlgorithmKind kind = AlgorithmKind::tuner;
  std::string summary;  ///< one sentence
  std::string source;   ///< where it comes from
  std::vector<ParameterType> types;
  bool nested = false;         ///< nested choices
  bool several_goals = false;  ///< searches for several goals, or looks at no results at all
  /// Heeds violations itself; else a trial that breaks a constraint is told as one that failed.
  bool constraints = false;
  std::vector<ArgumentInfo> arguments;
  std::optional<Direction> default_direction;  ///< where neither objective nor classArgs say
  /// What else a space must fulfil; empty where it does.
  std::function<std::string(const SearchSpace&)> refuse_space;
  /// Why its trials must not be ended by an assessor; empty where they may.
  std::string refuse_assessor;
  std::function<std::unique_ptr<Tuner>(const TunerSetting&)> make_tuner;  ///< tuners and advisors
  std::function<std::unique_ptr<Assessor>(const AssessorSetting&)> make_assessor;  ///< assessors
};

/// Algorithms by their names: ours, and those that an embedder adds. It must outlive what is made from it.
class AlgorithmTable {
 public:
  /// Ours.
  AlgorithmTable();

  /// Adds one of the embedder's own at the end: its name (and aliases) then stand in builtinTunerName and the like, its
  /// arguments, types and spaces are checked by its row, and it is listed. invalid_argument: a name that is empty or
  /// taken, nothing that makes it, no types, two arguments of one name, a default that is not legal.
  Result<void> add(AlgorithmInfo row);

  /// In the order in which they are listed.
  const std::vector<AlgorithmInfo>& rows() const { return rows_; }
  /// The algorithm of that name or alias in one of these kinds; null where there is none.
  const AlgorithmInfo* find(std::string_view name,
                            std::initializer_list<AlgorithmKind> kinds) const;
  /// "Anneal, Batch, ...": the names of one kind.
  std::string names_of(AlgorithmKind kind) const;
  /// "Auto, TPE, ...": tuners and advisors that search for several goals.
  std::string names_for_several_goals() const;

 private:
  std::vector<AlgorithmInfo> rows_;
};

/// Ours alone.
const AlgorithmTable& built_in_algorithms();

/// All of ours, in the order in which they are listed.
inline const std::vector<AlgorithmInfo>& algorithms() { return built_in_algorithms().rows(); }

/// The one of ours with that name or alias in one of these kinds; null where there is none.
inline const AlgorithmInfo* find_algorithm(std::string_view name,
                                           std::initializer_list<AlgorithmKind> kinds) {
  return built_in_algorithms().find(name, kinds);
}

/// True for a name of the file format whose algorithm this version does not have.
bool known_but_absent(std::string_view name);

}  // namespace autotune
