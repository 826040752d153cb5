// What the tests of the store share: a folder that goes away, short ways to say an event.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "store/sqlite.hpp"

namespace autotune::test {

/// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto name = (std::filesystem::temp_directory_path() / "autotune-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path database() const { return database_path(path_); }

 private:
  std::filesystem::path path_;
};

/// The value of a result; the test fails with its error where there is none.
template <class T>
T value(Result<T> result) {
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result);
  if constexpr (!std::is_void_v<T>)
    return std::move(*result);
}

/// Most tests are not about power loss, and a sync costs milliseconds.
inline std::unique_ptr<StoreWriter> writer(const std::filesystem::path& path) {
  WriterOptions options;
  options.synchronous = Synchronous::normal;
  options.reserve_bytes = 0;
  return value(open_writer(path, options));
}

inline pb::Event at(std::int64_t at_ms, pb::Event event = {}) {
  event.set_at_ms(at_ms);
  return event;
}

inline pb::Event submitted(const std::string& name, pb::Goal goal = pb::GOAL_MAXIMIZE,
                           const std::string& metric = "default") {
  pb::Event event;
  auto* spec = event.mutable_experiment_submitted()->mutable_spec();
  spec->set_name(name);
  spec->set_max_trial_num(20);
  spec->set_trial_concurrency(3);
  spec->set_search_space_json(R"({"x": {"_type": "uniform", "_value": [0, 1]}})");
  auto* objective = spec->mutable_objective()->add_goals();
  objective->set_metric(metric);
  objective->set_goal(goal);
  event.mutable_experiment_submitted()->mutable_options()->set_folder("/somewhere");
  event.mutable_experiment_submitted()->set_seed(7);
  return event;
}

inline pb::Event phase(pb::Phase phase, const std::string& reason = "") {
  pb::Event event;
  event.mutable_phase_changed()->set_phase(phase);
  event.mutable_phase_changed()->set_reason(reason);
  return event;
}

inline pb::Event created(Sequence sequence, const std::string& parameters = R"({"x": 0.1})") {
  pb::Event event;
  auto* what = event.mutable_trial_created();
  what->set_sequence(sequence);
  what->set_id("t" + std::to_string(sequence));
  what->set_parameters_json(parameters);
  what->set_origin("tuner");
  return event;
}

inline pb::Event launched(Sequence sequence, std::int32_t attempt = 1,
                          const std::string& node = "here") {
  pb::Event event;
  event.mutable_attempt_launched()->set_sequence(sequence);
  event.mutable_attempt_launched()->set_attempt(attempt);
  event.mutable_attempt_launched()->set_node(node);
  return event;
}

inline pb::Event started(Sequence sequence, std::int32_t attempt = 1) {
  pb::Event event;
  event.mutable_attempt_started()->set_sequence(sequence);
  event.mutable_attempt_started()->set_attempt(attempt);
  return event;
}

inline pb::Event attempt_ended(Sequence sequence, std::int32_t attempt, const std::string& outcome,
                               const std::string& reason = "") {
  pb::Event event;
  auto* what = event.mutable_attempt_ended();
  what->set_sequence(sequence);
  what->set_attempt(attempt);
  what->set_outcome(outcome);
  what->set_reason(reason);
  return event;
}

inline pb::Event requeued(Sequence sequence, const std::string& reason) {
  pb::Event event;
  event.mutable_trial_requeued()->set_sequence(sequence);
  event.mutable_trial_requeued()->set_reason(reason);
  return event;
}

using Named = std::vector<std::pair<std::string, double>>;

inline pb::Event ended(Sequence sequence, pb::TrialState state, const Named& finals = {},
                       const std::string& reason = "") {
  pb::Event event;
  auto* what = event.mutable_trial_ended();
  what->set_sequence(sequence);
  what->set_state(state);
  what->set_reason(reason);
  for (const auto& [name, number] : finals) {
    auto* metric = what->add_final_metrics();
    metric->set_name(name);
    metric->set_value(number);
  }
  return event;
}

inline pb::Event notice(const std::string& text, Sequence sequence = -1) {
  pb::Event event;
  event.mutable_notice()->set_text(text);
  event.mutable_notice()->set_sequence(sequence);
  return event;
}

inline pb::Report report(Sequence sequence, std::int64_t line, const Named& metrics,
                         std::int32_t attempt = 1, const std::string& replica = "worker-0") {
  pb::Report out;
  out.set_sequence(sequence);
  out.set_attempt(attempt);
  out.set_replica(replica);
  out.set_line(line);
  out.set_kind(pb::REPORT_KIND_INTERMEDIATE);
  out.set_step(line * 10);
  out.set_at_ms(1000 + line);
  for (const auto& [name, number] : metrics) {
    auto* metric = out.add_metrics();
    metric->set_name(name);
    metric->set_value(number);
  }
  return out;
}

inline AppendEvents append(const std::string& id, std::vector<pb::Event> events,
                           std::vector<pb::Report> reports = {}) {
  return {id, std::move(reports), std::move(events)};
}

}  // namespace autotune::test
