"""`--warm-start`: what is known already is told to the tuner before its first suggestion."""

import json
import unittest

from harness import FINAL, EndToEnd, experiment, shell

SPACE = {
    "x": {"_type": "uniform", "_value": [0, 1]},
    "net": {"_type": "choice", "_value": [{"_name": "a", "k": {"_type": "randint", "_value": [1, 6]}}, {"_name": "b"}]},
}
# Best where x is 0.3.
SCORE = ["python3", "-c", """
import json, os
x = json.load(open(os.environ["AUTOTUNE_PARAMETERS"]))["x"]
open(os.environ["AUTOTUNE_REPORTS"], "a").write(json.dumps({"type": "final", "value": -(x - 0.3) ** 2}) + "\\n")
"""]
TPE = {"builtinTunerName": "TPE", "classArgs": {"tpe_args": {"n_startup_jobs": 5}}}


class WarmStart(EndToEnd):
    def file(self, name, **spec):
        file = experiment(name, SCORE, space=SPACE, seed=7, **{"tuner": TPE, **spec})
        if "advisor" in spec:
            del file["spec"]["tuner"]
        return self.write(f"{name}.json", file)

    def first(self, count=12):
        self.run_it("run", self.file("first", maxTrialNum=count, trialConcurrency=2), code=0)
        return self.database.experiment("first")["id"]

    def parameters(self, name):
        return [trial["parameters_json"] for trial in self.database.trials(name)]

    def test_of_an_experiment_or_of_what_it_exported(self):
        known = self.first()
        csv = self.folder / "runs.csv"
        csv.write_bytes(self.run_it("export", "first", "-o", "csv", code=0).stdout.encode())
        for name, source in (("again", "first"), ("table", csv), ("cold", None)):
            warm = ("--warm-start", source) if source else ()
            self.run_it("run", self.file(name, maxTrialNum=6), *warm, code=0)
            self.assertEqual(len(self.database.trials(name)), 6, name)
        self.assertEqual(self.parameters("again"), self.parameters("table"))
        self.assertNotEqual(self.parameters("again"), self.parameters("cold"))
        described = self.run_it("describe", "again", code=0).stdout
        self.assertIn(f"warm start: 12 trials from {known}", described)
        self.assertRegex(described, rf"Warm start: +12 trials from {known}")
        answer = json.loads(self.run_it("describe", "table", "-o", "json", code=0).stdout)
        self.assertEqual(answer["warmStart"], {"trials": 12, "source": str(csv)})
        self.assertEqual(self.database.events("again")[1].kind, "warm-started")

    def test_a_run_that_was_cut_in_two_still_knows_it(self):
        self.first()
        whole = self.file("whole", maxTrialNum=8, initialTrials=[{"x": 0.25}])
        self.run_it("run", whole, "--warm-start", "first", code=0)
        self.run_it("run", whole, "--warm-start", "first", "--name", "halves", "--set", "spec.maxTrialNum=3", code=0)
        self.run_it("delete", "first", code=0)  # what was taken over is the new experiment's own
        self.run_it("edit", "halves", "--set", "spec.maxTrialNum=8", code=0)
        self.run_it("resume", "halves", code=0)
        self.assertEqual(self.parameters("whole"), self.parameters("halves"))

    def test_a_table_by_hand_for_an_advisor(self):
        table = self.folder / "known.csv"
        rows = [f"{i / 20},{'a' if i % 2 else 'b'},{3 if i % 2 else ''},{-(i / 20 - 0.3) ** 2}" for i in range(20)]
        table.write_text("\n".join(["x,net/_name,net/k,value", *rows]))
        file = self.file("advised", maxTrialNum=8, advisor={"builtinAdvisorName": "BOHB"}, initialTrials=[{"x": 0.5}])
        self.run_it("run", file, "--warm-start", table, code=0)
        budgets = [trial["parameters"]["TRIAL_BUDGET"] for trial in self.database.trials("advised")]
        self.assertEqual(budgets[0], 3)  # initialTrials: BOHB's greatest, max_budget
        self.assertIn(1, budgets)

    def test_results_of_smaller_budgets_are_no_whole_trials(self):
        hyperband = {"builtinAdvisorName": "Hyperband", "classArgs": {"R": 9, "exec_mode": "serial"}}
        self.run_it("run", self.file("short", maxTrialNum=13, advisor=hyperband), code=0)
        done = self.run_it("run", self.file("after", maxTrialNum=1), "--warm-start", "short", code=0)
        self.assertIn("12 trials with less than the greatest TRIAL_BUDGET (9) are left out", done.stderr)
        self.assertIn("warm start: 1 trial from short-", self.run_it("describe", "after", code=0).stdout)

    def test_what_does_not_fit_starts_nothing(self):
        self.first(3)
        narrow = dict(SPACE, x={"_type": "uniform", "_value": [5, 6]})
        file = self.write("narrow.json", experiment("narrow", SCORE, space=narrow, maxTrialNum=2))
        done = self.run_it("run", file, "--warm-start", "first", code=2)
        self.assertIn("3 of 3 trials do not fit the search space; nothing was started", done.stderr)
        self.assertRegex(done.stderr, r"first-.{5}/0: parameter 'x' is 0\.\d+, not a number in \[5\.0, 6\.0\]")
        table = self.folder / "bad.csv"
        table.write_text("x,net/_name,net/k,final\n0.5,a,3,1\n0.5,a,33,1\n")
        done = self.run_it("run", self.file("table", maxTrialNum=1), "--warm-start", table, code=2)
        self.assertIn(f"{table}:3: parameter 'net.k' is 33, not a whole number from 1 to 5", done.stderr)
        done = self.run_it("run", self.file("table", maxTrialNum=1), "--warm-start", "nothing", code=4)
        self.assertIn("nothing", done.stderr)
        self.run_it("run", self.file("table", maxTrialNum=1), "--warm-start", "nothing.csv", code=4)
        space = {"list": {"_type": "choice", "_value": [{"x": 0.5}]}}
        batch = experiment("batch", SCORE, space=space, tuner={"builtinTunerName": "Batch"}, maxTrialNum=1)
        done = self.run_it("run", self.write("batch.json", batch), "--warm-start", "first", code=2)
        self.assertIn("means nothing to Batch", done.stderr)
        self.assertEqual([one["name"] for one in self.database.experiments()], ["first"])

    def test_apply_takes_it_too(self):
        self.first(4)
        waits = f'until test -e {self.folder}/on; do sleep 0.05; done; {FINAL}'
        base = self.start("run", self.write("base.json", experiment("base", shell(waits), maxTrialNum=1)))
        self.wait_for_phase("base", "RUNNING")
        self.run_it("apply", "-f", self.file("applied", maxTrialNum=2), "--warm-start", "first", code=0)
        (self.folder / "on").touch()
        self.finish(base, code=0)
        self.assertEqual(self.database.events("applied")[1].kind, "warm-started")


if __name__ == "__main__":
    unittest.main()
