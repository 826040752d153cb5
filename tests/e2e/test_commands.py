"""What a user asks of an experiment from another terminal, and the exit codes of the answers."""

import json
import signal
import unittest

from harness import FINAL, EndToEnd, experiment, shell, wait_until


class Commands(EndToEnd):
    """Trials wait for a file `go`, or for one of their own, `go-SEQ`."""

    def setUp(self):
        super().setUp()
        self.trial_log = self.folder / "trials.log"
        self.environment["LOG"] = str(self.trial_log)
        script = f"""
            echo "$AUTOTUNE_TRIAL_SEQUENCE" >> "$LOG"
            until test -e {self.folder}/go || test -e {self.folder}/go-$AUTOTUNE_TRIAL_SEQUENCE; do sleep 0.02; done
            {FINAL}"""
        self.spec = experiment("work", shell(script), maxTrialNum=4, trialConcurrency=2)
        self.file = self.write("work.json", self.spec)

    def let_go(self, sequence=None):
        (self.folder / ("go" if sequence is None else f"go-{sequence}")).touch()

    def start_work(self):
        child = self.start("run", self.file)
        self.wait_for_lines(self.trial_log, 2)
        wait_until(lambda: self.database.states("work") == ["Running", "Running"], "both run")
        return child

    # --- one trial

    def test_stop_of_one_trial(self):
        child = self.start_work()
        self.assertIn("/1 stopped", self.run_it("stop", "work/1", code=0).stdout)
        wait_until(lambda: self.database.states("work")[1:2] == ["Killed"], "trial 1 is ended")
        self.assertIn("has ended", self.run_it("stop", "work/1", code=2).stderr)
        self.let_go()
        self.finish(child, code=0)
        self.assertEqual(self.database.states("work"), ["Succeeded", "Killed", "Succeeded", "Succeeded"])
        self.assertEqual(self.database.trials("work")[1]["reason"], "stopped by the user")

    # --- the experiment

    def test_pause_and_resume(self):
        child = self.start_work()
        self.run_it("pause", "work", code=0)
        self.assertEqual(self.database.phase("work"), "PAUSED")
        self.let_go(0)
        wait_until(lambda: self.database.states("work")[0] == "Succeeded", "what runs goes on to its end")
        self.assertEqual(len(self.database.states("work")), 2, "nothing new is started")
        self.assertIsNone(child.poll())
        self.run_it("resume", "work", code=0)
        self.wait_for_lines(self.trial_log, 3)
        self.let_go()
        self.finish(child, code=0)
        self.assertEqual(self.database.states("work"), ["Succeeded"] * 4)

    def test_stop_from_another_terminal(self):
        child = self.start_work()
        self.run_it("stop", "work", code=0)
        self.finish(child, code=6)
        self.assertEqual(self.database.phase("work"), "STOPPED")
        self.assertEqual(self.trial_processes(), [])
        self.let_go()
        self.run_it("resume", "work", code=0)
        self.assertEqual(self.database.phase("work"), "DONE")
        self.assertEqual(self.database.states("work"), ["Succeeded"] * 4)

    def test_stop_of_what_a_dead_run_left_behind(self):
        child = self.start_work()
        child.kill()
        child.wait()
        self.assertNotEqual(self.trial_processes(), [])
        self.run_it("stop", "work", code=0)
        self.assertEqual(self.trial_processes(), [])
        self.assertEqual(self.database.phase("work"), "STOPPED")

    def test_delete_while_it_runs(self):
        child = self.start_work()
        found = self.database.experiment("work")
        self.assertTrue((self.home / "trials" / found["id"]).exists())
        self.run_it("delete", "work", code=0)
        self.finish(child, code=6)
        self.assertIsNone(self.database.experiment("work"))
        self.assertFalse((self.home / "trials" / found["id"]).exists())
        self.assertEqual(self.trial_processes(), [])
        self.run_it("get", "trials", "work", code=4)

    def test_delete_of_one_that_has_ended(self):
        self.let_go()
        self.run_it("run", self.file, code=0)
        self.run_it("run", self.file, code=0)
        first, second = self.database.experiments()
        self.run_it("delete", first["id"], code=0)
        self.assertEqual([one["id"] for one in self.database.experiments()], [second["id"]])
        self.assertFalse((self.home / "trials" / first["id"]).exists())
        self.assertTrue((self.home / "trials" / second["id"]).exists())
        self.assertEqual(self.database.rows("SELECT COUNT(*) AS n FROM trials"), [{"n": 4}])

    # --- edit, enqueue

    def test_edit_of_concurrency_acts_at_once(self):
        child = self.start_work()
        self.run_it("edit", "work", "--set", "spec.trialConcurrency=4", code=0)
        self.wait_for_lines(self.trial_log, 4)
        self.let_go()
        self.finish(child, code=0)

    def test_edit_of_the_number_of_trials(self):
        child = self.start_work()
        self.assertEqual(self.run_it("edit", "work", "--set", "spec.maxTrialNum=6", code=0).stderr, "")
        self.let_go()
        self.finish(child, code=0)
        self.assertEqual(self.database.states("work"), ["Succeeded"] * 6)
        edited = self.run_it("edit", "work", "--set", "spec.trialConcurrency=3", code=0)
        self.assertIn("work is DONE, and has done all of its 6 trials: raise spec.maxTrialNum", edited.stderr)
        edited = self.run_it("edit", "work", "--set", "spec.maxTrialNum=7", "-o", "json", code=0)
        self.assertIn("work is DONE; go on with: autotune resume work\n", edited.stderr)
        json.loads(edited.stdout)
        self.run_it("resume", "work", code=0)
        self.assertEqual(self.database.states("work"), ["Succeeded"] * 7)

    def test_edit_says_what_can_be_changed(self):
        child = self.start_work()
        done = self.run_it("edit", "work", "--set", "spec.searchSpace={}", code=2)
        self.assertIn("spec.trialConcurrency, spec.maxTrialNum, spec.maxExecSeconds", done.stderr)
        self.assertIn("greater than 0", self.run_it("edit", "work", "--set", "spec.maxTrialNum=0", code=2).stderr)
        self.run_it("edit", "work", "--set", "nonsense", code=2)
        self.let_go()
        self.finish(child, code=0)

    def test_enqueue_is_tried_next(self):
        child = self.start_work()
        self.run_it("enqueue", "work", "--params", '{"x": 0.25}', code=0)
        self.let_go(0)
        self.wait_for_lines(self.trial_log, 3)
        self.assertEqual(self.database.trials("work")[2]["parameters"], {"x": 0.25})
        self.let_go()
        self.finish(child, code=0)
        self.assertEqual(len(self.database.trials("work")), 4, "it counts as one of maxTrialNum")

    def test_enqueue_says_what_it_waits_for(self):
        """Where all trials exist already, and where the experiment rests."""
        child = self.start_work()
        self.assertEqual(self.run_it("enqueue", "work", "--params", "{}", code=0).stderr, "")
        self.run_it("edit", "work", "--set", "spec.maxTrialNum=2", code=0)
        self.assertIn("begun all of its 2 trials: it will be tried once you raise spec.maxTrialNum",
                      self.run_it("enqueue", "work", "--params", "{}", code=0).stderr)
        self.let_go()
        self.finish(child, code=0)
        self.assertIn("raise spec.maxTrialNum", self.run_it("enqueue", "work", "--params", "{}", code=2).stderr)
        self.run_it("edit", "work", "--set", "spec.maxTrialNum=5", code=0)
        done = self.run_it("enqueue", "work", "--params", '{"x": 0.25}', "-o", "json", code=0)
        self.assertIn("work is DONE; go on with: autotune resume work", done.stderr)
        self.assertEqual(json.loads(done.stdout)["done"], "will be tried next")
        self.run_it("resume", "work", code=0)
        self.assertEqual(self.database.trials("work")[4]["parameters"], {"x": 0.25})

    def test_enqueue_refuses_what_the_space_does_not_hold(self):
        child = self.start_work()
        refused = {
            '{"x": 7}': "x",  # out of range
            '{"y": 0.5}': "x",  # an unknown name; the known one is named
            '{"x": "0.5"}': "x",
            "[1]": "",
            "{": "",
        }
        for text, named in refused.items():
            with self.subTest(text):
                done = self.run_it("enqueue", "work", "--params", text, code=2)
                self.assertIn(named, done.stderr)
                self.assertGreater(len(done.stderr), len("autotune: \n"))
        self.assertEqual([event for event in self.database.events("work") if event.kind == "enqueued"], [])
        self.let_go()
        self.finish(child, code=0)

    # --- apply

    def test_apply_to_a_running_server(self):
        child = self.start_work()
        other = self.write("other.json", experiment("other", shell(FINAL), maxTrialNum=3))
        applied = self.run_it("apply", "-f", other, code=0).stdout.strip()
        self.wait_for_phase("other", "DONE")
        self.assertEqual(self.database.experiment("other")["id"], applied)
        wrong = self.write("wrong.json", experiment("other", shell(FINAL), maxTrialNum=0))
        self.assertIn("wrong.json:", self.run_it("apply", "-f", wrong, code=2).stderr)
        self.let_go()
        self.finish(child, code=0)

    def test_run_goes_on_until_what_was_applied_has_ended(self):
        child = self.start_work()
        other = self.write("other.json", experiment(
            "other", shell(f"until test -e {self.folder}/other; do sleep 0.02; done; {FINAL}"), maxTrialNum=2))
        self.run_it("apply", "-f", other, code=0)
        self.let_go()
        wait_until(lambda: "was submitted meanwhile and still runs" in self.output(child), "run waits for the other")
        self.assertEqual(self.database.experiment("work")["phase"], "DONE")
        (self.folder / "other").touch()
        self.finish(child, code=0)
        self.assertEqual(self.database.states("other"), ["Succeeded", "Succeeded"])

    def test_apply_watch_follows_to_the_end(self):
        child = self.start_work()
        other = self.write("other.json", experiment("other", shell(FINAL), maxTrialNum=2))
        watched = self.run_it("apply", "-f", other, "--watch", "-o", "json", code=0)
        self.assertEqual(json.loads(watched.stdout)["id"], self.database.experiment("other")["id"])
        self.assertIn(" DONE (2 succeeded, 0 failed)\nbest: trial 0 with ", watched.stderr)
        self.let_go()
        self.finish(child, code=0)

    def test_what_was_applied_goes_on_after_its_server_died(self):
        child = self.start_work()
        other = self.write("other.json", experiment(
            "other", shell(f"until test -e {self.folder}/other; do sleep 0.02; done; {FINAL}"), maxTrialNum=2))
        self.run_it("apply", "-f", other, code=0)
        wait_until(lambda: self.database.states("other") == ["Running"], "the other one runs")
        self.kill(child.pid)
        self.finish(child)
        self.let_go()
        (self.folder / "other").touch()
        self.run_it("resume", "other", code=0)
        self.assertEqual(self.database.states("other"), ["Succeeded", "Succeeded"])
        self.assertEqual([trial["attempt"] for trial in self.database.trials("other")], [1, 1])

    # --- importance

    def test_importance_of_parameters(self):
        space = {"x": {"_type": "uniform", "_value": [0, 1]}, "y": {"_type": "uniform", "_value": [0, 1]},
                 "idle": {"_type": "choice", "_value": ["a", "b"]}}
        spec = experiment("sums", shell("true"), maxTrialNum=60, trialConcurrency=4, space=space,
                          tuner={"builtinTunerName": "Random"},
                          launcher={"kind": "simulated", "durationSeconds": 0, "objective": "3 * x + y"})
        self.run_it("run", self.write("sums.json", spec), code=0)
        told = json.loads(self.run_it("describe", "sums", "--importance", "-o", "json", code=0).stdout)
        shares = {one["name"]: one["importance"] for one in told["parameters"]}
        self.assertEqual((told["objective"], told["trials"], list(shares)[0]), ("default", 60, "x"))
        self.assertGreater(shares["x"], 0.6)  # 9 / 10 in the limit of many trials
        self.assertLess(shares["idle"], 0.1)
        self.assertIn("x", self.run_it("describe", "sums", "--importance", code=0).stdout)
        self.assertIn("describe EXP --importance", self.run_it("describe", "sums/3", "--importance", code=2).stderr)

    # --- exit codes

    def test_exit_codes_where_nothing_is_found(self):
        self.let_go()
        empty = self.run_it("get", "experiments", "-o", "json", code=0)
        self.assertEqual(json.loads(empty.stdout), [])
        self.assertIn(f"no experiments in {self.home} yet", empty.stderr)
        self.assertIn("PHASE", self.run_it("get", "experiments", code=0).stdout)
        for arguments in (["stop", "none"], ["logs", "none/0"], ["resume", "none"], ["delete", "none"],
                          ["get", "trials", "none"], ["best", "none"], ["describe", "none"],
                          ["edit", "none", "--set", "spec.maxTrialNum=3"]):
            with self.subTest(arguments, home="empty"):
                self.run_it(*arguments, code=4)
        self.run_it("run", self.file, code=0)
        for arguments in (["stop", "none"], ["stop", "work/99"], ["logs", "none/0"], ["logs", "work/99"],
                          ["resume", "none"], ["delete", "none"], ["enqueue", "none", "--params", "{}"]):
            with self.subTest(arguments, home="used"):
                done = self.run_it(*arguments)
                wanted = 5 if arguments == ["stop", "work/99"] else 4
                self.assertEqual(done.returncode, wanted, done.stderr)

    def test_exit_codes_where_no_server_runs(self):
        self.let_go()
        self.assertIn("no server runs", self.run_it("apply", "-f", self.file, code=5).stderr)
        self.run_it("run", self.file, code=0)
        self.run_it("pause", "work", code=5)
        self.assertIn("no attempt 7; its newest is 1", self.run_it("logs", "work/0", "--attempt", "7", code=4).stderr)
        self.assertEqual(self.run_it("describe", "trials", "work/0", code=0).stdout,
                         self.run_it("describe", "trial", "work/0", code=0).stdout)
        self.run_it("stop", "work/0", code=5)

    def test_exit_codes_of_wrong_usage(self):
        for arguments in (["run"], ["run", self.folder / "none.json"], ["run", self.folder], ["frobnicate"],
                          ["run", self.file, "--set", "x"], ["run", self.file, "--volume", "x"],
                          ["stop"], ["logs", "work"], ["stop", "work/x"]):
            with self.subTest(arguments):
                done = self.run_it(*arguments)
                self.assertIn(done.returncode, (2, 4) if "json" in str(arguments) or arguments[-1] == self.folder
                              else (2,), done.stderr)
        self.assertEqual(self.database.experiments(), [])

    def test_exit_code_1_where_no_trial_succeeded(self):
        file = self.write("bad.json", experiment("bad", shell("exit 1"), maxTrialNum=2))
        done = self.run_it("run", file, code=1)
        self.assertIn("0 succeeded, 2 failed", done.stdout)
        self.assertIn("DONE", done.stdout)

    def test_answers_as_json(self):
        """What scripts rely on: names, types, and nothing else on stdout."""
        self.let_go()
        self.run_it("run", self.file, "--seed", 3, code=0)
        trials = json.loads(self.run_it("get", "trials", "work", "-o", "json", code=0).stdout)
        self.assertEqual([trial["sequence"] for trial in trials], [0, 1, 2, 3])
        for name in ("id", "state", "parameters", "final", "finalMetrics", "intermediate", "attempt", "node",
                     "createdAt", "startedAt", "endedAt", "durationSeconds", "reason"):
            self.assertIn(name, trials[0])
        best = json.loads(self.run_it("best", "work", "-o", "json", code=0).stdout)
        self.assertEqual(best["value"], 1)
        self.assertEqual(best["parameters"], trials[best["sequence"]]["parameters"])

    def test_ctrl_c_of_resume(self):
        child = self.start_work()
        child.send_signal(signal.SIGINT)
        self.finish(child, code=130)
        again = self.start("resume", "work")
        self.wait_for_lines(self.trial_log, 4)
        again.send_signal(signal.SIGINT)
        self.finish(again, code=130)
        self.assertEqual(self.database.phase("work"), "STOPPED")


if __name__ == "__main__":
    unittest.main()
