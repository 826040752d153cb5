"""Measures on a real run by how many milliseconds each limit acts late, and prints it.

    AUTOTUNE_BINARY=build/bin/autotune tests/e2e/limits_real_run.py

Not a test: on a busy machine the clock says more about the machine. Ends 1 where one acted more than 200 ms late.
"""

import json
import sys
import unittest

from harness import EndToEnd, experiment, shell, task

LATE_MS_MAX = 200
# Writes the wall clock, in ms, at the moment in which it is told to end. Not Python's own start-up counts but that
# of the process, which the keeper writes into the exit file.
TRIAL = """
import os, signal, sys, time
def told(*_):
    with open(os.environ["AUTOTUNE_TRIAL_DIR"] + "/told", "w") as out:
        out.write(str(time.time() * 1000))
    os._exit(0)
signal.signal(signal.SIGTERM, told)
signal.pause()
"""


class Measured(EndToEnd):
    def runTest(self):
        self.late = {}
        self.measure_trial("maxTrialSeconds", {"trialPolicy": {"maxTrialSeconds": 2}}, {}, 2)
        self.measure_trial("activeDeadlineSeconds", {}, {"runPolicy": {"activeDeadlineSeconds": 2}}, 2)
        self.measure_experiment(2)
        self.measure_restarts()
        for name, late in self.late.items():
            print(f"{name:34} acted {late:7.1f} ms late")
        worst = max(map(abs, self.late.values()))
        self.assertLessEqual(worst, LATE_MS_MAX)

    def trial_folder(self, name):
        found = self.database.experiment(name)
        return next((self.home / "trials" / found["id"]).glob("0-*"))

    def exit(self, name, restart=0):
        return json.loads((self.trial_folder(name) / f"1/worker-0/exit-{restart}.json").read_text())

    def told(self, name):
        return float((self.trial_folder(name) / "told").read_text())

    def run_one(self, name, spec, training, command=None, policy=None):
        tasks = [task(command or [sys.executable, "-c", TRIAL], restart_policy=policy)]
        file = self.write(f"{name}.json", experiment(name.lower(), tasks, training=training, maxTrialNum=1, **spec))
        self.run_it("run", file)
        return name.lower()

    def measure_trial(self, what, spec, training, seconds):
        name = self.run_one(what, spec, training)
        self.late[what] = self.told(name) - int(self.exit(name)["startedAtMs"]) - seconds * 1000

    def measure_experiment(self, seconds):
        name = self.run_one("maxExecSeconds", {"maxExecSeconds": seconds}, {})
        started = self.database.experiment(name)["started_at_ms"]
        self.late["maxExecSeconds"] = self.told(name) - started - seconds * 1000

    def measure_restarts(self):
        name = self.run_one("backoffLimit", {}, {"runPolicy": {"backoffLimit": 2}}, shell("exit 1"), "OnFailure")
        exits = [self.exit(name, restart) for restart in range(3)]
        for restart, wait in ((1, 1000), (2, 2000)):
            late = int(exits[restart]["startedAtMs"]) - int(exits[restart - 1]["endedAtMs"]) - wait
            self.late[f"back-off before restart {restart}"] = late
        trial, = self.database.trials(name)
        self.late["backoffLimit used up, trial Failed"] = trial["ended_at_ms"] - int(exits[2]["endedAtMs"])


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=0).run(Measured())
    sys.exit(0 if result.wasSuccessful() else 1)
