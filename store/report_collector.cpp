#include "store/report_collector.hpp"

#include <algorithm>
#include <limits>

#include "store/fault.hpp"
#include "store/metric_codec.hpp"

namespace autotune {

void ReportCollector::add(SqlStatement& from) {
  const auto sequence = from.integer(0);
  if (!reports_.empty() && reports_.back().sequence() != sequence)
    end_trial();
  numbers_.push_back(from.integer(9));
  auto& report = reports_.emplace_back();
  report.set_sequence(sequence);
  report.set_attempt(from.small(1));
  report.set_replica(replicas_[from.integer(2)]);
  report.set_line(from.integer(3));
  report.set_kind(static_cast<pb::ReportKind>(from.small(4)));
  report.set_step(from.integer(5));
  report.set_at_ms(from.integer(8));
  if (!from.is_null(7)) {
    if (!decode_metrics(from.bytes(7), *report.mutable_metrics()))
      throw StoreFault(ErrorCode::data_loss,
                       "a report of trial " + std::to_string(sequence) + " is damaged");
    return;
  }
  auto* metric = report.add_metrics();
  metric->set_name("default");
  metric->set_value(from.is_null(6) ? std::numeric_limits<double>::quiet_NaN() : from.real(6));
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
