// Reads the fields of `spec` that are small objects of their own: storage, aistore, trialPolicy,
// metricsCollector, launcher.
#pragma once

#include <string>

#include "config/reader.hpp"
#include "messages/experiment.pb.h"

namespace autotune::config {

void read_storage(const Fields& spec_fields, pb::ExperimentSpec& spec);
/// `aistore`, or its later names `em` and `aimd`.
void read_aistore(const Fields& spec_fields, pb::ExperimentSpec& spec);
void read_trial_policy(const Fields& spec_fields, pb::ExperimentSpec& spec);
void read_metrics_collector(const Fields& spec_fields, pb::ExperimentSpec& spec);
/// A name, or a mapping with `kind`; `otherwise` where the file names none.
void read_launcher(const Fields& spec_fields, const std::string& otherwise,
                   const std::vector<std::string>& more, pb::ExperimentSpec& spec);

}  // namespace autotune::config
