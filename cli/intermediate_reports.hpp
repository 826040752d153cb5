// The intermediate reports of an experiment, trial by trial, in bounded memory.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune::cli {

/// The intermediate reports of trial after trial: all read at once where they are not too many for the memory.
class IntermediateReports {
 public:
  IntermediateReports(StoreReader& store, std::string experiment_id)
      : store_(store), experiment_id_(std::move(experiment_id)) {}
  Result<void> open(const std::vector<pb::TrialSummary>& trials);
  /// Those of a trial. Asked in order of sequence.
  Result<std::span<const pb::Report>> of(Sequence sequence);

 private:
  StoreReader& store_;
  std::string experiment_id_;
  bool at_once_ = false;
  std::vector<pb::Report> reports_;
  std::size_t next_ = 0;
};

}  // namespace autotune::cli
