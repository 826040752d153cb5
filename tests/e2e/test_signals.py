"""Ctrl-C, SIGTERM and SIGHUP end all trials with all that they started, and leave an experiment that can go on."""

import signal
import time
import unittest

from harness import FINAL, EndToEnd, experiment, shell, task, wait_until

# A child in a session of its own, one that was forked twice, and one that ignores all but SIGKILL.
TREE = """
setsid sleep 1000 &
(setsid sh -c 'sleep 1001 & sleep 1002' &)
sh -c 'trap "" TERM HUP INT; while :; do sleep 1003; done' &
env -i "AUTOTUNE_TRIAL_DIR=$AUTOTUNE_TRIAL_DIR" setsid sleep 1004 &
trap 'echo "term $AUTOTUNE_TRIAL_SEQUENCE" >> "$LOG"; exit 3' TERM
echo "started $AUTOTUNE_TRIAL_SEQUENCE" >> "$LOG"
sleep 1005 &
wait
"""
PROCESSES_EACH = 8

STUBBORN = """
trap '' TERM
echo "started $AUTOTUNE_TRIAL_SEQUENCE" >> "$LOG"
while :; do sleep 0.1; done
"""


class Signals(EndToEnd):
    def setUp(self):
        super().setUp()
        self.trial_log = self.folder / "trials.log"
        self.environment["LOG"] = str(self.trial_log)

    def start_trees(self, script, grace, **spec):
        tasks = [task(shell(script), pod={"terminationGracePeriodSeconds": grace})]
        file = self.write("tree.json", experiment("tree", tasks, maxTrialNum=2, trialConcurrency=2, **spec))
        child = self.start("run", file)
        self.wait_for_lines(self.trial_log, 2)
        return child

    def check_stopped(self, child):
        self.finish(child, code=130)
        self.assertEqual(self.trial_processes(), [])
        self.assertEqual(self.database.phase("tree"), "STOPPED")
        self.assertEqual(self.database.states("tree"), ["Pending", "Pending"])
        self.assertIn("autotune resume", self.output(child))

    def end_by(self, number):
        child = self.start_trees(TREE, grace=1)
        wait_until(lambda: len(self.trial_processes()) >= 2 * PROCESSES_EACH, "all processes of the trees run")
        child.send_signal(number)
        self.check_stopped(child)
        self.assertEqual(sorted(self.lines(self.trial_log)), ["started 0", "started 1", "term 0", "term 1"])

    def test_ctrl_c_ends_whole_trees(self):
        self.end_by(signal.SIGINT)

    def test_sigterm_ends_whole_trees(self):
        self.end_by(signal.SIGTERM)

    def test_sighup_ends_whole_trees(self):
        self.end_by(signal.SIGHUP)

    def test_a_second_ctrl_c_hurries(self):
        child = self.start_trees(STUBBORN, grace=600)
        child.send_signal(signal.SIGINT)
        wait_until(lambda: "Ctrl-C again" in self.output(child), "the first Ctrl-C was seen")
        self.assertEqual(len(self.database.states("tree")), 2)
        self.assertNotEqual(self.trial_processes(), [])
        asked = time.monotonic()
        child.send_signal(signal.SIGINT)
        self.check_stopped(child)
        self.assertLess(time.monotonic() - asked, 300, "it did not wait for the grace of 600 s")

    def test_a_stopped_experiment_goes_on_and_ends(self):
        child = self.start_trees(f"echo started >> $LOG; test -e {self.folder}/go || sleep 1000; {FINAL}", grace=1)
        child.send_signal(signal.SIGINT)
        self.check_stopped(child)
        (self.folder / "go").touch()
        done = self.run_it("resume", "tree", code=0)
        self.assertIn("DONE", done.stdout)
        self.assertEqual(self.database.states("tree"), ["Succeeded", "Succeeded"])
        self.assertEqual([trial["attempt"] for trial in self.database.trials("tree")], [2, 2])


if __name__ == "__main__":
    unittest.main()
