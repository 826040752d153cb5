// One line of a reports file: `{"type":"intermediate","step":300,"value":0.97}`.
#pragma once

#include <string>
#include <string_view>

#include "messages/trial.pb.h"

namespace autotune {

/// What a line says. Value is a number or an object of numbers; "NaN", "Infinity" and "-Infinity" are numbers too
/// (also bare and in other spellings that print functions give). Members of the object that are no numbers are left
/// out, except under "default". Other members of the line are ignored.
struct ReportLine {
  pb::ReportKind kind = pb::REPORT_KIND_UNSPECIFIED;
  bool has_step = false;
  std::int64_t step = 0;
};

/// Reads a line (without its newline) into `line` and `metrics`. False: it is no report. About half a microsecond.
bool parse_report(std::string_view text, ReportLine& line,
                  google::protobuf::RepeatedPtrField<pb::Metric>& metrics);

/// A report as a line, its newline included.
std::string report_to_line(std::string_view type, double value);

}  // namespace autotune
