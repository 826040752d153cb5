#include "store/report_collector.hpp"

#include <algorithm>
#include <limits>

#include "store/metric_codec.hpp"
#include "store/sqlite_error.hpp"

namespace autotune {

std::string_view view(const SQLite::Column& column) {
  const auto* data = static_cast<const char*>(column.getBlob());
  return {data == nullptr ? "" : data, static_cast<std::size_t>(column.getBytes())};
}

void ReportCollector::add(SQLite::Statement& from) {
  const auto sequence = from.getColumn(0).getInt64();
  if (!reports_.empty() && reports_.back().sequence() != sequence)
    end_trial();
  numbers_.push_back(from.getColumn(9).getInt64());
  auto& report = reports_.emplace_back();
  report.set_sequence(sequence);
  report.set_attempt(from.getColumn(1).getInt());
  report.set_replica(replicas_[from.getColumn(2).getInt64()]);
  report.set_line(from.getColumn(3).getInt64());
  report.set_kind(static_cast<pb::ReportKind>(from.getColumn(4).getInt()));
  report.set_step(from.getColumn(5).getInt64());
  report.set_at_ms(from.getColumn(8).getInt64());
  if (auto named = from.getColumn(7); !named.isNull()) {
    if (!decode_metrics(view(named), *report.mutable_metrics()))
      throw StoreFault(ErrorCode::data_loss,
                       "a report of trial " + std::to_string(sequence) + " is damaged");
    return;
  }
  auto* metric = report.add_metrics();
  metric->set_name("default");
  auto value = from.getColumn(6);
  metric->set_value(value.isNull() ? std::numeric_limits<double>::quiet_NaN() : value.getDouble());
}

std::vector<pb::Report> ReportCollector::finish() {
  end_trial();
  return std::move(reports_);
}

/// Rows come by replica and line; several replicas' reports are put into the order in which they were stored.
void ReportCollector::end_trial() {
  if (!std::is_sorted(numbers_.begin(), numbers_.end())) {
    std::vector<std::pair<std::int64_t, pb::Report>> trial;
    trial.reserve(numbers_.size());
    for (std::size_t i = 0; i < numbers_.size(); ++i)
      trial.emplace_back(numbers_[i], std::move(reports_[first_ + i]));
    std::sort(trial.begin(), trial.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < trial.size(); ++i)
      reports_[first_ + i] = std::move(trial[i].second);
  }
  numbers_.clear();
  first_ = reports_.size();
}

}  // namespace autotune
