"""kill -9 at any moment loses nothing: neither of `autotune run`, nor of the keeper that holds its trials."""

import collections
import os
import random
import signal
import subprocess
import unittest

from harness import SECONDS_MAX, EndToEnd, binary, experiment, shell, task, wait_until

KILLS = int(os.environ.get("AUTOTUNE_E2E_KILLS", "50"))
SEED = int(os.environ.get("AUTOTUNE_E2E_SEED", "20260101"))
TRIALS = 40
REPORTS_EACH = 3

# What a trial does is written to one log: O_APPEND makes each line whole. A lock that its processes hold shows two
# attempts that run at the same time.
TRIAL = """
say() { echo "$AUTOTUNE_EXPERIMENT_ID $1 $AUTOTUNE_TRIAL_SEQUENCE $AUTOTUNE_TRIAL_ATTEMPT" >> "$LOG"; }
exec 9> "$LOG.$AUTOTUNE_EXPERIMENT_ID.$AUTOTUNE_TRIAL_SEQUENCE"
flock -n 9 || say overlap
say started
echo '{"type":"intermediate","value":'$AUTOTUNE_TRIAL_SEQUENCE'.1}' >> "$AUTOTUNE_REPORTS"
sleep ${parameters.seconds}
echo '{"type":"intermediate","value":'$AUTOTUNE_TRIAL_SEQUENCE'.2}' >> "$AUTOTUNE_REPORTS"
echo '{"type":"final","value":'$AUTOTUNE_TRIAL_SEQUENCE'.5}' >> "$AUTOTUNE_REPORTS"
say ended
"""


class NothingLost(EndToEnd):
    def setUp(self):
        super().setUp()
        self.trial_log = self.folder / "trials.log"
        self.environment["LOG"] = str(self.trial_log)
        self.file = self.write("experiment.json", experiment(
            "nothing-lost", shell(TRIAL), maxTrialNum=TRIALS, trialConcurrency=4, seed=1,
            space={"seconds": {"_type": "uniform", "_value": [0.05, 0.3]}}))
        self.random = random.Random(SEED)
        self.ended = {}  # what was durable about ended trials at some time: it must stay so

    def go_on(self):
        """The command that a user would give now."""
        found = self.database.experiment("nothing-lost")
        if found and found["phase"] != "DONE" and self.random.random() < 0.5:
            return ["resume", found["id"]]
        return ["run", self.file, "--resume"]

    def check_what_is_durable(self):
        """Ended trials stay ended, as they ended; reports once read are there, each once."""
        found = self.database.experiment("nothing-lost")
        if not found:
            return
        key = found["id"]
        now = {(key, trial["sequence"]): (trial["state"], trial["final_metrics"], trial["attempt"])
               for trial in self.database.trials(key) if trial["state"] not in ("Pending", "Running")}
        for trial, how in self.ended.items():
            if trial[0] == key:
                self.assertEqual(now.get(trial), how, f"trial {trial} had ended")
        self.ended.update(now)

    def check_whole_experiment(self, found, attempts_max):
        name = found["id"]
        trials = self.database.trials(name)
        odd = [event for event in self.database.events(name)
               if event.kind == "requeued" or event.kind == "attempt-ended" and event.text(3) != "Succeeded"]
        self.assertEqual((found["phase"], found["succeeded"], found["failed"]), ("DONE", TRIALS, 0), odd)
        self.assertEqual([trial["sequence"] for trial in trials], list(range(TRIALS)))
        self.assertEqual({trial["state"] for trial in trials}, {"Succeeded"})
        self.assertLessEqual(max(trial["attempt"] for trial in trials), attempts_max, odd)
        reports = collections.Counter((row["sequence"], row["attempt"]) for row in self.database.reports(name))
        for trial in trials:
            last = (trial["sequence"], trial["attempt"])
            self.assertEqual(reports[last], REPORTS_EACH, f"reports of trial {last}")
        finals = [row["value"] for row in self.database.reports(name) if row["kind"] == 2]
        self.assertEqual(sorted(set(finals)), [sequence + 0.5 for sequence in range(TRIALS)])
        self.check_log(name, trials, odd)

    def check_log(self, name, trials, odd):
        said = collections.Counter(line.split(" ", 1)[1] for line in self.lines(self.trial_log)
                                   if line.startswith(name))
        twice = [line for line, times in said.items() if times > 1]
        self.assertEqual(twice, [], "no attempt runs twice")
        overlaps = [line for line in said if line.startswith("overlap")]
        self.assertEqual(overlaps, [], f"never two attempts of a trial at a time: {odd}")
        started = {line.split(" ", 1)[1] for line in said if line.startswith("started")}
        ended = {line.split(" ", 1)[1] for line in said if line.startswith("ended")}
        wanted = {f"{trial['sequence']} {trial['attempt']}" for trial in trials}
        self.assertLessEqual(wanted, ended)
        if all(trial["attempt"] == 1 for trial in trials):
            self.assertEqual(started, wanted, "each trial ran once")

    def rounds(self, kills, kill, attempts_max):
        """Kills at random moments; each time the experiment goes on, or the next begins. All are checked."""
        killed = 0
        while True:
            child = self.start(*self.go_on())
            moment = self.random.uniform(0, 0.7) if killed < kills else SECONDS_MAX
            try:
                child.wait(moment)  # the random moment itself, not a wait for something
            except subprocess.TimeoutExpired:
                self.assertLess(killed, kills, self.output(child) + self.log())
                kill(child)
                child.wait()
                killed += 1
                self.check_what_is_durable()
                continue
            self.assertEqual(child.returncode, 0, self.output(child) + self.log())
            self.check_what_is_durable()
            if killed >= kills:
                break
        self.assertTrue(self.database.whole())
        for found in self.database.experiments():
            self.check_whole_experiment(found, attempts_max)

    def test_run_killed_at_random_moments(self):
        with self.subTest(seed=SEED):
            self.rounds(KILLS, lambda child: child.kill(), attempts_max=1)

    def test_keeper_killed_at_random_moments(self):
        """What a dead keeper held may count as lost and run again, but never twice at a time."""
        def kill(child):
            keeper = self.keeper()
            if keeper:
                self.kill(keeper)
            if keeper is None or self.random.random() < 0.5:
                child.kill()
            else:  # the run goes on with a new keeper for a while
                try:
                    child.wait(self.random.uniform(0, 0.4))
                except subprocess.TimeoutExpired:
                    child.kill()
        with self.subTest(seed=SEED):
            self.rounds(KILLS // 4, kill, attempts_max=6)

    def test_interrupted_at_random_moments(self):
        """Ctrl-C instead of kill -9: what ran runs again as a new attempt, what had ended has ended."""
        def interrupt(child):
            child.send_signal(signal.SIGINT)
            if self.random.random() < 0.5:  # a second one hurries; or the run dies in the midst of stopping
                try:
                    child.wait(self.random.uniform(0, 0.1))
                except subprocess.TimeoutExpired:
                    child.send_signal(self.random.choice([signal.SIGINT, signal.SIGKILL]))
            self.finish(child)
        with self.subTest(seed=SEED):
            self.rounds(KILLS // 4, interrupt, attempts_max=KILLS)

    def test_trials_of_two_replicas_that_restart(self):
        """Kills that fall between the starts and restarts of replicas: each trial ends well, one attempt at a time."""
        script = """
            exec 9> "$LOG.$AUTOTUNE_EXPERIMENT_ID.$AUTOTUNE_TRIAL_SEQUENCE.$AUTOTUNE_REPLICA"
            flock -n 9 || echo "overlap $AUTOTUNE_TRIAL_SEQUENCE $AUTOTUNE_REPLICA" >> "$LOG"
            sleep ${parameters.seconds}
            test $AUTOTUNE_REPLICA = worker-0 || exec sleep 1000
            test -e "$AUTOTUNE_TRIAL_DIR/$AUTOTUNE_TRIAL_ATTEMPT/again" && {
              echo '{"type":"final","value":'$AUTOTUNE_TRIAL_SEQUENCE'}' >> "$AUTOTUNE_REPORTS"; exit 0; }
            touch "$AUTOTUNE_TRIAL_DIR/$AUTOTUNE_TRIAL_ATTEMPT/again"
            exit 1"""
        tasks = [task(shell(script), replicas=2, restart_policy="OnFailure")]
        self.file = self.write("pairs.json", experiment(
            "nothing-lost", tasks, training={"type": "tensorflow"}, maxTrialNum=12, trialConcurrency=4, seed=1,
            space={"seconds": {"_type": "uniform", "_value": [0.05, 0.3]}}))
        for _ in range(KILLS // 4):
            child = self.start(*self.go_on())
            try:
                child.wait(self.random.uniform(0, 1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            self.check_what_is_durable()
        self.finish(self.start(*self.go_on()), code=0)
        self.assertEqual(self.lines(self.trial_log), [], "no two processes of one replica")
        for found in self.database.experiments():
            trials = self.database.trials(found["id"])
            self.assertEqual([trial["state"] for trial in trials], ["Succeeded"] * 12)
            finals = [row["value"] for row in self.database.reports(found["id"]) if row["kind"] == 2]
            self.assertEqual(sorted(set(finals)), list(range(12)))
        self.assertEqual(self.trial_processes(), [])

    def test_trials_that_end_while_nobody_runs(self):
        """They are judged by their exit files when the experiment goes on."""
        file = self.write("slow.json", experiment(
            "alone", shell("echo $AUTOTUNE_TRIAL_SEQUENCE >> $LOG; sleep 0.5; test $AUTOTUNE_TRIAL_SEQUENCE != 1 && "
                           "echo '{\"type\":\"final\",\"value\":7}' >> $AUTOTUNE_REPORTS"),
            maxTrialNum=2, trialConcurrency=2))
        child = self.start("run", file)
        self.wait_for_lines(self.trial_log, 2)
        child.kill()
        child.wait()
        wait_until(lambda: not self.trial_processes(), "the trials have ended by themselves")
        self.run_it("resume", "alone", code=0)
        self.assertEqual(self.database.states("alone"), ["Succeeded", "Failed"])
        self.assertEqual([trial["attempt"] for trial in self.database.trials("alone")], [1, 1])
        self.assertEqual(len(self.lines(self.trial_log)), 2)


if __name__ == "__main__":
    binary()
    unittest.main()
