#include "cli/event_words.hpp"

#include <cstdio>

#include <google/protobuf/descriptor.h>

#include "cli/json_output.hpp"
#include "cli/run_view.hpp"
#include "cli/tables.hpp"

namespace autotune::cli {
namespace {

std::string trial(std::int64_t sequence) { return "trial " + std::to_string(sequence); }

std::string attempt(std::int64_t sequence, std::int32_t number) {
  return trial(sequence) + ", attempt " + std::to_string(number);
}

std::string because(const std::string& reason) { return reason.empty() ? "" : ": " + reason; }

std::string words(const pb::ExperimentSubmitted& submitted) {
  return "submitted with seed " + std::to_string(submitted.seed());
}

std::string words(const pb::TrialCreated& created) {
  auto from = created.origin() == "user"      ? " by the user"
              : created.origin() == "initial" ? " from initialTrials"
                                              : "";
  return trial(created.sequence()) + " (" + created.id() + ") created" + from + ": " +
         parameters_text(created.parameters_json());
}

std::string words(const pb::AttemptEnded& ended) {
  auto how = ended.signal() != 0      ? ", signal " + std::to_string(ended.signal())
             : ended.exit_code() != 0 ? ", exit code " + std::to_string(ended.exit_code())
                                      : "";
  return attempt(ended.sequence(), ended.attempt()) + " ended " + ended.outcome() + how +
         because(ended.reason());
}

std::string words(const pb::TrialRequeued& requeued) {
  char wait[64] = "";
  if (requeued.not_before_ms() > 0)
    std::snprintf(wait, sizeof wait, " for at least %.1f s",
                  static_cast<double>(requeued.not_before_ms()) / 1000);
  return trial(requeued.sequence()) + " waits again" + wait + because(requeued.reason());
}

std::string words(const pb::TrialEnded& ended) {
  auto text = trial(ended.sequence()) + " ended " + word_of(ended.state());
  for (const auto& metric : ended.final_metrics())
    text += ", " + metric.name() + " = " + metric_text(metric.value());
  return text + because(ended.reason());
}

std::string words(const pb::LinesRejected& rejected) {
  auto text = attempt(rejected.sequence(), rejected.attempt()) + ", " + rejected.replica() + ": ";
  text += rejected.total() == 1 ? "a line is" : std::to_string(rejected.total()) + " lines are";
  text += " no report (line";
  for (int i = 0; i < rejected.lines_size(); ++i)
    text += (i == 0 ? " " : ", ") + std::to_string(rejected.lines(i));
  return text + "): " + rejected.example();
}

std::string raw_words(const pb::Event& event) {
  switch (event.what_case()) {
    case pb::Event::kExperimentSubmitted: return words(event.experiment_submitted());
    case pb::Event::kPhaseChanged:
      return "phase " + word_of(event.phase_changed().phase()) +
             because(event.phase_changed().reason());
    case pb::Event::kTrialCreated: return words(event.trial_created());
    case pb::Event::kAttemptLaunched:
      return attempt(event.attempt_launched().sequence(), event.attempt_launched().attempt()) +
             " is launched on " + event.attempt_launched().node();
    case pb::Event::kAttemptStarted:
      return attempt(event.attempt_started().sequence(), event.attempt_started().attempt()) +
             " runs";
    case pb::Event::kAttemptEnded: return words(event.attempt_ended());
    case pb::Event::kTrialRequeued: return words(event.trial_requeued());
    case pb::Event::kTrialEnded: return words(event.trial_ended());
    case pb::Event::kTrialStopRequested:
      return trial(event.trial_stop_requested().sequence()) + " is to stop, says the " +
             event.trial_stop_requested().by() + because(event.trial_stop_requested().reason());
    case pb::Event::kTrialEnqueued:
      return "the user wants to try " + parameters_text(event.trial_enqueued().parameters_json());
    case pb::Event::kSpecEdited:
      return event.spec_edited().path() + " is now " + event.spec_edited().value();
    case pb::Event::kLinesRejected: return words(event.lines_rejected());
    case pb::Event::kReplicaRestarted:
      return attempt(event.replica_restarted().sequence(), event.replica_restarted().attempt()) +
             ", " + event.replica_restarted().replica() + " restarts for the " +
             std::to_string(event.replica_restarted().restart()) + ". time" +
             because(event.replica_restarted().reason());
    case pb::Event::kNotice:
      return (event.notice().sequence() >= 0 ? trial(event.notice().sequence()) + ": " : "") +
             event.notice().text();
    case pb::Event::kWarmStarted: return "warm start: " + warm_start_text(event.warm_started());
    case pb::Event::WHAT_NOT_SET: return "an event that this version does not know";
  }
  return "an event that this version does not know";
}

}  // namespace

std::string words_of(const pb::Event& event) { return printable(raw_words(event)); }

std::string warm_start_text(const pb::WarmStarted& warm) {
  return std::to_string(warm.trials_size()) + (warm.trials_size() == 1 ? " trial" : " trials") +
         " from " + warm.source();
}

std::string kind_of(const pb::Event& event) {
  const auto* field =
      pb::Event::descriptor()->FindFieldByNumber(static_cast<int>(event.what_case()));
  return field == nullptr ? "unknown" : field->json_name();
}

}  // namespace autotune::cli
