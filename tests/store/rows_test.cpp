#include "store/rows.hpp"

#include <cmath>
#include <limits>

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

/// An experiment with one pending trial, driven by events.
struct Fold {
  ExperimentRow experiment = row_of("e-aaaaa", at(10, submitted("e")));
  TrialRow trial = row_of(at(20, created(0)), experiment);

  Fold& operator<<(const pb::Event& event) {
    apply(event, experiment, &trial);
    return *this;
  }
};

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("a submitted experiment is pending and holds what its spec says", "[store]") {
  auto row = row_of("e-aaaaa", at(10, submitted("e", pb::GOAL_MINIMIZE, "loss")));
  CHECK(row.phase == pb::PHASE_PENDING);
  CHECK(row.name == "e");
  CHECK(row.max_trial_num == 20);
  CHECK(row.trial_concurrency == 3);
  CHECK(row.objective_metric == "loss");
  CHECK(row.goal == pb::GOAL_MINIMIZE);
  CHECK(row.created_at_ms == 10);
  CHECK(row.started_at_ms == 0);
}

TEST_CASE("phases keep the first start and the last end", "[store]") {
  Fold fold;
  fold << at(30, phase(pb::PHASE_RUNNING)) << at(40, phase(pb::PHASE_STOPPED, "by the user"));
  CHECK(fold.experiment.started_at_ms == 30);
  CHECK(fold.experiment.ended_at_ms == 40);
  CHECK(fold.experiment.reason == "by the user");
  fold << at(50, phase(pb::PHASE_RUNNING));
  CHECK(fold.experiment.started_at_ms == 30);
  CHECK(fold.experiment.ended_at_ms == 0);
  CHECK(fold.experiment.reason.empty());
  fold << at(60, phase(pb::PHASE_PAUSED, "disk full"));
  CHECK(fold.experiment.ended_at_ms == 0);
  fold << at(70, phase(pb::PHASE_RUNNING)) << at(80, phase(pb::PHASE_DONE));
  CHECK(fold.experiment.ended_at_ms == 80);
}

TEST_CASE("a trial goes from pending over running to its end, and is counted in one state",
          "[store]") {
  Fold fold;
  CHECK(fold.experiment.counts.pending() == 1);
  fold << at(30, launched(0, 1, "node-7"));
  CHECK(fold.trial.state == pb::TRIAL_STATE_PENDING);
  CHECK(fold.trial.attempt == 1);
  CHECK(fold.trial.node == "node-7");
  CHECK(fold.trial.detail == "starting on node-7");
  fold << at(35, started(0));
  CHECK(fold.trial.state == pb::TRIAL_STATE_RUNNING);
  CHECK(fold.trial.started_at_ms == 35);
  CHECK(fold.trial.detail.empty());
  CHECK(fold.experiment.counts.pending() == 0);
  CHECK(fold.experiment.counts.running() == 1);
  fold << at(50, attempt_ended(0, 1, "Succeeded"))
       << at(50, ended(0, pb::TRIAL_STATE_SUCCEEDED, {{"default", 0.5}}));
  CHECK(fold.trial.state == pb::TRIAL_STATE_SUCCEEDED);
  CHECK(fold.trial.ended_at_ms == 50);
  CHECK(fold.experiment.counts.running() == 0);
  CHECK(fold.experiment.counts.succeeded() == 1);
}

TEST_CASE("a trial that waits again says why, and its next attempt starts afresh", "[store]") {
  Fold fold;
  fold << at(30, launched(0)) << at(35, started(0));
  fold.trial.intermediate_count = 4;
  fold << at(40, attempt_ended(0, 1, "Failed", "exit code 1"));
  CHECK(fold.trial.detail == "exit code 1");
  fold << at(40, requeued(0, "retry 1 of 3 in 2 s"));
  CHECK(fold.trial.state == pb::TRIAL_STATE_PENDING);
  CHECK(fold.trial.detail == "retry 1 of 3 in 2 s");
  CHECK(fold.trial.started_at_ms == 0);
  CHECK(fold.experiment.counts.pending() == 1);
  CHECK(fold.experiment.counts.running() == 0);
  fold << notice("waits for 2 GPUs", 0);
  CHECK(fold.trial.detail == "waits for 2 GPUs");
  fold << at(50, launched(0, 2)) << at(60, started(0, 2));
  CHECK(fold.trial.attempt == 2);
  CHECK(fold.trial.started_at_ms == 60);
  CHECK(fold.trial.intermediate_count == 0);
}

TEST_CASE("an old attempt has no voice in a row", "[store]") {
  Fold fold;
  fold << at(30, launched(0)) << at(35, started(0)) << at(40, requeued(0, "its node was lost"))
       << at(50, launched(0, 2, "other"));
  fold << at(60, started(0, 1));
  CHECK(fold.trial.state == pb::TRIAL_STATE_PENDING);
  fold << at(61, started(0, 2)) << at(62, attempt_ended(0, 1, "Failed", "late"));
  CHECK(fold.trial.detail.empty());
  fold << at(63, launched(0, 1, "here"));
  CHECK(fold.trial.node == "other");
  CHECK(fold.trial.state == pb::TRIAL_STATE_RUNNING);
}

TEST_CASE("what comes after a trial's end changes nothing", "[store]") {
  Fold fold;
  fold << at(30, launched(0)) << at(50, ended(0, pb::TRIAL_STATE_KILLED, {}, "by the user"));
  fold << at(60, requeued(0, "late")) << at(61, started(0)) << at(62, launched(0, 2))
       << at(63, ended(0, pb::TRIAL_STATE_SUCCEEDED, {{"default", 9.0}}));
  CHECK(fold.trial.state == pb::TRIAL_STATE_KILLED);
  CHECK(fold.trial.reason == "by the user");
  CHECK(fold.trial.ended_at_ms == 50);
  CHECK(fold.experiment.counts.killed() == 1);
  CHECK(fold.experiment.counts.succeeded() == 0);
  CHECK_FALSE(fold.experiment.best_sequence);
}

TEST_CASE("a stop that was asked for shows until the trial has ended", "[store]") {
  Fold fold;
  pb::Event stop;
  stop.mutable_trial_stop_requested()->set_reason("worse than the median");
  fold << launched(0) << started(0) << stop;
  CHECK(fold.trial.detail == "worse than the median");
  fold << ended(0, pb::TRIAL_STATE_EARLY_STOPPED, {}, "worse than the median");
  CHECK(fold.trial.detail.empty());
  CHECK(fold.experiment.counts.early_stopped() == 1);
}

TEST_CASE("the best follows the goal, keeps the first of equals, and is a finite success",
          "[store]") {
  auto goal = GENERATE(pb::GOAL_MAXIMIZE, pb::GOAL_MINIMIZE);
  const double better = goal == pb::GOAL_MAXIMIZE ? 1 : -1;
  auto experiment = row_of("e-aaaaa", submitted("e", goal, "score"));
  auto end = [&](Sequence sequence, pb::TrialState state, Named finals) {
    auto trial = row_of(created(sequence), experiment);
    apply(ended(sequence, state, finals), experiment, &trial);
  };
  end(0, pb::TRIAL_STATE_SUCCEEDED, {{"score", not_a_number}});
  end(1, pb::TRIAL_STATE_SUCCEEDED, {{"score", better * infinity}});
  end(2, pb::TRIAL_STATE_SUCCEEDED, {{"default", 5.0}, {"loss", 5.0}});
  end(3, pb::TRIAL_STATE_SUCCEEDED, {});
  end(4, pb::TRIAL_STATE_EARLY_STOPPED, {{"score", better * 100}});
  CHECK_FALSE(experiment.best_sequence);
  end(5, pb::TRIAL_STATE_SUCCEEDED, {{"other", better * 50}, {"score", 1.0}});
  CHECK(experiment.best_sequence == 5);
  end(6, pb::TRIAL_STATE_SUCCEEDED, {{"score", 1.0}});
  CHECK(experiment.best_sequence == 5);
  end(7, pb::TRIAL_STATE_SUCCEEDED, {{"score", 1.0 - better}});
  CHECK(experiment.best_sequence == 5);
  end(8, pb::TRIAL_STATE_SUCCEEDED, {{"score", 1.0 + better}});
  CHECK(experiment.best_sequence == 8);
  CHECK(experiment.best_value == 1.0 + better);
}

TEST_CASE("a bare number counts whatever the objective is called", "[store]") {
  auto experiment = row_of("e-aaaaa", submitted("e", pb::GOAL_MAXIMIZE, "accuracy"));
  auto trial = row_of(created(4), experiment);
  apply(ended(4, pb::TRIAL_STATE_SUCCEEDED, {{"default", 0.5}}), experiment, &trial);
  CHECK(experiment.best_sequence == 4);
}

TEST_CASE("the best keeps the constraints, and reports what they need", "[store]") {
  auto event = submitted("e", pb::GOAL_MAXIMIZE, "accuracy");
  event.mutable_experiment_submitted()->mutable_spec()->mutable_objective()->add_constraints(
      "ms < 20");
  auto experiment = row_of("e-aaaaa", event);
  auto end = [&](Sequence sequence, Named finals) {
    auto trial = row_of(created(sequence), experiment);
    apply(ended(sequence, pb::TRIAL_STATE_SUCCEEDED, finals), experiment, &trial);
  };
  end(0, {{"accuracy", 0.9}, {"ms", 20}});
  end(1, {{"accuracy", 0.9}});
  end(2, {{"default", 0.9}});
  end(3, {{"accuracy", 0.9}, {"ms", not_a_number}});
  CHECK_FALSE(experiment.best_sequence);
  end(4, {{"accuracy", 0.5}, {"ms", 19}});
  end(5, {{"accuracy", 0.6}, {"ms", 21}});
  CHECK(experiment.best_sequence == 4);
  end(6, {{"ms", 3}, {"accuracy", 0.6}});
  CHECK(experiment.best_sequence == 6);
  CHECK(experiment.best_value == 0.6);
}

TEST_CASE("several goals have a front, not a best", "[store]") {
  auto event = submitted("e", pb::GOAL_MAXIMIZE, "accuracy");
  event.mutable_experiment_submitted()
      ->mutable_spec()
      ->mutable_objective()
      ->add_goals()
      ->set_metric("size");
  auto experiment = row_of("e-aaaaa", event);
  auto trial = row_of(created(0), experiment);
  apply(ended(0, pb::TRIAL_STATE_SUCCEEDED, {{"accuracy", 0.9}, {"size", 3}}), experiment, &trial);
  CHECK_FALSE(experiment.best_sequence);
}

TEST_CASE("running time only grows", "[store]") {
  Fold fold;
  auto event = phase(pb::PHASE_RUNNING);
  event.set_running_ms(500);
  fold << event;
  event.set_running_ms(300);
  fold << event;
  CHECK(fold.experiment.running_ms == 500);
}

TEST_CASE("an edit changes the stored spec and its row", "[store]") {
  auto experiment = row_of("e-aaaaa", submitted("e"));
  auto spec = *experiment.spec;
  auto put = [&](const char* path, const char* text) {
    pb::SpecEdited edited;
    edited.set_path(path);
    edited.set_value(text);
    return edit(edited, spec, experiment);
  };
  CHECK(put("spec.trialConcurrency", "8"));
  CHECK(put("spec.maxTrialNum", "100"));
  CHECK(put("spec.maxExecSeconds", "7.5"));
  CHECK(experiment.trial_concurrency == 8);
  CHECK(experiment.max_trial_num == 100);
  CHECK(spec.trial_concurrency() == 8);
  CHECK(spec.max_trial_num() == 100);
  CHECK(spec.max_exec_seconds() == 7.5);
  CHECK_FALSE(put("spec.trialConcurrency", "many"));
  CHECK_FALSE(put("spec.trialConcurrency", "-1"));
  CHECK_FALSE(put("spec.maxExecSeconds", "nan"));
  CHECK_FALSE(put("spec.maxTrialNum", "1e300"));
  CHECK_FALSE(put("spec.name", "5"));
  CHECK(put("spec.trialConcurrency", "99999999999"));
  CHECK(experiment.trial_concurrency == std::numeric_limits<std::int32_t>::max());
}
