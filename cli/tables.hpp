// What people read: experiments and trials in columns, and as CSV. Pure but for the reader: text out of facts.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "cli/json_output.hpp"
#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune::cli {

enum class Format { table, wide, csv, json };

/// "" | "table" | "wide" | "csv" | "json".
Result<Format> format_of(const std::string& word);

struct OutputOptions {
  Format format = Format::table;
  std::int64_t now_ms = 0;  ///< wall clock, for what still runs
};

/// `get experiments` of a home without a database.
void write_no_experiments(const OutputOptions& options, std::ostream& out);

/// `get experiments`, newest last.
Result<void> write_experiments(StoreReader& store, const OutputOptions& options, std::ostream& out);

/// `get trials EXP`, in order of sequence. not_found where there is no such experiment.
Result<void> write_trials(StoreReader& store, const std::string& experiment,
                          const OutputOptions& options, std::ostream& out);

/// How an experiment's trials are shown as JSON and CSV.
TrialJson trial_json(const pb::ExperimentSummary& experiment,
                     const std::vector<pb::TrialSummary>& trials, std::int64_t now_ms);

/// `best EXP`; as JSON or in words: the best trial, with several goals the Pareto front. not_found where no trial has
/// succeeded with a finite result, or none meets the constraints.
Result<void> write_best(StoreReader& store, const std::string& experiment,
                        const OutputOptions& options, std::ostream& out);

/// Text of a trial or a user on a terminal: control characters become "?".
std::string printable(const std::string& text);

}  // namespace autotune::cli
