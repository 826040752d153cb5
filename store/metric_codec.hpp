// A list of named numbers as bytes in a row: SQLite would turn NaN into NULL.
#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/repeated_ptr_field.h>

#include "messages/trial.pb.h"

namespace autotune {

using Metrics = google::protobuf::RepeatedPtrField<pb::Metric>;

/// Per metric: the name's length (4 bytes), the name, the number's 8 bytes; little endian.
std::string encode_metrics(const Metrics& metrics);

/// Appends to `metrics`; false where the bytes are none of `encode_metrics`.
bool decode_metrics(std::string_view bytes, Metrics& metrics);

/// The metric of that name; null where there is none.
const pb::Metric* find_metric(const Metrics& metrics, std::string_view name);

/// The metric that an objective called `name` means: that of the name, else a bare number, whatever the objective is
/// called; null where neither is there.
const pb::Metric* find_objective(const Metrics& metrics, std::string_view name);

}  // namespace autotune
