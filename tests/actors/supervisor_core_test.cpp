// When replicas start, restart and end, and how an attempt ends.
#include <catch2/catch.hpp>

#include "supervisor_driver.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

TEST_CASE("the deciding replica is the chief, else the master, else worker 0", "[supervisor]") {
  auto [type, roles, wanted] = GENERATE(table<std::string, std::vector<Role>, std::size_t>({
      {"tensorflow", {{"ps", 2}, {"worker", 3}, {"chief", 1}}, 5},
      {"tensorflow", {{"ps", 2}, {"worker", 3}}, 2},
      {"tensorflow", {{"master", 1}, {"worker", 3}}, 1},
      {"tensorflow", {{"evaluator", 1}, {"chief", 0}, {"worker", 1}}, 1},
      {"pytorch", {{"worker", 3}, {"master", 1}}, 3},
      {"pytorch", {{"worker", 3}}, 0},
      {"xgboost", {{"worker", 1}, {"master", 1}}, 1},
      {"generic", {{"helper", 2}}, 0},
  }));
  CAPTURE(type, wanted);
  CHECK(deciding_replica(plan_of(type, roles).training_config()) == wanted);
}

TEST_CASE("an attempt of one replica", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  CHECK(one.prepared() == Words{"start worker-0"});
  CHECK(one.started("worker-0") == Words{"news: started"});
  CHECK(one.tick(50ms) == Words{"read worker-0 after 0"});
  CHECK(one.read("worker-0", 2) == Words{"reports 2"});
  CHECK(one.did(one.core.on_stored(2)).empty());
  CHECK(one.exited("worker-0", 0) == Words{"read worker-0 after 2 to the end"});
  CHECK(one.read("worker-0", 1, 0.5) == Words{"result Succeeded +2 reports"});
  CHECK(one.result.final_metrics(0).value() == 0.5);
  CHECK(one.result.last_lines(0).line() == 4);
  CHECK(one.result.sequence() == 7);
  CHECK(one.result.attempt() == 3);
  CHECK(one.core.is_over());
  CHECK_FALSE(one.core.next_tick());
}

TEST_CASE("trailing reports travel with the result up to a bound, more are stored first",
          "[supervisor]") {
  SupervisorLimits limits;
  limits.trailing_max = 10;
  SupervisorDriver one(plan_of("generic", {{"worker"}}), limits);
  one.start_all();
  one.exited("worker-0", 0);
  SECTION("few") { CHECK(one.read("worker-0", 10) == Words{"result Succeeded +10 reports"}); }
  SECTION("many") {
    CHECK(one.read("worker-0", 11) == Words{"reports 11"});
    CHECK(one.did(one.core.on_stored(10)).empty());
    CHECK(one.did(one.core.on_stored(1)) == Words{"result Succeeded"});
  }
  SECTION("in several batches") {
    CHECK(one.read("worker-0", 6, {}, true) == Words{"read worker-0 after 6 to the end"});
    CHECK(one.read("worker-0", 6, {}, true) ==
          Words{"reports 12", "read worker-0 after 12 to the end"});
    CHECK(one.read("worker-0", 3).empty());
    CHECK(one.did(one.core.on_stored(12)) == Words{"result Succeeded +3 reports"});
  }
}

TEST_CASE("reading waits while too much is on its way to the store", "[supervisor]") {
  SupervisorLimits limits;
  limits.unacknowledged_max = 100;
  SupervisorDriver one(plan_of("generic", {{"worker"}}), limits);
  one.start_all();
  one.tick(50ms);
  CHECK(one.read("worker-0", 100, {}, true) == Words{"reports 100"});  // and does not read on
  CHECK(one.tick(50ms).empty());
  SECTION("until it is stored") {
    CHECK(one.did(one.core.on_stored(100)).empty());
    CHECK(one.tick(50ms) == Words{"read worker-0 after 100"});
  }
  SECTION("also at the end") {
    CHECK(one.exited("worker-0", 0).empty());
    CHECK(one.did(one.core.on_stored(100)) == Words{"read worker-0 after 100 to the end"});
    CHECK(one.read("worker-0", 1) == Words{"result Succeeded +1 reports"});
  }
}

TEST_CASE("a replica that ends while it is being read is read once more, to the end",
          "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  one.start_all();
  CHECK(one.tick(50ms) == Words{"read worker-0 after 0"});
  CHECK(one.exited("worker-0", 0).empty());
  CHECK(one.read("worker-0", 1) == Words{"read worker-0 after 1 to the end"});
  CHECK(one.read("worker-0", 0, 0.5) == Words{"result Succeeded +2 reports"});
}

TEST_CASE("the chief's success ends the others, by cleanUpPolicy", "[supervisor]") {
  auto policy =
      GENERATE(pb::CLEAN_UP_POLICY_ALL, pb::CLEAN_UP_POLICY_UNFINISHED, pb::CLEAN_UP_POLICY_NONE);
  auto plan = plan_of("tensorflow", {{"chief"}, {"worker", 2}, {"ps"}});
  plan.mutable_training_config()->mutable_run_policy()->set_clean_up_policy(policy);
  plan.mutable_training_config()->mutable_tasks(2)->set_termination_grace_period_ms(700);
  SupervisorDriver one(plan);
  one.start_all();
  one.exited("worker-1", 0);
  one.read("worker-1");
  auto words = one.exited("chief-0", 0);
  if (policy == pb::CLEAN_UP_POLICY_NONE)
    CHECK(words == Words{"read chief-0 after 0 to the end"});
  else
    CHECK(words ==
          Words{"read chief-0 after 0 to the end", "stop worker-0 5000 ms", "stop ps-0 700 ms"});
  one.read("chief-0", 0, 1.0);
  CHECK(one.results == 0);  // not before all have ended
  one.exited("worker-0", 0);
  one.read("worker-0");
  one.exited("ps-0", pb::EXIT_CAUSE_STOPPED, 15);
  CHECK(one.read("ps-0") == Words{"result Succeeded +1 reports"});
}

TEST_CASE("the chief's failure ends the others and the attempt", "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"chief"}, {"worker"}}));
  one.start_all();
  CHECK(one.exited("chief-0", 3) ==
        Words{"read chief-0 after 0 to the end", "stop worker-0 5000 ms"});
  one.read("chief-0");
  one.exited("worker-0", pb::EXIT_CAUSE_STOPPED, 15);
  CHECK(one.read("worker-0") == Words{"result Failed: chief-0: exit code 3"});
  CHECK(one.result.exit_code() == 3);
}

TEST_CASE("another replica's failure does not decide", "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"chief"}, {"worker"}}));
  one.start_all();
  CHECK(one.exited("worker-0", 3) == Words{"read worker-0 after 0 to the end"});
  one.read("worker-0");
  one.exited("chief-0", 0);
  CHECK(one.read("chief-0") == Words{"result Succeeded"});
}

TEST_CASE("restart policies", "[supervisor]") {
  struct Case {
    pb::RestartPolicy policy;
    int code;
    bool restarts;
  };
  auto [policy, code, restarts] = GENERATE(values<Case>({
      {pb::RESTART_POLICY_NEVER, 1, false},
      {pb::RESTART_POLICY_UNSPECIFIED, 1, false},
      {pb::RESTART_POLICY_ON_FAILURE, 1, true},
      {pb::RESTART_POLICY_ON_FAILURE, 0, false},
      {pb::RESTART_POLICY_ALWAYS, 1, true},
      {pb::RESTART_POLICY_ALWAYS, 0, true},
      {pb::RESTART_POLICY_EXIT_CODE, 130, true},
      {pb::RESTART_POLICY_EXIT_CODE, 137, true},
      {pb::RESTART_POLICY_EXIT_CODE, 138, true},
      {pb::RESTART_POLICY_EXIT_CODE, 143, true},
      {pb::RESTART_POLICY_EXIT_CODE, 1, false},
      {pb::RESTART_POLICY_EXIT_CODE, 139, false},
      {pb::RESTART_POLICY_EXIT_CODE, 0, false},
  }));
  CAPTURE(policy, code);
  SupervisorDriver one(plan_of("tensorflow", {{"chief"}, {"worker", 1, policy}}));
  one.start_all();
  auto words = one.exited("worker-0", code);
  CHECK((words.back() == "news: worker-0 restarts (1)") == restarts);
}

TEST_CASE("a killed replica restarts as its shell's code says", "[supervisor]") {
  auto [signal, restarts] =
      GENERATE(table<int, bool>({{9, true}, {15, true}, {2, true}, {10, true}, {11, false}}));
  CAPTURE(signal);
  SupervisorDriver one(plan_of("generic", {{"worker", 1, pb::RESTART_POLICY_EXIT_CODE}}));
  one.start_all();
  one.exited("worker-0", pb::EXIT_CAUSE_EXITED, signal);
  one.read("worker-0");
  CHECK((one.results == 0) == restarts);
}

TEST_CASE("the deciding replica that ends 0 is not restarted", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker", 1, pb::RESTART_POLICY_ALWAYS}}));
  one.start_all();
  one.exited("worker-0", 0);
  CHECK(one.read("worker-0") == Words{"result Succeeded"});
}

TEST_CASE("a restart waits 1, 2, 4 seconds, and backoffLimit is shared by all replicas",
          "[supervisor]") {
  SupervisorDriver one(
      plan_of("tensorflow", {{"chief"}, {"worker", 2, pb::RESTART_POLICY_ON_FAILURE}}));
  one.start_all();
  one.exited("worker-0", 1);
  one.read("worker-0");
  CHECK(one.tick(999ms) == Words{"read chief-0 after 0", "read worker-1 after 0"});
  one.read("chief-0");
  one.read("worker-1");
  CHECK(one.tick(1ms) == Words{"start worker-0#1"});
  one.started("worker-0", 1);
  one.exited("worker-0", 1, 1);
  one.read("worker-0");
  CHECK(one.core.next_tick() < one.now + 2s);  // reports of the others
  one.tick(1999ms);
  CHECK(one.tick(1ms).back() == "start worker-0#2");
  CHECK(one.exited("worker-1", 1).back() == "news: worker-1 restarts (1)");
  one.tick(1s);
  CHECK(one.exited("worker-0", 1, 2) ==
        Words{"read worker-0 after 0 to the end"});  // the limit is used up
}

TEST_CASE("a decider without restarts left fails the attempt", "[supervisor]") {
  auto plan = plan_of("generic", {{"worker", 1, pb::RESTART_POLICY_ON_FAILURE}});
  plan.mutable_training_config()->mutable_run_policy()->set_backoff_limit(1);
  SupervisorDriver one(plan);
  one.start_all();
  one.exited("worker-0", 1);
  one.read("worker-0", 2);
  one.did(one.core.on_stored(2));
  CHECK(one.tick(1s) == Words{"start worker-0#1"});
  one.started("worker-0", 1);
  CHECK(one.exited("worker-0", 4, 1) == Words{"read worker-0 after 2 to the end"});
  CHECK(one.read("worker-0", 1) == Words{"result Failed: worker-0: exit code 4 +3 reports"});
}

TEST_CASE("a spawn that failed is a failure like others", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  one.prepared();
  CHECK(one.exited("worker-0", pb::EXIT_CAUSE_SPAWN_FAILED) ==
        Words{"result Failed: worker-0: could not be started"});
}

TEST_CASE("a deadline ends the attempt", "[supervisor]") {
  auto plan = plan_of("tensorflow", {{"chief"}, {"worker", 1, pb::RESTART_POLICY_ON_FAILURE}});
  plan.set_deadline_ms(2500);
  SupervisorDriver one(plan);
  CHECK(one.prepared() == Words{"start chief-0 (2500 ms)", "start worker-0 (2500 ms)"});
  one.started("chief-0");
  one.started("worker-0");
  one.exited("worker-0", 1);
  one.read("worker-0");
  SECTION("a restart gets what is left of it") {
    CHECK(one.tick(1s).front() == "start worker-0#1 (1500 ms)");
  }
  SECTION("past it nothing is restarted, though the others' ends are told late") {
    CHECK(one.tick(2500ms) == Words{"read chief-0 after 0"});
  }
  SECTION("whoever it meets") {
    one.now += 2500ms;
    CHECK(one.exited("chief-0", pb::EXIT_CAUSE_DEADLINE, 15) ==
          Words{"read chief-0 after 0 to the end"});
    CHECK(one.read("chief-0") == Words{"result DeadlineExceeded: deadline exceeded"});
  }
}

TEST_CASE("a deadline acts although nothing runs but the back-off of a restart", "[supervisor]") {
  auto plan = plan_of("generic", {{"worker", 1, pb::RESTART_POLICY_ON_FAILURE}});
  plan.set_deadline_ms(600);
  SupervisorDriver one(plan);
  one.start_all();
  one.exited("worker-0", 1);
  one.read("worker-0");
  CHECK(one.core.next_tick() == one.now + 600ms);
  CHECK(one.tick(599ms).empty());
  CHECK(one.tick(1ms) == Words{"result DeadlineExceeded: deadline exceeded"});
}

TEST_CASE("a stop ends all replicas with their grace, asked again it hurries", "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"chief"}, {"worker"}}));
  one.start_all();
  CHECK(one.did(one.core.on_stop("because", false)) ==
        Words{"stop chief-0 5000 ms", "stop worker-0 5000 ms"});
  CHECK(one.did(one.core.on_stop("again", false)).empty());
  CHECK(one.did(one.core.on_stop("now", true)) == Words{"stop chief-0 0 ms", "stop worker-0 0 ms"});
  one.exited("chief-0", pb::EXIT_CAUSE_STOPPED, 9);
  one.read("chief-0", 0, 0.25);
  CHECK(one.results == 0);
  one.exited("worker-0", pb::EXIT_CAUSE_STOPPED, 9);
  CHECK(one.read("worker-0") == Words{"result Stopped: because +1 reports"});
  CHECK(one.result.final_metrics(0).value() == 0.25);
  CHECK(one.result.signal() == 9);
}

TEST_CASE("a chief that finishes before its stop reaches it has succeeded", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  one.start_all();
  one.did(one.core.on_stop("because", false));
  one.exited("worker-0", 0);
  CHECK(one.read("worker-0", 0, 1) == Words{"result Succeeded +1 reports"});
}

TEST_CASE("a stop while replicas start ends them all the same", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  one.prepared();
  CHECK(one.did(one.core.on_stop("because", false)) == Words{"stop worker-0 5000 ms"});
  CHECK(one.started("worker-0") == Words{"news: started"});
  one.exited("worker-0", pb::EXIT_CAUSE_STOPPED, 15);
  CHECK(one.read("worker-0") == Words{"result Stopped: because"});
}

TEST_CASE("a stop before anything is prepared starts nothing", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker", 2}}));
  CHECK(one.did(one.core.on_stop("because", false)).empty());
  CHECK(one.prepared() == Words{"result Stopped: because"});
}

TEST_CASE("a stop during the back-off of a restart ends at once", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker", 1, pb::RESTART_POLICY_ALWAYS}}));
  one.start_all();
  one.exited("worker-0", 1);
  one.read("worker-0");
  CHECK(one.did(one.core.on_stop("because", false)) == Words{"result Stopped: because"});
}

TEST_CASE("an attempt that cannot be prepared has failed", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker", 2}}));
  CHECK(one.did(one.core.on_refused({ErrorCode::invalid_argument, "no such folder"})) ==
        Words{"result Failed: no such folder"});
}

TEST_CASE("a node that cannot run an attempt now costs the trial nothing", "[supervisor]") {
  auto code = GENERATE(ErrorCode::resource_exhausted, ErrorCode::unavailable);
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  CHECK(one.did(one.core.on_refused({code, "no room"})) == Words{"result NodeLost: no room"});
}

TEST_CASE("a lost process loses the attempt, unless it had said all", "[supervisor]") {
  auto cause = GENERATE(pb::EXIT_CAUSE_LOST, pb::EXIT_CAUSE_LEASE);
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  one.start_all();
  one.exited("worker-0", cause);
  SECTION("lost") { CHECK(one.read("worker-0", 3).front().substr(0, 16) == "result NodeLost:"); }
  SECTION("had said all") {
    CHECK(one.read("worker-0", 3, 0.5).front().substr(0, 16) == "result Succeeded");
  }
}

TEST_CASE("events that come twice or late change nothing", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker", 1, pb::RESTART_POLICY_ON_FAILURE}}));
  one.prepared();
  CHECK(one.started("worker-0") == Words{"news: started"});
  CHECK(one.started("worker-0").empty());
  CHECK(one.exited("worker-0", 1).size() == 2);
  CHECK(one.exited("worker-0", 1).empty());
  one.read("worker-0");
  CHECK(one.read("worker-0", 5).empty());  // nobody asked for it
  one.tick(1s);
  CHECK(one.exited("worker-0", 1).empty());  // of the start before
  one.started("worker-0", 1);
  one.exited("worker-0", 0, 1);
  one.read("worker-0");
  CHECK(one.results == 1);
  CHECK(one.exited("worker-0", 0, 1).empty());
  CHECK(one.started("worker-0", 1).empty());
  CHECK(one.did(one.core.on_stop("late", false)).empty());
  CHECK(one.did(one.core.on_stored(5)).empty());
  CHECK(one.results == 1);
}

TEST_CASE("an exit that overtakes its start counts", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  one.prepared();
  one.exited("worker-0", 0);
  CHECK(one.read("worker-0") == Words{"result Succeeded"});
}

TEST_CASE("lines that are no reports are told, at most twenty by number", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  one.start_all();
  one.tick(50ms);
  ReportBatch batch;
  for (int line = 1; line <= 50; ++line)
    batch.bad_lines.push_back(line);
  batch.bad_example = "oops";
  batch.last_line = 50;
  auto effects = one.core.on_reports(one.key("worker-0"), batch);
  REQUIRE(effects.size() == 1);
  const auto& told = std::get<SendNews>(effects[0]).news.lines_rejected();
  CHECK(told.lines_size() == 20);
  CHECK(told.total() == 50);
  CHECK(told.example() == "oops");
}

TEST_CASE(
    "a file of rubbish fills no store: bad lines are told when their number has doubled, and in "
    "the end",
    "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  one.start_all();
  Words told;
  std::int64_t line = 0;
  auto read = [&](int bad) {
    ReportBatch batch;
    for (int i = 0; i < bad; ++i)
      batch.bad_lines.push_back(++line);
    batch.last_line = line;
    auto words = one.did(one.core.on_reports(one.key("worker-0"), batch));
    told.insert(told.end(), words.begin(), words.end());
  };
  for (int i = 0; i < 6; ++i) {
    one.tick(50ms);
    read(10);
  }
  one.exited("worker-0", 0);
  read(0);
  CHECK(told == Words{"news: rejected 10", "news: rejected 20", "news: rejected 40",
                      "news: rejected 60", "result Succeeded"});
}

TEST_CASE("the last final result counts, and the chief's is not overruled", "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"chief"}, {"worker"}}));
  one.start_all();
  one.tick(50ms);
  one.read("worker-0", 0, 1.0);
  one.read("chief-0", 0, 2.0);
  one.tick(50ms);
  one.read("chief-0", 0, 3.0);
  one.read("worker-0", 0, 4.0);
  one.did(one.core.on_stored(4));
  one.exited("chief-0", 0);
  one.read("chief-0");
  one.exited("worker-0", 0);
  one.read("worker-0");
  CHECK(one.result.final_metrics(0).value() == 3.0);
}

// --- after a restart of the agent ---------------------------------------------------------------------------------

TEST_CASE("adoption: nothing was started, so all is started", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker", 2}}));
  CHECK(one.did(one.core.on_adopted(one.now, {})) == Words{"start worker-0", "start worker-1"});
}

TEST_CASE("adoption: what runs goes on, and its reports are read from the first", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  CHECK(one.did(one.core.on_adopted(one.now, {{one.key("worker-0", 2), std::nullopt}})) ==
        Words{"news: started"});
  CHECK(one.core.next_tick() == one.now);
  CHECK(one.tick() == Words{"read worker-0 after 0"});
  one.read("worker-0", 5);
  one.did(one.core.on_stored(5));
  CHECK(one.exited("worker-0", 0, 0).empty());  // of an earlier start
  one.exited("worker-0", 0, 2);
  CHECK(one.read("worker-0", 0, 1) == Words{"result Succeeded +1 reports"});
}

TEST_CASE("adoption: what has ended meanwhile is judged by its exit file", "[supervisor]") {
  auto [code, wanted] =
      GENERATE(table<int, std::string>({{0, "result Succeeded +1 reports"},
                                        {3, "result Failed: worker-0: exit code 3 +1 reports"}}));
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  CHECK(one.did(one.core.on_adopted(
            one.now, {{one.key("worker-0"), one.exit("worker-0", pb::EXIT_CAUSE_EXITED, code)}})) ==
        Words{"news: started", "read worker-0 after 0 to the end"});
  CHECK(one.read("worker-0", 0, 1) == Words{wanted});
}

TEST_CASE("adoption: replicas that were not yet started are started", "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"chief"}, {"worker", 2}}));
  auto words = one.did(one.core.on_adopted(one.now, {{one.key("chief-0"), std::nullopt}}));
  CHECK(words == Words{"news: started", "start worker-0", "start worker-1"});
}

TEST_CASE("adoption: a chief that has succeeded starts nobody and ends the others",
          "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"ps"}, {"chief"}, {"worker"}}));
  auto words = one.did(one.core.on_adopted(
      one.now, {{one.key("ps-0"), std::nullopt},
                {one.key("chief-0"), one.exit("chief-0", pb::EXIT_CAUSE_EXITED, 0)}}));
  CHECK(words == Words{"news: started", "read chief-0 after 0 to the end", "stop ps-0 5000 ms"});
}

TEST_CASE("adoption: clean-up that had begun does not hide the chief's success", "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"ps"}, {"chief"}}));
  one.did(one.core.on_adopted(
      one.now, {{one.key("ps-0"), one.exit("ps-0", pb::EXIT_CAUSE_STOPPED, 0, 15)},
                {one.key("chief-0"), one.exit("chief-0", pb::EXIT_CAUSE_EXITED, 0)}}));
  one.read("ps-0");
  CHECK(one.read("chief-0", 0, 1) == Words{"result Succeeded +1 reports"});
}

TEST_CASE("adoption: an attempt that was being ended is ended, and has not failed",
          "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"ps"}, {"chief"}}));
  auto words = one.did(one.core.on_adopted(
      one.now, {{one.key("ps-0"), one.exit("ps-0", pb::EXIT_CAUSE_STOPPED, 0, 15)},
                {one.key("chief-0"), std::nullopt}}));
  CHECK(words == Words{"news: started", "read ps-0 after 0 to the end", "stop chief-0 5000 ms"});
  one.read("ps-0");
  one.exited("chief-0", pb::EXIT_CAUSE_STOPPED, 15);
  CHECK(one.read("chief-0") == Words{"result Stopped: stopped"});
}

TEST_CASE("adoption: a deadline that had passed is not taken for a stop", "[supervisor]") {
  SupervisorDriver one(plan_of("tensorflow", {{"chief"}, {"worker"}}));
  one.did(one.core.on_adopted(
      one.now, {{one.key("chief-0"), one.exit("chief-0", pb::EXIT_CAUSE_STOPPED, 0, 15)},
                {one.key("worker-0"), one.exit("worker-0", pb::EXIT_CAUSE_DEADLINE, 0, 15)}}));
  one.read("chief-0");
  CHECK(one.read("worker-0") == Words{"result DeadlineExceeded: deadline exceeded"});
}

TEST_CASE("adoption: restarts that were used are not given again", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker", 1, pb::RESTART_POLICY_ON_FAILURE}}));
  one.did(one.core.on_adopted(one.now, {{one.key("worker-0", 3), std::nullopt}}));
  one.exited("worker-0", 1, 3);
  CHECK(one.read("worker-0") == Words{"result Failed: worker-0: exit code 1"});
}

TEST_CASE("adoption: a failure seen late restarts by its policy", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker", 1, pb::RESTART_POLICY_ON_FAILURE}}));
  auto words = one.did(one.core.on_adopted(
      one.now, {{one.key("worker-0"), one.exit("worker-0", pb::EXIT_CAUSE_EXITED, 1)}}));
  CHECK(words.back() == "news: worker-0 restarts (1)");
  one.read("worker-0");
  CHECK(one.tick(1s) == Words{"start worker-0#1"});
}

TEST_CASE("with cleanUpPolicy None a restart that waits is given up when the chief has succeeded",
          "[supervisor]") {
  auto plan = plan_of("tensorflow", {{"chief"}, {"worker", 1, pb::RESTART_POLICY_ALWAYS}});
  plan.mutable_training_config()->mutable_run_policy()->set_clean_up_policy(
      pb::CLEAN_UP_POLICY_NONE);
  SupervisorDriver one(plan);
  one.start_all();
  one.exited("worker-0", 1);
  one.read("worker-0");
  one.exited("chief-0", 0);
  CHECK(one.read("chief-0") == Words{"result Succeeded"});
}

TEST_CASE("how an exit reads", "[supervisor]") {
  SupervisorDriver one(plan_of("generic", {{"worker"}}));
  CHECK(describe_exit(one.exit("worker-0", pb::EXIT_CAUSE_EXITED, 3)) == "exit code 3");
  CHECK(describe_exit(one.exit("worker-0", pb::EXIT_CAUSE_EXITED, 0, 9)) == "signal 9 (Killed)");
  auto exit = one.exit("worker-0", pb::EXIT_CAUSE_OUT_OF_MEMORY, 0, 9);
  exit.set_detail("512 MiB of 500 MiB");
  CHECK(describe_exit(exit) == "out of memory: 512 MiB of 500 MiB");
}

}  // namespace autotune::test
