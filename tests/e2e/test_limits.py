"""Limits of time and of attempts: what ends, how it is called, and what goes on. How late a limit acts is printed by
limits_real_run.py."""

import unittest

from harness import FINAL, EndToEnd, experiment, shell, task, wait_until

# Trial 1 goes on for ever; the others end at once.
ONE_HANGS = f"""
echo "$AUTOTUNE_TRIAL_SEQUENCE $AUTOTUNE_TRIAL_ATTEMPT" >> "$LOG"
test $AUTOTUNE_TRIAL_SEQUENCE = 1 && exec sleep 1000
{FINAL}
"""


class Limits(EndToEnd):
    def setUp(self):
        super().setUp()
        self.trial_log = self.folder / "trials.log"
        self.environment["LOG"] = str(self.trial_log)

    def run_spec(self, script, code=0, restart_policy=None, grace=1, **spec):
        tasks = [task(shell(script), restart_policy=restart_policy, pod={"terminationGracePeriodSeconds": grace})]
        file = self.write("limits.json", experiment("limits", tasks, **spec))
        done = self.run_it("run", file, code=code)
        self.assertEqual(self.trial_processes(), [])
        return done

    def kinds(self, sequence=None):
        return [event.kind for event in self.database.events("limits")]

    # --- time

    def test_max_exec_seconds(self):
        done = self.run_spec(ONE_HANGS, code=3, maxExecSeconds=1, maxTrialNum=50, trialConcurrency=1)
        found = self.database.experiment("limits")
        self.assertEqual((found["phase"], found["reason"]), ("TIMEOUT", "maxExecSeconds passed"))
        trials = self.database.trials("limits")
        self.assertEqual([trial["state"] for trial in trials], ["Succeeded", "Killed"])
        self.assertGreaterEqual(found["running_ms"], 1000)
        self.assertIn("TIMEOUT", done.stdout)

    def test_max_exec_seconds_kills_what_ignores_term(self):
        script = "trap '' TERM; echo started >> $LOG; while :; do sleep 0.1; done"
        self.run_spec(script, code=3, maxExecSeconds=1, maxTrialNum=1)
        self.assertEqual(self.database.states("limits"), ["Killed"])

    def test_time_is_counted_across_restarts_and_more_can_be_given(self):
        spec = experiment("limits", shell(ONE_HANGS), maxExecSeconds=3, maxTrialNum=3)
        child = self.start("run", self.write("limits.json", spec))
        wait_until(lambda: (self.database.experiment("limits") or {}).get("running_ms", 0) >= 1000,
                   "a second in RUNNING is written down")
        before = self.database.experiment("limits")["running_ms"]
        child.kill()
        child.wait()
        self.run_it("resume", "limits", code=3)
        found = self.database.experiment("limits")
        self.assertEqual(found["phase"], "TIMEOUT")
        self.assertGreaterEqual(found["running_ms"], max(3000, before))
        self.assertLess(found["running_ms"], 3000 + before, "it did not begin anew")
        self.run_it("resume", "limits", code=2)
        self.run_it("edit", "limits", "--set", "spec.maxExecSeconds=1000", code=0)
        self.run_it("resume", "limits", code=0)
        self.assertEqual(self.database.states("limits"), ["Succeeded", "Killed", "Succeeded"])

    def check_deadline(self, **spec):
        self.run_spec(ONE_HANGS, maxTrialNum=3, **spec)
        self.assertEqual(self.database.phase("limits"), "DONE")
        trials = self.database.trials("limits")
        self.assertEqual([trial["state"] for trial in trials], ["Succeeded", "Failed", "Succeeded"])
        self.assertEqual(trials[1]["reason"], "DeadlineExceeded")
        self.assertEqual(trials[1]["attempt"], 1)

    def test_max_trial_seconds(self):
        self.check_deadline(trialPolicy={"maxTrialSeconds": 1})

    def test_active_deadline_seconds(self):
        tasks = [task(shell(ONE_HANGS))]
        file = self.write("limits.json", experiment(
            "limits", tasks, training={"runPolicy": {"activeDeadlineSeconds": 1}}, maxTrialNum=3))
        self.run_it("run", file, code=0)
        trials = self.database.trials("limits")
        self.assertEqual([trial["state"] for trial in trials], ["Succeeded", "Failed", "Succeeded"])
        self.assertEqual(trials[1]["reason"], "DeadlineExceeded")

    def test_a_deadline_goes_on_while_nobody_runs(self):
        """The keeper holds it: killed runs do not give a trial more time."""
        file = self.write("limits.json", experiment(
            "limits", shell(ONE_HANGS), maxTrialNum=2, trialPolicy={"maxTrialSeconds": 2}))
        child = self.start("run", file)
        self.wait_for_lines(self.trial_log, 2)
        child.kill()
        child.wait()
        wait_until(lambda: not self.trial_processes(), "the keeper has ended the late trial")
        self.run_it("resume", "limits", code=0)
        trials = self.database.trials("limits")
        self.assertEqual((trials[1]["state"], trials[1]["reason"]), ("Failed", "DeadlineExceeded"))

    def test_what_a_late_trial_reported_stays(self):
        script = """
            echo '{"type":"intermediate","value":4}' >> "$AUTOTUNE_REPORTS"
            sleep 1000"""
        self.run_spec(script, code=1, maxTrialNum=1, trialPolicy={"maxTrialSeconds": 1})
        self.assertEqual([row["value"] for row in self.database.reports("limits")], [4])

    # --- attempts

    def starts(self):
        return self.lines(self.trial_log)

    def test_backoff_limit_bounds_restarts_of_a_replica(self):
        file = self.write("limits.json", experiment(
            "limits", [task(shell("echo $AUTOTUNE_TRIAL_ATTEMPT >> $LOG; exit 1"), restart_policy="OnFailure")],
            training={"runPolicy": {"backoffLimit": 2}}, maxTrialNum=1))
        self.run_it("run", file, code=1)
        self.assertEqual(self.starts(), ["1", "1", "1"])
        self.assertEqual(self.kinds().count("restarted"), 2)
        trial, = self.database.trials("limits")
        self.assertEqual((trial["state"], trial["attempt"]), ("Failed", 1))
        self.assertIn("exit code 1", trial["reason"])

    def test_a_restart_that_succeeds(self):
        """Its reports go on in the same file: lines of both starts count."""
        script = """
            echo again >> "$LOG"
            echo '{"type":"intermediate","value":1}' >> "$AUTOTUNE_REPORTS"
            test $(wc -l < "$LOG") = 2 || exit 1
            echo '{"type":"final","value":2}' >> "$AUTOTUNE_REPORTS" """
        self.run_spec(script, maxTrialNum=1, restart_policy="OnFailure")
        self.assertEqual(self.database.states("limits"), ["Succeeded"])
        self.assertEqual([row["value"] for row in self.database.reports("limits")], [1, 1, 2])

    def test_exit_code_policy(self):
        """137 restarts, 1 is final."""
        script = """
            echo again >> "$LOG"
            test $(wc -l < "$LOG") = 1 && exit 137
            exit 1"""
        self.run_spec(script, code=1, maxTrialNum=1, restart_policy="ExitCode")
        self.assertEqual(len(self.starts()), 2)
        self.assertEqual(self.database.states("limits"), ["Failed"])

    def test_max_retries_give_new_attempts(self):
        script = """
            echo "$AUTOTUNE_TRIAL_ATTEMPT" >> "$LOG"
            echo '{"type":"intermediate","value":'$AUTOTUNE_TRIAL_ATTEMPT'}' >> "$AUTOTUNE_REPORTS"
            exit 1"""
        self.run_spec(script, code=1, maxTrialNum=1, trialPolicy={"maxRetries": 2, "backoffSeconds": 1})
        self.assertEqual(self.starts(), ["1", "2", "3"])
        trial, = self.database.trials("limits")
        self.assertEqual((trial["state"], trial["attempt"]), ("Failed", 3))
        self.assertEqual(self.kinds().count("requeued"), 2)

    def test_a_retry_that_succeeds_has_the_same_parameters(self):
        script = f"""
            cat "$AUTOTUNE_PARAMETERS" >> "$LOG"; echo >> "$LOG"
            test $AUTOTUNE_TRIAL_ATTEMPT = 1 && exit 1
            {FINAL}"""
        self.run_spec(script, maxTrialNum=1, trialPolicy={"maxRetries": 3, "backoffSeconds": 1})
        first, second = self.starts()
        self.assertEqual(first, second)
        self.assertEqual(self.database.states("limits"), ["Succeeded"])

    def test_retry_on_no_final_result(self):
        script = "echo again >> $LOG; exit 0"
        self.run_spec(script, maxTrialNum=1,
                      trialPolicy={"maxRetries": 1, "retryOn": ["NoFinalResult"], "backoffSeconds": 1})
        self.assertEqual(len(self.starts()), 2)
        trial, = self.database.trials("limits")
        self.assertEqual((trial["state"], trial["reason"]), ("Succeeded", "no final result reported"))

    def test_what_is_not_listed_is_not_retried(self):
        script = "echo again >> $LOG; exit 1"
        self.run_spec(script, code=1, maxTrialNum=1,
                      trialPolicy={"maxRetries": 5, "retryOn": ["DeadlineExceeded"]})
        self.assertEqual(len(self.starts()), 1)


if __name__ == "__main__":
    unittest.main()
