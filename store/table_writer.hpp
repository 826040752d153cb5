// What writes do to the tables, whichever database holds them; the transaction around them is the caller's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "store/row_store.hpp"
#include "store/sql.hpp"
#include "store/store.hpp"

namespace autotune {

/// Throws what the database throws, and StoreFault.
class TableWriter {
 public:
  /// `key_path`: of the key that encrypts secrets, made at its first use.
  TableWriter(SqlDatabase& database, std::filesystem::path key_path);

  void write(const std::vector<StoreWrite>& writes);
  /// What was written has been committed.
  void settle();
  /// It has been rolled back.
  void forget();

 private:
  void apply_write(const AppendEvents& append);
  void apply_write(const AddReports& add);
  void apply_write(const PutSecrets& put);
  void apply_write(const DeleteExperiment& gone);
  void apply_write(const TouchRunningTime& touch);
  void add_event(ExperimentRow& experiment, const pb::Event& event);
  void apply_to_rows(ExperimentRow& experiment, const pb::Event& event,
                     std::optional<Sequence> sequence, std::int64_t number);
  void add_reports(ExperimentRow& experiment, const std::vector<pb::Report>& reports);
  bool add_report(ExperimentRow& experiment, const pb::Report& report, std::int64_t replica);

  SqlDatabase& database_;
  std::filesystem::path key_path_;
  RowStore rows_;
  std::unique_ptr<SqlStatement> add_event_;
  std::unique_ptr<SqlStatement> add_report_;
  std::int64_t last_event_ = 0;
  std::int64_t committed_event_ = 0;
};

}  // namespace autotune
