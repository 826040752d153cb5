#include "cli/intermediate_reports.hpp"

namespace autotune::cli {
namespace {

constexpr std::int64_t reports_at_once_max = 200'000;  // some 50 MB

}  // namespace

Result<void> IntermediateReports::open(const std::vector<pb::TrialSummary>& trials) {
  std::int64_t total = 0;
  for (const auto& trial : trials)
    total += trial.intermediate_count();
  at_once_ = total <= reports_at_once_max;
  if (!at_once_)
    return {};
  auto reports = store_.reports(experiment_id_, std::nullopt, pb::REPORT_KIND_INTERMEDIATE);
  if (!reports)
    return tl::unexpected(reports.error());
  reports_ = std::move(*reports);
  return {};
}

Result<std::span<const pb::Report>> IntermediateReports::of(Sequence sequence) {
  if (!at_once_) {
    auto reports = store_.reports(experiment_id_, sequence, pb::REPORT_KIND_INTERMEDIATE);
    if (!reports)
      return tl::unexpected(reports.error());
    reports_ = std::move(*reports);
    return std::span<const pb::Report>(reports_);
  }
  while (next_ < reports_.size() && reports_[next_].sequence() < sequence)
    ++next_;
  auto end = next_;
  while (end < reports_.size() && reports_[end].sequence() == sequence)
    ++end;
  return std::span<const pb::Report>(reports_).subspan(next_, end - next_);
}

}  // namespace autotune::cli
