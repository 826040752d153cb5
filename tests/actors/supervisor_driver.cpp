#include "supervisor_driver.hpp"

namespace autotune::test {

namespace {

std::string name_of(const pb::ReplicaKey& key) {
  return key.replica() + (key.restart() > 0 ? "#" + std::to_string(key.restart()) : "");
}

}  // namespace

std::string word_of(const SupervisorEffect& effect) {
  return std::visit(
      []<class Effect>(const Effect& x) -> std::string {
        if constexpr (std::is_same_v<Effect, StartReplica>) {
          return "start " + name_of(x.key) +
                 (x.deadline ? " (" + std::to_string(x.deadline->count()) + " ms)" : "");
        } else if constexpr (std::is_same_v<Effect, StopReplica>) {
          return "stop " + name_of(x.key) + " " + std::to_string(x.grace.count()) + " ms";
        } else if constexpr (std::is_same_v<Effect, ReadReports>) {
          return "read " + x.key.replica() + " after " + std::to_string(x.after_line) +
                 (x.ended ? " to the end" : "");
        } else if constexpr (std::is_same_v<Effect, SendReports>) {
          return "reports " + std::to_string(x.message.reports_size());
        } else if constexpr (std::is_same_v<Effect, SendNews>) {
          switch (x.news.what_case()) {
            case pb::AttemptNews::kStarted: return "news: started";
            case pb::AttemptNews::kReplicaRestarted:
              return "news: " + x.news.replica_restarted().replica() + " restarts (" +
                     std::to_string(x.news.replica_restarted().restart()) + ")";
            case pb::AttemptNews::kNotice: return "news: " + x.news.notice().text();
            case pb::AttemptNews::kLinesRejected:
              return "news: rejected " + std::to_string(x.news.lines_rejected().total());
            default: return "news: ?";
          }
        } else {
          const auto& result = x.result;
          return "result " + result.outcome() +
                 (result.reason().empty() ? "" : ": " + result.reason()) +
                 (result.reports_size() > 0
                      ? " +" + std::to_string(result.reports_size()) + " reports"
                      : "");
        }
      },
      effect);
}

pb::AttemptPlan plan_of(const std::string& type, const std::vector<Role>& roles) {
  pb::AttemptPlan plan;
  plan.set_experiment_id("e");
  plan.set_sequence(7);
  plan.set_attempt(3);
  auto* training = plan.mutable_training_config();
  training->set_type(type);
  training->mutable_run_policy()->set_backoff_limit(3);
  training->mutable_run_policy()->set_clean_up_policy(pb::CLEAN_UP_POLICY_UNFINISHED);
  for (const auto& role : roles) {
    auto* task = training->add_tasks();
    task->set_role(role.name);
    task->set_replicas(role.replicas);
    task->set_restart_policy(role.restart);
  }
  return plan;
}

SupervisorDriver::SupervisorDriver(pb::AttemptPlan plan, SupervisorLimits limits)
    : now(Time{} + std::chrono::hours(1)), core(std::move(plan), limits) {}

pb::ReplicaKey SupervisorDriver::key(const std::string& replica, int restart) const {
  pb::ReplicaKey key;
  key.set_experiment_id("e");
  key.set_sequence(7);
  key.set_attempt(3);
  key.set_replica(replica);
  key.set_restart(restart);
  return key;
}

ReplicaExit SupervisorDriver::exit(const std::string& replica, pb::ExitCause cause, int code,
                                   int signal, int restart) const {
  ReplicaExit exit;
  *exit.mutable_key() = key(replica, restart);
  exit.set_cause(cause);
  exit.set_exit_code(code);
  exit.set_signal(signal);
  return exit;
}

Words SupervisorDriver::did(SupervisorEffects effects) {
  Words words;
  for (const auto& effect : effects) {
    words.push_back(word_of(effect));
    if (const auto* sent = std::get_if<SendResult>(&effect)) {
      result = sent->result;
      ++results;
    }
  }
  return words;
}

Words SupervisorDriver::started(const std::string& replica, int restart) {
  ReplicaStarted started;
  *started.mutable_key() = key(replica, restart);
  return did(core.on_started(now, started));
}

void SupervisorDriver::start_all() {
  auto effects = core.on_prepared(now);
  for (const auto& effect : effects)
    if (const auto* start = std::get_if<StartReplica>(&effect))
      started(start->key.replica());
}

Words SupervisorDriver::exited(const std::string& replica, int code, int restart) {
  return did(core.on_exit(now, exit(replica, pb::EXIT_CAUSE_EXITED, code, 0, restart)));
}

Words SupervisorDriver::exited(const std::string& replica, pb::ExitCause cause, int signal,
                               int restart) {
  return did(core.on_exit(now, exit(replica, cause, 0, signal, restart)));
}

Words SupervisorDriver::read(const std::string& replica, int count,
                             std::optional<double> final_value, bool more) {
  ReportBatch batch;
  auto& line = lines_[replica];
  auto add = [&](pb::ReportKind kind, double value) {
    auto& report = batch.reports.emplace_back();
    report.set_sequence(7);
    report.set_attempt(3);
    report.set_replica(replica);
    report.set_line(++line);
    report.set_kind(kind);
    auto* metric = report.add_metrics();
    metric->set_name("default");
    metric->set_value(value);
  };
  for (int i = 0; i < count; ++i)
    add(pb::REPORT_KIND_INTERMEDIATE, i);
  if (final_value)
    add(pb::REPORT_KIND_FINAL, *final_value);
  batch.last_line = line;
  batch.more = more;
  return did(core.on_reports(key(replica), batch));
}

Words SupervisorDriver::tick(std::chrono::milliseconds after) {
  now += after;
  return did(core.on_tick(now));
}

}  // namespace autotune::test
