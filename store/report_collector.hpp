// Rows of reports put together as messages, in the order in which they were stored.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "messages/trial.pb.h"
#include "store/sql.hpp"

namespace autotune {

/// Takes rows trial by trial (sequence, attempt, replica, line, kind, step, value, named, at_ms, number); throws
/// StoreFault where one is damaged.
class ReportCollector {
 public:
  explicit ReportCollector(std::unordered_map<std::int64_t, std::string> replicas)
      : replicas_(std::move(replicas)) {}

  void add(SqlStatement& from);
  std::vector<pb::Report> finish();

 private:
  void end_trial();

  std::unordered_map<std::int64_t, std::string> replicas_;
  std::vector<pb::Report> reports_;
  std::vector<std::int64_t> numbers_;  ///< of the reports from `first_` on
  std::size_t first_ = 0;
};

}  // namespace autotune
