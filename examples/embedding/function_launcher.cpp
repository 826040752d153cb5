#include "function_launcher.hpp"

using namespace autotune;

namespace {

AttemptKey key_of(const auto& x) { return {x.experiment_id(), x.sequence(), x.attempt()}; }

}  // namespace

Result<void> FunctionLauncher::prepare(const pb::AttemptPlan& plan) {
  auto parameters = parse_json(plan.parameters_json());
  if (!parameters)
    return tl::unexpected(parameters.error());
  attempts_[key_of(plan)] = {*parameters, std::nullopt};
  return {};
}

Result<std::vector<AdoptedReplica>> FunctionLauncher::adopt(const pb::AttemptPlan& plan) {
  auto prepared = prepare(plan);
  if (!prepared)
    return tl::unexpected(prepared.error());
  return std::vector<AdoptedReplica>();
}

void FunctionLauncher::start(const pb::ReplicaKey& key, std::optional<std::chrono::milliseconds>) {
  pb::ReplicaExit exit;
  *exit.mutable_key() = key;
  auto found = attempts_.find(key_of(key));
  if (found == attempts_.end()) {
    exit.set_cause(pb::EXIT_CAUSE_SPAWN_FAILED);
    exit.set_detail("its attempt was not prepared");
  } else {
    ReplicaStarted started;
    *started.mutable_key() = key;
    events_.emplace_back(std::move(started));
    exit.set_cause(pb::EXIT_CAUSE_EXITED);
    try {
      found->second.result = function_(found->second.parameters);
    } catch (const std::exception& e) {
      exit.set_exit_code(1);
      exit.set_detail(e.what());
    }
  }
  events_.emplace_back(std::move(exit));
  if (wake_)
    wake_();
}

Result<ReportBatch> FunctionLauncher::read_reports(const pb::ReplicaKey& key,
                                                   std::int64_t after_line, std::size_t, bool) {
  ReportBatch batch;
  auto found = attempts_.find(key_of(key));
  if (found == attempts_.end())
    return fail(ErrorCode::not_found, "its attempt was not prepared");
  if (!found->second.result)
    return batch;
  batch.last_line = 1;
  if (after_line >= 1)
    return batch;
  pb::Report report;
  report.set_sequence(key.sequence());
  report.set_attempt(key.attempt());
  report.set_replica(key.replica());
  report.set_line(1);
  report.set_kind(pb::REPORT_KIND_FINAL);
  auto* metric = report.add_metrics();
  metric->set_name("default");
  metric->set_value(*found->second.result);
  batch.reports.push_back(std::move(report));
  return batch;
}
