#include "experiment_driver.hpp"

#include <catch2/catch.hpp>

namespace autotune::test {

namespace {

std::string key(Sequence sequence, std::int32_t attempt) {
  return std::to_string(sequence) + "/" + std::to_string(attempt);
}

std::string with(std::string text, const std::string& more) {
  return more.empty() ? text : text + ": " + more;
}

template <class Enum>
std::string tail(const std::string& name, Enum) {
  return name.substr(name.find('_') + 1);
}

std::string numbers(const std::vector<double>& values) {
  std::string all;
  for (auto value : values) {
    char text[40];
    std::snprintf(text, sizeof text, "%g", value);
    all += (all.empty() ? "" : ", ") + std::string(text);
  }
  return all;
}

std::string value_of(const Trial& trial) {
  if (!trial.final_value)
    return "";
  auto goals = trial.goal_values.empty() ? std::vector{*trial.final_value} : trial.goal_values;
  CHECK(goals.front() == *trial.final_value);
  return " = " + numbers(goals) +
         (trial.violations.empty() ? "" : ", violations " + numbers(trial.violations));
}

const char* outcome_of(const Trial& trial) {
  switch (trial.outcome) {
    case TrialOutcome::running: return "running";
    case TrialOutcome::succeeded: return "succeeded";
    case TrialOutcome::failed: return "failed";
    case TrialOutcome::early_stopped: return "early stopped";
    case TrialOutcome::killed: return "killed";
  }
  return "?";
}

}  // namespace

std::string word_of(const pb::Event& event) {
  using E = pb::Event;
  switch (event.what_case()) {
    case E::kExperimentSubmitted: return "submitted";
    case E::kPhaseChanged:
      return with("phase " + tail(pb::Phase_Name(event.phase_changed().phase()), 0),
                  event.phase_changed().reason());
    case E::kTrialCreated:
      return "created " + std::to_string(event.trial_created().sequence()) + " " +
             event.trial_created().origin();
    case E::kAttemptLaunched:
      return "launched " +
             key(event.attempt_launched().sequence(), event.attempt_launched().attempt());
    case E::kAttemptStarted:
      return "started " +
             key(event.attempt_started().sequence(), event.attempt_started().attempt());
    case E::kAttemptEnded:
      return "ended " + key(event.attempt_ended().sequence(), event.attempt_ended().attempt()) +
             " " + event.attempt_ended().outcome();
    case E::kTrialRequeued: {
      const auto& one = event.trial_requeued();
      return "requeued " + std::to_string(one.sequence()) + (one.costs_retry() ? " retry" : "") +
             (one.lost() ? " lost" : "") +
             (one.not_before_ms() > 0 ? " in " + std::to_string(one.not_before_ms()) + " ms" : "");
    }
    case E::kTrialEnded: {
      auto state = pb::TrialState_Name(event.trial_ended().state()).substr(12);
      return with("trial " + std::to_string(event.trial_ended().sequence()) + " " + state,
                  event.trial_ended().reason());
    }
    case E::kTrialStopRequested:
      return "stop requested " + std::to_string(event.trial_stop_requested().sequence()) + " by " +
             event.trial_stop_requested().by();
    case E::kTrialEnqueued: return "enqueued " + event.trial_enqueued().parameters_json();
    case E::kSpecEdited:
      return "edited " + event.spec_edited().path() + "=" + event.spec_edited().value();
    case E::kLinesRejected:
      return "rejected " + std::to_string(event.lines_rejected().total()) + " lines";
    case E::kReplicaRestarted: return "restarted " + event.replica_restarted().replica();
    case E::kWarmStarted: return "warm start " + std::to_string(event.warm_started().trials_size());
    case E::kNotice: return "notice: " + event.notice().text();
    case E::WHAT_NOT_SET: break;
  }
  return "?";
}

std::string word_of(const ExperimentEffect& effect) {
  return std::visit(
      []<class Effect>(const Effect& x) -> std::string {
        if constexpr (std::is_same_v<Effect, Append>) {
          std::string all;
          for (const auto& event : x.events)
            all += (all.empty() ? "" : ", ") + word_of(event);
          auto reports =
              x.reports.empty() ? "" : "+" + std::to_string(x.reports.size()) + " reports";
          return "append[" + all + "]" + reports;
        } else if constexpr (std::is_same_v<Effect, Suggest>) {
          return "suggest " + std::to_string(x.sequence) +
                 (x.partial ? " from " + to_json(*x.partial) : "");
        } else if constexpr (std::is_same_v<Effect, TellBegan>) {
          return "tell began " + std::to_string(x.trial.sequence);
        } else if constexpr (std::is_same_v<Effect, TellEnded>) {
          return "tell " + std::string(outcome_of(x.trial)) + " " +
                 std::to_string(x.trial.sequence) + value_of(x.trial);
        } else if constexpr (std::is_same_v<Effect, Measure>) {
          return "measure " + key(x.sequence, x.attempt) + " step " +
                 std::to_string(x.measurement.step) + (x.assess ? "" : " without assessing");
        } else if constexpr (std::is_same_v<Effect, Place>) {
          return "place " + std::to_string(x.sequence);
        } else if constexpr (std::is_same_v<Effect, Hold>) {
          std::string all = "hold";
          for (const auto& one : x.held)
            all += " " + std::to_string(one.sequence);
          return all;
        } else if constexpr (std::is_same_v<Effect, Unplace>) {
          return "unplace " + std::to_string(x.sequence);
        } else if constexpr (std::is_same_v<Effect, Launch>) {
          return (x.adopt ? "adopt " : "launch ") + key(x.plan.sequence(), x.plan.attempt());
        } else if constexpr (std::is_same_v<Effect, StopAttempt>) {
          return with((x.hurry ? "hurry " : "stop ") + key(x.key.sequence, x.key.attempt),
                      x.reason);
        } else if constexpr (std::is_same_v<Effect, Release>) {
          return "release " + key(x.key.sequence, x.key.attempt);
        } else if constexpr (std::is_same_v<Effect, Touch>) {
          return "touch " + std::to_string(x.running_ms);
        } else {
          return "answer " + std::to_string(x.request);
        }
      },
      effect);
}

pb::ExperimentSpec small_spec(std::int64_t trials, int concurrency) {
  pb::ExperimentSpec spec;
  spec.set_name("small");
  spec.set_max_trial_num(trials);
  spec.set_trial_concurrency(concurrency);
  spec.set_search_space_json(R"({"x":{"_type":"uniform","_value":[0,1]}})");
  auto* task = spec.mutable_training_config()->add_tasks();
  task->set_role("worker");
  task->set_replicas(1);
  auto* goal = spec.mutable_objective()->add_goals();
  goal->set_metric("default");
  goal->set_goal(pb::GOAL_MAXIMIZE);
  return spec;
}

ExperimentDriver::ExperimentDriver(pb::ExperimentSpec spec)
    : now(Time{} + std::chrono::hours(1)), core("small-abcde"), spec_(std::move(spec)) {}

Moment ExperimentDriver::moment() const {
  return {now,
          std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count()};
}

Words ExperimentDriver::did(ExperimentEffects effects) {
  Words words;
  for (const auto& effect : effects) {
    words.push_back(word_of(effect));
    if (const auto* append = std::get_if<Append>(&effect))
      events.insert(events.end(), append->events.begin(), append->events.end());
  }
  check();
  return words;
}

Words ExperimentDriver::did(Result<ExperimentEffects> effects) {
  if (!effects)
    return {"error: " + effects.error().message};
  return did(std::move(*effects));
}

ExperimentCore ExperimentDriver::replayed(std::vector<Trial>* history) const {
  ExperimentCore again("small-abcde");
  for (const auto& event : events)
    again.replay(event, history);
  return again;
}

void ExperimentDriver::check() const {
  CHECK(core.check_invariants() == std::vector<std::string>{});  // NOLINT: shows them
  if (core.holds_events())
    return;  // some events are decided, but not yet handed out
  auto again = replayed();
  CHECK(again.phase() == core.phase());
  CHECK(again.reason() == core.reason());
  CHECK(again.counts().SerializeAsString() == core.counts().SerializeAsString());
  CHECK(again.spec().SerializeAsString() == core.spec().SerializeAsString());
  CHECK(again.seed() == core.seed());
}

Words ExperimentDriver::start() {
  auto words = did(core.on_submitted(moment(), spec_, {}, 7));
  auto more = did(core.on_started(moment(), false));
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words ExperimentDriver::suggest(Sequence sequence, const std::string& parameters_json) {
  return did(
      core.on_suggested(moment(), sequence, Suggestion{parse_json(parameters_json).value(), ""}));
}

Words ExperimentDriver::place(Sequence sequence, const std::string& node) {
  return did(core.on_placed(moment(), sequence, node, {}));
}

Words ExperimentDriver::began(Sequence sequence, std::int32_t attempt) {
  pb::AttemptNews news;
  news.set_sequence(sequence);
  news.set_attempt(attempt);
  news.mutable_started()->set_sequence(sequence);
  news.mutable_started()->set_attempt(attempt);
  return did(core.on_news(moment(), news));
}

void ExperimentDriver::run_trial(Sequence sequence, std::int32_t attempt) {
  if (attempt == 1)
    suggest(sequence);
  place(sequence);
  began(sequence, attempt);
}

Words ExperimentDriver::result(Sequence sequence, std::int32_t attempt, const std::string& outcome,
                               std::optional<double> value, const std::string& reason) {
  return ended(sequence, attempt, outcome, value ? Finals{{"default", *value}} : Finals{}, reason);
}

Words ExperimentDriver::ended(Sequence sequence, std::int32_t attempt, const std::string& outcome,
                              const Finals& finals, const std::string& reason) {
  pb::AttemptResult result;
  result.set_sequence(sequence);
  result.set_attempt(attempt);
  result.set_outcome(outcome);
  result.set_reason(reason);
  for (const auto& [name, value] : finals) {
    auto* metric = result.add_final_metrics();
    metric->set_name(name);
    metric->set_value(value);
  }
  return did(core.on_result(moment(), result));
}

Words ExperimentDriver::tick() { return did(core.on_tick(moment())); }

Words ExperimentDriver::next() {
  auto time = core.next_tick(now);
  REQUIRE(time);
  now = std::max(now, *time);
  return tick();
}

Words ExperimentDriver::restart(bool resume) {
  std::vector<Trial> history;
  core = replayed(&history);
  auto words = did(core.on_started(moment(), resume));
  Words all;
  for (const auto& trial : history)
    all.push_back(word_of(TellEnded{trial}));
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

}  // namespace autotune::test
