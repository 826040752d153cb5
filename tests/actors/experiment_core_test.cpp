// The life of trials: creation, attempts, results, retries, lost nodes, early stops.
#include <catch2/catch.hpp>

#include "experiment_driver.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

TEST_CASE("an experiment is stored before anything is asked", "[experiment]") {
  ExperimentDriver one(small_spec(2, 1));
  CHECK(one.start() == Words{"append[submitted]", "suggest 0"});
  CHECK(one.suggest(0) == Words{"tell began 0", "place 0"});
  CHECK(one.place(0) ==
        Words{"append[phase RUNNING, created 0 tuner, launched 0/1]", "launch 0/1"});
  CHECK(one.began(0) == Words{"append[started 0/1]"});
}

TEST_CASE("one commit covers the end of a trial, its successor and its launch", "[experiment]") {
  ExperimentDriver one(small_spec(3, 1));
  one.start();
  one.run_trial(0);
  CHECK(one.result(0, 1, "Succeeded", 0.5) ==
        Words{"unplace 0", "tell succeeded 0 = 0.5", "suggest 1"});
  CHECK(one.suggest(1) == Words{"tell began 1", "place 1"});
  CHECK(one.place(1) ==
        Words{"append[ended 0/1 Succeeded, trial 0 SUCCEEDED, created 1 tuner, launched 1/1]",
              "release 0/1", "launch 1/1"});
}

TEST_CASE("the end of a trial does not wait long for a slow tuner", "[experiment]") {
  ExperimentDriver one(small_spec(3, 1));
  one.start();
  one.run_trial(0);
  one.result(0, 1, "Succeeded", 0.5);
  auto from = one.now;
  CHECK(one.next() == Words{"append[ended 0/1 Succeeded, trial 0 SUCCEEDED]", "release 0/1"});
  CHECK(one.now - from == ExperimentLimits{}.hold);
  CHECK(one.suggest(1) == Words{"tell began 1", "place 1"});
  CHECK(one.place(1) == Words{"append[created 1 tuner, launched 1/1]", "launch 1/1"});
}

TEST_CASE("a trial that waits for a place holds up nobody's result", "[experiment]") {
  ExperimentDriver one(small_spec(3, 1));
  one.start();
  one.run_trial(0);
  one.result(0, 1, "Succeeded", 0.5);
  one.suggest(1);
  CHECK(one.did(one.core.on_waiting(one.moment(), 1, "needs 2 GPUs (0 free)")) ==
        Words{"append[ended 0/1 Succeeded, trial 0 SUCCEEDED, created 1 tuner, "
              "notice: waits: needs 2 GPUs (0 free)]",
              "release 0/1"});
  CHECK(one.did(one.core.on_waiting(one.moment(), 1, "needs 2 GPUs (0 free)")).empty());
}

TEST_CASE("trials start until concurrency is reached, and no more", "[experiment]") {
  ExperimentDriver one(small_spec(9, 3));
  one.start();
  CHECK(one.suggest(0) == Words{"tell began 0", "place 0", "suggest 1"});
  CHECK(one.suggest(1) == Words{"tell began 1", "place 1", "suggest 2"});
  CHECK(one.suggest(2) == Words{"tell began 2", "place 2"});
}

TEST_CASE("maxTrialNum ends the experiment, and no trial too many is created", "[experiment]") {
  ExperimentDriver one(small_spec(2, 4));
  one.start();
  one.suggest(0);
  CHECK(one.suggest(1) == Words{"tell began 1", "place 1"});  // the third is not asked for
  one.place(0);
  one.place(1);
  CHECK(one.result(1, 1, "Succeeded", 0.5) ==
        Words{"unplace 1", "tell succeeded 1 = 0.5",
              "append[ended 1/1 Succeeded, trial 1 SUCCEEDED]", "release 1/1"});
  CHECK(one.result(0, 1, "Failed", std::nullopt, "exit code 1") ==
        Words{"unplace 0", "tell failed 0",
              "append[ended 0/1 Failed, trial 0 FAILED: exit code 1, phase DONE]", "release 0/1"});
  CHECK(one.core.phase() == pb::PHASE_DONE);
  CHECK(one.core.at_rest());
}

TEST_CASE("an exhausted search space ends the experiment when its last trial ends",
          "[experiment]") {
  ExperimentDriver one(small_spec(9, 2));
  one.start();
  one.run_trial(0);
  CHECK(one.did(one.core.on_suggested(one.moment(), 1, Exhausted{})) ==
        Words{"append[started 0/1]"});
  one.result(0, 1, "Succeeded", 1);
  CHECK(one.core.phase() == pb::PHASE_DONE);
  CHECK(one.core.reason() == "search space exhausted");
}

TEST_CASE("a tuner that wants results first is asked again when there are some", "[experiment]") {
  ExperimentDriver one(small_spec(9, 2));
  one.start();
  one.run_trial(0);
  CHECK(one.did(one.core.on_suggested(one.moment(), 1, NotYet{})) == Words{"append[started 0/1]"});
  CHECK(one.tick().empty());
  CHECK(one.result(0, 1, "Succeeded", 1).back() == "suggest 1");
}

TEST_CASE("a tuner that waited for a result that has come since is asked again", "[experiment]") {
  ExperimentDriver one(small_spec(9, 2));
  one.start();
  one.run_trial(0);  // trial 1 is being asked for
  one.result(0, 1, "Succeeded", 1);
  CHECK(one.did(one.core.on_suggested(one.moment(), 1, NotYet{})).back() == "suggest 1");
  one.did(one.core.on_suggested(one.moment(), 1, NotYet{}));  // of all that was told
  CHECK(one.core.phase() == pb::PHASE_ERROR);
}

TEST_CASE("a tuner that waits for results that cannot come is an error", "[experiment]") {
  ExperimentDriver one(small_spec(9, 2));
  one.start();
  one.did(one.core.on_suggested(one.moment(), 0, NotYet{}));
  CHECK(one.core.phase() == pb::PHASE_ERROR);
  CHECK(one.core.reason() == "the tuner waits for results, but no trial runs");
}

TEST_CASE("a tuner that fails ends the experiment with its reason", "[experiment]") {
  ExperimentDriver one(small_spec(9, 2));
  one.start();
  one.run_trial(0);
  CHECK(one.did(one.core.on_tuner_failed(one.moment(), 1, "no candidates")) ==
        Words{"stop 0/1: its experiment ended", "append[started 0/1]"});
  CHECK(one.core.phase() == pb::PHASE_RUNNING);  // until its trial has ended
  one.result(0, 1, "Stopped", std::nullopt, "its experiment ended");
  CHECK(one.core.phase() == pb::PHASE_ERROR);
  CHECK(one.core.reason() == "tuner: no candidates");
  CHECK(one.core.counts().killed() == 1);
}

TEST_CASE("a failed trial is tried again after a doubling back-off, maxRetries times",
          "[experiment]") {
  auto spec = small_spec(1, 1);
  spec.mutable_trial_policy()->set_max_retries(3);
  spec.mutable_trial_policy()->set_backoff_seconds(25);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  auto words = one.result(0, 1, "Failed", std::nullopt, "exit code 1");
  CHECK(words == Words{"unplace 0", "append[ended 0/1 Failed, requeued 0 retry in 25000 ms]",
                       "release 0/1"});
  one.pass(24999ms);
  CHECK(one.tick() == Words{"touch 24999"});
  one.pass(1ms);
  CHECK(one.tick() == Words{"place 0"});
  CHECK(one.place(0) == Words{"tell began 0", "append[launched 0/2]", "launch 0/2"});
  CHECK(one.result(0, 2, "Failed")[1] == "append[ended 0/2 Failed, requeued 0 retry in 50000 ms]");
  one.pass(50s);
  one.tick();
  one.place(0);
  CHECK(one.result(0, 3, "Failed")[1] ==
        "append[ended 0/3 Failed, requeued 0 retry in 60000 ms]");  // at most a minute
  one.pass(60s);
  one.tick();
  one.place(0);
  one.result(0, 4, "Failed", std::nullopt, "exit code 1");
  CHECK(one.core.phase() == pb::PHASE_DONE);
  CHECK(one.core.counts().failed() == 1);
}

TEST_CASE("while a trial backs off another takes its slot", "[experiment]") {
  auto spec = small_spec(9, 1);
  spec.mutable_trial_policy()->set_max_retries(1);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  CHECK(one.result(0, 1, "Failed").back() == "suggest 1");
  one.run_trial(1);
  one.pass(2s);
  CHECK(one.tick() == Words{"touch 2000"});  // its slot is taken
  CHECK(one.result(1, 1, "Succeeded", 1)[2] == "place 0");
}

TEST_CASE("what is retried is what retryOn names", "[experiment]") {
  struct Case {
    std::string outcome;
    std::string kind;
  };
  auto one_case = GENERATE(Case{"Failed", "Failed"}, Case{"DeadlineExceeded", "DeadlineExceeded"},
                           Case{"Succeeded", "NoFinalResult"});
  auto listed = GENERATE(std::string("Failed"), std::string("DeadlineExceeded"),
                         std::string("NoFinalResult"));
  CAPTURE(one_case.outcome, listed);
  auto spec = small_spec(1, 1);
  spec.mutable_trial_policy()->set_max_retries(1);
  spec.mutable_trial_policy()->add_retry_on(listed);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  one.result(0, 1, one_case.outcome);
  CHECK(one.core.counts().pending() == (one_case.kind == listed ? 1 : 0));
}

TEST_CASE("a trial past its deadline failed, and says so", "[experiment]") {
  ExperimentDriver one(small_spec(1, 1));
  one.start();
  one.run_trial(0);
  CHECK(one.result(0, 1, "DeadlineExceeded", std::nullopt, "deadline exceeded")[2] ==
        "append[ended 0/1 DeadlineExceeded, trial 0 FAILED: DeadlineExceeded, phase DONE]");
}

TEST_CASE("a trial that ends 0 without a final result says so and is told without a number",
          "[experiment]") {
  ExperimentDriver one(small_spec(1, 1));
  one.start();
  one.run_trial(0);
  CHECK(
      one.result(0, 1, "Succeeded") ==
      Words{"unplace 0", "tell succeeded 0",
            "append[ended 0/1 Succeeded, trial 0 SUCCEEDED: no final result reported, phase DONE]",
            "release 0/1"});
}

TEST_CASE("a final result that is no finite number is not told as one", "[experiment]") {
  auto value =
      GENERATE(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity());
  ExperimentDriver one(small_spec(1, 1));
  one.start();
  one.run_trial(0);
  CHECK(one.result(0, 1, "Succeeded", value)[1] == "tell succeeded 0");
  CHECK(one.core.counts().succeeded() == 1);
}

TEST_CASE("a lost node leads to a new attempt, five times at most, and costs no retry",
          "[experiment]") {
  auto spec = small_spec(1, 1);
  spec.mutable_trial_policy()->set_max_retries(1);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  std::int32_t attempt = 1;
  for (; attempt <= 5; ++attempt) {
    auto words = one.result(0, attempt, "NodeLost", std::nullopt, "gone");
    CHECK(words[1] == "place 0");
    one.place(0);
  }
  CHECK(one.result(0, attempt, "Failed").at(1).find("requeued 0 retry") != std::string::npos);
  one.pass(1s);
  one.tick();
  one.place(0);
  one.result(0, ++attempt, "NodeLost", std::nullopt, "gone");
  CHECK(one.core.counts().failed() == 1);
  CHECK(word_of(one.events[one.events.size() - 2]) == "trial 0 FAILED: lost 6 times: gone");
}

TEST_CASE("an old attempt has no voice", "[experiment]") {
  auto spec = small_spec(2, 1);
  spec.mutable_trial_policy()->set_max_retries(1);
  spec.mutable_assessor()->set_name("Medianstop");
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  one.result(0, 1, "Failed");
  one.did(one.core.on_suggested(one.moment(), 1, NotYet{}));
  one.pass(1s);
  one.tick();
  one.place(0);
  auto before = one.events.size();
  CHECK(one.began(0, 1).empty());
  CHECK(one.result(0, 1, "Succeeded", 9) == Words{"release 0/1"});
  CHECK(one.did(one.core.on_advice(one.moment(), 0, 1, "bad")).empty());
  pb::ReportsMessage reports;
  reports.set_sequence(0);
  reports.set_attempt(1);
  reports.add_reports()->set_line(1);
  CHECK(one.did(one.core.on_reports(one.moment(), reports)).empty());
  CHECK(one.events.size() == before);
}

TEST_CASE("a result that is told twice counts once", "[experiment]") {
  ExperimentDriver one(small_spec(5, 1));
  one.start();
  one.run_trial(0);
  one.result(0, 1, "Succeeded", 1);
  CHECK(one.result(0, 1, "Succeeded", 1) == Words{"release 0/1"});
  CHECK(one.core.counts().succeeded() == 1);
}

TEST_CASE("the assessor is asked once for each stored intermediate result", "[experiment]") {
  auto spec = small_spec(2, 1);
  spec.mutable_assessor()->set_name("Medianstop");
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  pb::ReportsMessage reports;
  reports.set_sequence(0);
  reports.set_attempt(1);
  for (int line = 1; line <= 3; ++line) {
    auto* report = reports.add_reports();
    report->set_replica("worker-0");
    report->set_line(line);
    report->set_step(line * 10);
    report->set_kind(line < 3 ? pb::REPORT_KIND_INTERMEDIATE : pb::REPORT_KIND_FINAL);
    auto* metric = report->add_metrics();
    metric->set_name("default");
    metric->set_value(0.5);
  }
  CHECK(one.did(one.core.on_reports(one.moment(), reports)) ==
        Words{"measure 0/1 step 10", "measure 0/1 step 20"});
  CHECK(
      one.did(one.core.on_reports(one.moment(), reports)).empty());  // read again after an adoption
  CHECK(one.did(one.core.on_advice(one.moment(), 0, 1, "below the median")) ==
        Words{"append[stop requested 0 by assessor]", "stop 0/1: below the median"});
  CHECK(one.did(one.core.on_advice(one.moment(), 0, 1, "below the median")).empty());
  CHECK(one.result(0, 1, "Stopped", 0.4)[1] == "tell early stopped 0 = 0.4");
  CHECK(one.core.counts().early_stopped() == 1);
}

TEST_CASE("a trial that finished before its early stop reached it has succeeded", "[experiment]") {
  auto spec = small_spec(2, 1);
  spec.mutable_assessor()->set_name("Medianstop");
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  one.did(one.core.on_advice(one.moment(), 0, 1, "below the median"));
  one.result(0, 1, "Succeeded", 0.9);
  CHECK(one.core.counts().succeeded() == 1);
}

TEST_CASE("a trial that the user stops counts as killed and is not retried", "[experiment]") {
  auto spec = small_spec(2, 1);
  spec.mutable_trial_policy()->set_max_retries(5);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  CHECK(one.did(one.core.on_stop_trial(one.moment(), 4, 0)) ==
        Words{"append[stop requested 0 by user]", "answer 4", "stop 0/1: stopped by the user"});
  auto outcome = GENERATE("Stopped", "Failed", "NodeLost");
  one.result(0, 1, outcome);
  CHECK(one.core.counts().killed() == 1);
}

TEST_CASE("a trial that waits is killed at once", "[experiment]") {
  ExperimentDriver one(small_spec(2, 1));
  one.start();
  one.suggest(0);
  CHECK(one.did(one.core.on_stop_trial(one.moment(), 4, 0)) ==
        Words{"unplace 0", "tell killed 0", "suggest 1",
              "append[phase RUNNING, created 0 tuner, trial 0 KILLED: stopped by the user]",
              "answer 4"});
  CHECK(one.place(0) == Words{"unplace 0"});  // the place had been granted meanwhile
}

TEST_CASE("stopping a trial that is not there is an error that says why", "[experiment]") {
  ExperimentDriver one(small_spec(2, 1));
  one.start();
  one.run_trial(0);
  one.result(0, 1, "Succeeded", 1);
  CHECK(one.did(one.core.on_stop_trial(one.moment(), 1, 0)) ==
        Words{"error: trial small-abcde/0 has ended"});
  CHECK(one.did(one.core.on_stop_trial(one.moment(), 1, 7)) ==
        Words{"error: experiment small-abcde has no trial 7"});
}

TEST_CASE("initial trials come first, then what users enqueue, then the tuner's", "[experiment]") {
  auto spec = small_spec(9, 1);
  spec.add_initial_trials_json(R"({"x":0.25})");
  ExperimentDriver one(spec);
  CHECK(one.start().back() == R"(suggest 0 from {"x":0.25})");
  CHECK(one.did(one.core.on_enqueue(one.moment(), 3, R"({"x":0.75})")).back() == "answer 3");
  one.suggest(0);
  one.place(0);
  CHECK(one.result(0, 1, "Succeeded", 1).back() == R"(suggest 1 from {"x":0.75})");
  one.suggest(1);
  one.place(1);
  CHECK(one.result(1, 1, "Succeeded", 1).back() == "suggest 2");
  one.suggest(2);
  one.place(2);
  std::vector<std::string> origins;
  for (const auto& event : one.events)
    if (event.has_trial_created())
      origins.push_back(event.trial_created().origin());
  CHECK(origins == Words{"initial", "user", "tuner"});
}

TEST_CASE("what is enqueued is tried although the search space is exhausted", "[experiment]") {
  ExperimentDriver one(small_spec(9, 2));
  one.start();
  one.run_trial(0);
  one.did(one.core.on_suggested(one.moment(), 1, Exhausted{}));
  CHECK(one.did(one.core.on_enqueue(one.moment(), 3, R"({"x":0.75})"))[0] ==
        R"(suggest 1 from {"x":0.75})");
}

TEST_CASE("the deadline of an attempt is the nearer of maxTrialSeconds and activeDeadlineSeconds",
          "[experiment]") {
  auto [trial, active, wanted] = GENERATE(table<double, double, std::int64_t>(
      {{0, 0, 0}, {1.5, 0, 1500}, {0, 2, 2000}, {1.5, 2, 1500}, {3, 2, 2000}}));
  auto spec = small_spec(1, 1);
  spec.mutable_trial_policy()->set_max_trial_seconds(trial);
  spec.mutable_training_config()->mutable_run_policy()->set_active_deadline_seconds(active);
  ExperimentDriver one(spec);
  one.start();
  one.suggest(0);
  auto effects = one.core.on_placed(one.moment(), 0, "here", {"3", "5"});
  const auto& launch = std::get<Launch>(effects.back());
  CHECK(launch.plan.deadline_ms() == wanted);
  CHECK(launch.plan.gpus_size() == 2);
  CHECK(launch.plan.trial_id() == trial_id("small-abcde", 0));
}

}  // namespace autotune::test
