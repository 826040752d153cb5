// `--warm-start`: finished trials of another experiment or of a CSV file, told to the tuner before its first suggestion.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messages/node.pb.h"
#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune::cli {

/// Opens what knows the other experiments.
using OpenStore = std::function<Result<std::unique_ptr<StoreReader>>()>;

struct WarmStart {
  pb::WarmStarted trials;
  std::vector<std::string> notices;  ///< what was left out, and what may be a slip
};

/// Reads `source` (a file, or an experiment that `open` knows by ID or name) and checks each trial against the spec's search
/// space. Errors: not_found (neither), invalid_argument (the first few trials that do not fit, with where and what would
/// be right).
Result<WarmStart> read_warm_start(const std::string& source, const OpenStore& open,
                                  const pb::ExperimentSpec& spec);

/// Adds what `source` holds to each submission and prints the notices on stderr; nothing where `source` is empty.
Result<void> add_warm_start(std::vector<pb::Submit>& submissions, const std::string& source,
                            const OpenStore& open);

}  // namespace autotune::cli
