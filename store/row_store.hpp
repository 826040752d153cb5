// Rows of experiments and trials, loaded at first use within a transaction and saved at its end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "store/rows.hpp"
#include "store/sql.hpp"

namespace autotune {

/// Throws what the database throws. There is one writer, so what it holds of trials that go on stays true between commits.
class RowStore {
 public:
  explicit RowStore(SqlDatabase& database);

  /// The experiment's row; null where there is none.
  ExperimentRow* experiment(const std::string& id);
  /// The row of a new experiment, with its key. The experiment must not exist.
  ExperimentRow& add(ExperimentRow row);
  /// The trial's row; null where there is none.
  TrialRow* trial(const ExperimentRow& experiment, Sequence sequence);
  TrialRow& add(const ExperimentRow& experiment, TrialRow row);
  /// The spec as stored, with what has been edited; empty where it cannot be read.
  pb::ExperimentSpec& spec(ExperimentRow& experiment);
  /// Fills in the row's objective.
  void read_objective(ExperimentRow& experiment);
  /// The number that stands for a replica's name.
  std::int64_t replica(const std::string& name);
  /// Removes an experiment and all its rows, secrets too.
  void remove(const std::string& id);

  /// Writes all changed rows.
  void save();
  /// After a commit: drops all but the rows of trials that go on.
  void settle();
  /// After a rollback: drops everything.
  void clear();

 private:
  pb::ExperimentSpec load_spec(const ExperimentRow& row);
  void save(ExperimentRow& row);
  void save(std::int64_t experiment, TrialRow& row);

  SqlDatabase& database_;
  std::unique_ptr<SqlStatement> load_experiment_;
  std::unique_ptr<SqlStatement> add_experiment_;
  std::unique_ptr<SqlStatement> save_experiment_;
  std::unique_ptr<SqlStatement> save_spec_;
  std::unique_ptr<SqlStatement> load_trial_;
  std::unique_ptr<SqlStatement> add_trial_;
  std::unique_ptr<SqlStatement> save_trial_;

  std::map<std::string, std::optional<ExperimentRow>> experiments_;
  std::map<std::pair<std::int64_t, Sequence>, std::optional<TrialRow>> trials_;
  std::map<std::string, std::int64_t> replicas_;
  std::map<std::string, std::shared_ptr<const Objective>>
      objectives_;  // never change, so they outlive `clear`
};

}  // namespace autotune
