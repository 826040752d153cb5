// Phases, commands, time limits and restarts of an experiment.
#include <catch2/catch.hpp>

#include <algorithm>

#include "experiment_driver.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

TEST_CASE("a stopped experiment's trials wait again and do not count", "[experiment]") {
  ExperimentDriver one(small_spec(2, 2));
  one.start();
  one.run_trial(0);
  one.suggest(1);
  CHECK(one.did(one.core.on_stop(one.moment(), 5, false)) ==
        Words{"stop 0/1: stopped with its experiment", "unplace 1",
              "append[started 0/1, created 1 tuner]"});
  CHECK(one.core.phase() == pb::PHASE_RUNNING);
  CHECK(one.result(0, 1, "Stopped") ==
        Words{"unplace 0",
              "append[ended 0/1 Stopped, requeued 0, phase STOPPED: stopped by the user]",
              "release 0/1", "answer 5"});
  CHECK(one.core.counts().pending() == 2);
  CHECK(one.core.at_rest());
  CHECK_FALSE(one.core.next_tick(one.now));
  CHECK(one.did(one.core.on_resume(one.moment(), 6)) == Words{"tell began 0", "tell began 1",
                                                              "place 0", "place 1",
                                                              "append[phase RUNNING]", "answer 6"});
  CHECK(one.place(0).back() == "launch 0/2");
  CHECK(one.place(1).back() == "launch 1/1");
}

TEST_CASE("a second stop hurries", "[experiment]") {
  ExperimentDriver one(small_spec(2, 1));
  one.start();
  one.run_trial(0);
  one.did(one.core.on_stop(one.moment(), 5, false));
  CHECK(one.did(one.core.on_stop(one.moment(), 6, true)) ==
        Words{"hurry 0/1: stopped with its experiment"});
  auto words = one.result(0, 1, "Stopped");
  CHECK(Words(words.end() - 2, words.end()) == Words{"answer 5", "answer 6"});
  CHECK(one.did(one.core.on_stop(one.moment(), 7, false)) ==
        Words{"answer 7"});  // it stands already
}

TEST_CASE("a stop that comes while the tuner thinks loses no sequence number", "[experiment]") {
  ExperimentDriver one(small_spec(2, 1));
  one.start();
  one.did(one.core.on_stop(one.moment(), 5, false));
  CHECK(one.core.phase() == pb::PHASE_STOPPED);
  one.did(one.core.on_enqueue(one.moment(), 6, R"({"x":0.5})"));
  CHECK(one.did(one.core.on_resume(one.moment(), 7)) == Words{"append[phase RUNNING]", "answer 7"});
  one.suggest(0);  // the answer to what was asked before the stop
  one.place(0);
  std::vector<std::string> created;
  for (const auto& event : one.events)
    if (event.has_trial_created())
      created.push_back(word_of(event));
  CHECK(created == Words{"created 0 tuner"});
  CHECK(one.result(0, 1, "Succeeded", 1).back() == R"(suggest 1 from {"x":0.5})");
}

TEST_CASE("resume while trials are being ended is refused", "[experiment]") {
  ExperimentDriver one(small_spec(2, 1));
  one.start();
  one.run_trial(0);
  one.did(one.core.on_stop(one.moment(), 5, false));
  CHECK(one.did(one.core.on_resume(one.moment(), 6)) ==
        Words{"error: experiment small-abcde is being stopped; resume it when that is over"});
}

TEST_CASE("maxExecSeconds ends what runs and what waits", "[experiment]") {
  auto spec = small_spec(9, 2);
  spec.set_max_exec_seconds(10);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  one.suggest(1);
  one.pass(9999ms);
  CHECK(one.tick() == Words{"touch 9999", "append[started 0/1, created 1 tuner]"});
  CHECK(one.core.next_tick(one.now) == one.now + 1ms);
  one.pass(1ms);
  CHECK(one.tick() ==
        Words{"touch 10000", "stop 0/1: its experiment ran out of time", "unplace 1"});
  one.result(0, 1, "Stopped", std::nullopt, "its experiment ran out of time");
  CHECK(one.core.phase() == pb::PHASE_TIMEOUT);
  CHECK(one.core.counts().killed() == 2);
  CHECK(one.did(one.core.on_resume(one.moment(), 6))[0].substr(0, 44) ==
        "error: experiment small-abcde has ended (TIM");
}

TEST_CASE("a trial that finishes while time runs out has succeeded", "[experiment]") {
  auto spec = small_spec(9, 1);
  spec.set_max_exec_seconds(1);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  one.pass(1s);
  one.tick();
  one.result(0, 1, "Succeeded", 3);
  CHECK(one.core.phase() == pb::PHASE_TIMEOUT);
  CHECK(one.core.counts().succeeded() == 1);
}

TEST_CASE("only time spent in RUNNING counts", "[experiment]") {
  auto spec = small_spec(9, 1);
  spec.set_max_exec_seconds(10);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  one.pass(4s);
  one.did(one.core.on_pause(one.moment(), 1));
  one.pass(100s);
  CHECK(one.core.running_ms(one.now) == 4000);
  one.did(one.core.on_resume(one.moment(), 2));
  one.pass(5s);
  CHECK(one.core.running_ms(one.now) == 9000);
  one.did(one.core.on_stop(one.moment(), 3, false));
  one.result(0, 1, "Stopped");
  one.pass(100s);
  one.restart(true);
  CHECK(one.core.running_ms(one.now) == 9000);
  one.pass(1s);
  one.tick();
  CHECK(one.core.phase() == pb::PHASE_TIMEOUT);
}

TEST_CASE("the time spent in RUNNING is written down each second", "[experiment]") {
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  one.run_trial(0);
  CHECK(one.next() == Words{"touch 1000"});
  CHECK(one.next() == Words{"touch 2000"});
}

TEST_CASE("an experiment out of time starts nothing after a restart", "[experiment]") {
  auto spec = small_spec(9, 2);
  spec.set_max_exec_seconds(10);
  ExperimentDriver one(spec);
  one.start();
  one.run_trial(0);
  one.suggest(1);
  one.place(1);
  one.result(1, 1, "Stopped");  // say its agent ended it
  one.core.restore_running_ms(0);
  one.pass(10s);
  one.did(one.core.on_pause(one.moment(), 1));
  CHECK(one.restart(true) == Words{"hold 0", "tell began 0", "tell began 1", "touch 10000",
                                   "append[phase RUNNING]", "adopt 0/1",
                                   "stop 0/1: its experiment ran out of time"});
}

TEST_CASE("a paused experiment starts nothing and ends nothing", "[experiment]") {
  ExperimentDriver one(small_spec(9, 2));
  one.start();
  one.run_trial(0);
  one.suggest(1);
  CHECK(
      one.did(one.core.on_pause(one.moment(), 1)) ==
      Words{"append[started 0/1, created 1 tuner, phase PAUSED: paused by the user]", "answer 1"});
  CHECK(one.place(1) == Words{"unplace 1"});
  CHECK(one.result(0, 1, "Succeeded", 1) == Words{"unplace 0", "tell succeeded 0 = 1",
                                                  "append[ended 0/1 Succeeded, trial 0 SUCCEEDED]",
                                                  "release 0/1"});
  CHECK(one.did(one.core.on_resume(one.moment(), 2)) ==
        Words{"place 1", "suggest 2", "append[phase RUNNING]", "answer 2"});
}

TEST_CASE("more trials at a time start at once, fewer when trials end", "[experiment]") {
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  one.run_trial(0);
  CHECK(one.did(one.core.on_edit(one.moment(), 1, "spec.trialConcurrency", "3")) ==
        Words{"suggest 1", "append[edited spec.trialConcurrency=3]", "answer 1"});
  one.run_trial(1);
  one.run_trial(2);
  one.did(one.core.on_edit(one.moment(), 2, "spec.trialConcurrency", "1"));
  CHECK(one.result(2, 1, "Succeeded", 1).size() == 4);
  CHECK(one.result(1, 1, "Succeeded", 1).size() == 4);
  CHECK(one.result(0, 1, "Succeeded", 1).back() == "suggest 3");
}

TEST_CASE("a place that is granted after concurrency was lowered is given back", "[experiment]") {
  ExperimentDriver one(small_spec(9, 2));
  one.start();
  one.run_trial(0);
  one.suggest(1);
  one.did(one.core.on_edit(one.moment(), 1, "spec.trialConcurrency", "1"));
  CHECK(one.place(1) == Words{"unplace 1"});
  CHECK(one.result(0, 1, "Succeeded", 1)[2] == "place 1");
}

TEST_CASE("a budget below what has ended ends the experiment, a higher one lets it go on",
          "[experiment]") {
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  one.run_trial(0);
  one.did(one.core.on_edit(one.moment(), 1, "spec.maxTrialNum", "1"));
  one.result(0, 1, "Succeeded", 1);
  CHECK(one.core.phase() == pb::PHASE_DONE);
  CHECK(one.did(one.core.on_resume(one.moment(), 2))[0].find("raise spec.maxTrialNum") !=
        std::string::npos);
  CHECK(one.did(one.core.on_edit(one.moment(), 3, "spec.maxTrialNum", "2")) ==
        Words{"append[edited spec.maxTrialNum=2]", "answer 3"});
  CHECK(one.did(one.core.on_resume(one.moment(), 4)) ==
        Words{"suggest 1", "append[phase RUNNING]", "answer 4"});
}

TEST_CASE("a time limit below what has passed acts at once", "[experiment]") {
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  one.run_trial(0);
  one.pass(5s);
  one.did(one.core.on_edit(one.moment(), 1, "spec.maxExecSeconds", "3"));
  CHECK(one.core.next_tick(one.now) <= one.now);
  CHECK(one.tick().back() == "stop 0/1: its experiment ran out of time");
}

TEST_CASE("what cannot be edited is refused with what can", "[experiment]") {
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  CHECK(one.did(one.core.on_edit(one.moment(), 1, "spec.tuner", "TPE"))[0].find(
            "spec.maxExecSeconds") != std::string::npos);
  for (const char* value : {"0", "-1", "1.5", "many", "", "1e300", "1 2"}) {
    CAPTURE(value);
    CHECK(one.did(one.core.on_edit(one.moment(), 1, "spec.maxTrialNum", value))[0].substr(0, 6) ==
          "error:");
  }
  CHECK(one.did(one.core.on_edit(one.moment(), 1, "spec.trialConcurrency", "100001"))[0].substr(
            0, 6) == "error:");
}

TEST_CASE("commands that an ended experiment cannot follow are refused", "[experiment]") {
  ExperimentDriver one(small_spec(1, 1));
  one.start();
  one.run_trial(0);
  one.result(0, 1, "Succeeded", 1);
  CHECK(one.did(one.core.on_pause(one.moment(), 1)) ==
        Words{"error: experiment small-abcde does not run (DONE)"});
  CHECK(one.did(one.core.on_enqueue(one.moment(), 1, "{}")) ==
        Words{"error: experiment small-abcde has ended (DONE); raise spec.maxTrialNum or "
              "spec.maxExecSeconds with `autotune edit`, then resume it"});
}

TEST_CASE("what is enqueued where one may go on is tried after the resume", "[experiment]") {
  ExperimentDriver one(small_spec(1, 1));
  one.start();
  one.run_trial(0);
  one.result(0, 1, "Succeeded", 1);
  one.did(one.core.on_edit(one.moment(), 1, "spec.maxTrialNum", "2"));
  auto done = one.did(one.core.on_enqueue(one.moment(), 2, "{\"x\": 0.5}"));
  REQUIRE(done.size() == 2);
  CHECK(done[0].starts_with("append["));
  CHECK(one.core.check_invariants().empty());
  auto resumed = one.did(one.core.on_resume(one.moment(), 3));
  CAPTURE(resumed);
  CHECK(std::any_of(resumed.begin(), resumed.end(), [](const auto& effect) {
    return effect.find("phase RUNNING") != std::string::npos;
  }));
  CHECK(std::find(resumed.begin(), resumed.end(), R"(suggest 1 from {"x":0.5})") != resumed.end());
}

TEST_CASE("a full disk pauses the experiment, and room lets it go on", "[experiment]") {
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  one.run_trial(0);
  CHECK(one.did(one.core.on_disk(one.moment(), true)) ==
        Words{"append[phase PAUSED: no space left on the disk that holds the home folder]"});
  CHECK(one.did(one.core.on_resume(one.moment(), 1))[0].find("waits for disk space") !=
        std::string::npos);
  one.result(0, 1, "Succeeded", 1);
  CHECK(one.did(one.core.on_disk(one.moment(), false)) == Words{"suggest 1"});
  one.suggest(1);
  CHECK(one.place(1)[0] == "append[phase RUNNING, created 1 tuner, launched 1/1]");
}

TEST_CASE("room on the disk does not end a user's pause", "[experiment]") {
  bool user_first = GENERATE(true, false);
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  one.run_trial(0);
  if (user_first)
    one.did(one.core.on_pause(one.moment(), 1));
  one.did(one.core.on_disk(one.moment(), true));
  if (!user_first)
    one.did(one.core.on_pause(one.moment(), 1));
  one.did(one.core.on_disk(one.moment(), false));
  CHECK(one.core.phase() == pb::PHASE_PAUSED);
  CHECK(one.core.reason() == "paused by the user");
}

TEST_CASE("a restart adopts what was launched and asks for nothing twice", "[experiment]") {
  bool resume = GENERATE(true, false);
  ExperimentDriver one(small_spec(9, 3));
  one.start();
  one.run_trial(0);
  one.run_trial(1);
  one.result(0, 1, "Succeeded", 0.5);
  one.next();
  one.suggest(2);  // not durable yet
  CHECK(one.restart(resume) ==
        Words{"tell succeeded 0 = 0.5", "hold 1", "tell began 1", "suggest 2", "adopt 1/1"});
  CHECK(one.suggest(2) == Words{"tell began 2", "place 2", "suggest 3"});
  CHECK(one.began(1).empty());  // it was known to run
  one.result(1, 1, "Succeeded", 1);
  CHECK(one.core.counts().succeeded() == 2);
}

TEST_CASE("resume of a paused experiment after a restart adopts what runs", "[experiment]") {
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  one.run_trial(0);
  one.did(one.core.on_pause(one.moment(), 1));
  one.core = one.replayed();
  CHECK_FALSE(one.core.has_started());
  CHECK(one.did(one.core.on_resume(one.moment(), 9)) ==
        Words{"hold 0", "tell began 0", "append[phase RUNNING]", "answer 9", "adopt 0/1"});
}

TEST_CASE("a stop that was asked for before a restart is asked for again", "[experiment]") {
  ExperimentDriver one(small_spec(9, 1));
  one.start();
  one.run_trial(0);
  one.did(one.core.on_stop_trial(one.moment(), 1, 0));
  auto words = one.restart(true);
  CHECK(Words(words.end() - 2, words.end()) == Words{"adopt 0/1", "stop 0/1: stopped by the user"});
  one.result(0, 1, "Stopped");
  CHECK(one.core.counts().killed() == 1);
}

TEST_CASE("an adopted attempt does not get its whole time limit again", "[experiment]") {
  auto spec = small_spec(9, 1);
  spec.mutable_trial_policy()->set_max_trial_seconds(10);
  ExperimentDriver one(spec);
  one.start();
  one.pass(3s);
  one.run_trial(0);
  one.pass(4s);
  one.did(one.core.on_edit(one.moment(), 1, "spec.trialConcurrency",
                           "1"));  // an event that carries the time
  ExperimentCore again = one.replayed();
  auto effects = again.on_started(one.moment(), true);
  REQUIRE(effects);
  const auto& launch = std::get<Launch>(effects->back());
  CHECK(launch.adopt);
  CHECK(launch.plan.deadline_ms() == 6000);
}

TEST_CASE("a trial's id depends on the experiment and its number alone", "[experiment]") {
  CHECK(trial_id("a", 0) == trial_id("a", 0));
  CHECK(trial_id("a", 0) != trial_id("a", 1));
  CHECK(trial_id("a", 0) != trial_id("b", 0));
  CHECK(trial_id("a", 0).size() == 5);
}

}  // namespace autotune::test
