"""Several goals and constraints: what is searched, stored, printed and handed on."""

import csv
import io
import json
import math
import unittest

from harness import EndToEnd, experiment, shell, wait_until

SPACE = {"x": {"_type": "uniform", "_value": [0, 1]}, "y": {"_type": "uniform", "_value": [0, 1]}}
# Up to x = 0.8 more accuracy costs size and time; y is waste.
SCORE = """awk -v x="$1" -v y="$2" 'BEGIN { printf \
"{\\"type\\":\\"final\\",\\"value\\":{\\"accuracy\\":%.6f,\\"size\\":%.6f,\\"ms\\":%.6f}}\\n", \
1 - (x - 0.8) ^ 2, x * x + y, 30 * x }' >> "$AUTOTUNE_REPORTS" """
GOALS = [{"metric": "accuracy", "goal": "maximize"}, {"metric": "size", "goal": "minimize"}]
BOTH = {"goals": GOALS, "constraints": ["ms <= 20"]}
ONE = {"metric": "accuracy", "goal": "maximize", "constraints": ["ms <= 20"]}
TPE = {"builtinTunerName": "TPE", "classArgs": {"tpe_args": {"n_startup_jobs": 5}}}


def front_of(trials):
    """Sequences of those that no other beats, by comparing each with each."""
    kept = [t for t in trials if t["finalMetrics"] and t["finalMetrics"]["ms"] <= 20]

    def beats(a, b):
        a, b = a["finalMetrics"], b["finalMetrics"]
        no_worse = a["accuracy"] >= b["accuracy"] and a["size"] <= b["size"]
        return no_worse and (a["accuracy"] > b["accuracy"] or a["size"] < b["size"])

    return {t["sequence"] for t in kept if not any(beats(other, t) for other in kept)}


class Goals(EndToEnd):
    def file(self, name, objective, script=SCORE, **spec):
        command = [*shell(script), "sh", "${parameters.x}", "${parameters.y}"]
        spec = {"maxTrialNum": 16, "trialConcurrency": 2, "seed": 3, "tuner": TPE, **spec}
        file = experiment(name, command, space=SPACE, objective=objective, **spec)
        if spec["tuner"] is None:
            del file["spec"]["tuner"]
        return self.write(f"{name}.json", file)

    def ask(self, *words):
        return json.loads(self.run_it(*words, "-o", "json", code=0).stdout)

    def check_front(self, name):
        """What `best` gives is what comparing each trial with each finds; gives it."""
        trials = self.ask("get", "trials", name)
        front = self.ask("best", name)
        self.assertEqual({one["sequence"] for one in front}, front_of(trials))
        self.assertEqual({t["sequence"] for t in trials if t["onFront"]}, front_of(trials))
        accuracies = [one["values"]["accuracy"] for one in front]
        self.assertEqual(accuracies, sorted(accuracies, reverse=True))
        for one in front:
            self.assertEqual(one["parameters"], trials[one["sequence"]]["parameters"])
        return front

    def test_a_front_of_two_goals_under_a_constraint(self):
        for name, tuner in (("tpe", TPE), ("none", None)):
            done = self.run_it("run", self.file(name, BOTH, tuner=tuner), code=0)
            front = self.check_front(name)
            self.assertGreater(len(front), 1)
            self.assertIn(f"front: {len(front)} trials\n", done.stdout)
            self.assertRegex(done.stdout, r"trial \d+ Succeeded, accuracy 0\.\d+, size \d")
            table = self.run_it("best", name, code=0).stdout
            self.assertRegex(table, r"SEQ +ID +accuracy \(max\) +size \(min\) +ms \(<= 20\) +PARAMETERS")
            self.assertIn(f"front: {len(front)}", self.run_it("get", "experiments", code=0).stdout)
            self.assertIn("maximize accuracy, minimize size, ms <= 20", self.run_it("describe", name, code=0).stdout)

    def test_the_best_of_one_goal_keeps_its_constraints(self):
        self.run_it("run", self.file("one", ONE), code=0)
        trials = self.ask("get", "trials", "one")
        best = self.ask("best", "one")
        kept = [t for t in trials if t["feasible"]]
        self.assertTrue(0 < len(kept) < len(trials))
        self.assertEqual(best["value"], max(t["final"] for t in kept))
        broken = next(t for t in trials if not t["feasible"])
        self.assertAlmostEqual(broken["violations"]["ms <= 20"], broken["finalMetrics"]["ms"] - 20)
        described = self.run_it("describe", "trial", f"one/{broken['sequence']}", code=0).stdout
        self.assertIn("breaks ms <= 20 by ", described)
        self.assertEqual(self.ask("get", "experiments")[0]["best"]["sequence"], best["sequence"])

    def test_constraints_that_nothing_meets(self):
        objective = dict(ONE, constraints=["ms < -1"])
        done = self.run_it("run", self.file("never", objective, maxTrialNum=4), code=0)
        self.assertIn("no trial meets the constraints yet; nearest: trial ", done.stdout)
        best = self.run_it("best", "never", code=4)
        self.assertRegex(best.stderr, r"never-.{5}: no trial meets the constraints yet; "
                                      r"nearest: trial \d breaks ms < -1 by \d")
        nearest = min(self.ask("get", "trials", "never"), key=lambda t: t["finalMetrics"]["ms"])
        self.assertIn(f"nearest: trial {nearest['sequence']} ", best.stderr)

    def test_a_missing_metric_is_a_missing_result(self):
        lacking = """echo '{"type":"final","value":{"accuracy":0.5}}' >> "$AUTOTUNE_REPORTS" """
        bare = """echo '{"type":"final","value":0.5}' >> "$AUTOTUNE_REPORTS" """
        policy = {"maxRetries": 1, "retryOn": ["NoFinalResult"], "backoffSeconds": 0.01}
        self.run_it("run", self.file("lacks", ONE, lacking, maxTrialNum=1, trialPolicy=policy), code=0)
        trial = self.ask("get", "trials", "lacks")[0]
        self.assertEqual(trial["reason"], "final result has no 'ms', which a constraint needs; it has: accuracy")
        self.assertEqual((trial["state"], trial["attempt"], trial["final"]), ("Succeeded", 2, 0.5))
        self.assertIsNone(trial["feasible"])
        self.run_it("best", "lacks", code=4)
        self.run_it("run", self.file("bare", {"goals": GOALS}, bare, maxTrialNum=1), code=0)
        trial = self.ask("get", "trials", "bare")[0]
        self.assertIn("it is a bare number: report an object that holds accuracy, size", trial["reason"])

    def test_a_killed_run_goes_on_to_the_same_front(self):
        waits = f"""case $AUTOTUNE_TRIAL_SEQUENCE in 5|9)
            until test -e {self.folder}/go-$AUTOTUNE_TRIAL_SEQUENCE; do sleep 0.05; done;; esac; {SCORE}"""
        file = self.file("whole", BOTH, waits, trialConcurrency=1, maxTrialNum=14)
        for name in ("go-5", "go-9"):
            (self.folder / name).touch()
        self.run_it("run", file, code=0)
        whole = self.check_front("whole")
        for name in ("go-5", "go-9"):
            (self.folder / name).unlink()
        for words, ended in ((("run", file, "--name", "cut"), 5), (("resume", "cut"), 9)):
            child = self.start(*words)
            wait_until(lambda: self.database.states("cut").count("Succeeded") == ended, f"{ended} trials have ended")
            self.kill(child.pid)
            child.wait()
            (self.folder / f"go-{ended}").touch()
        self.run_it("resume", "cut", code=0)
        cut = self.check_front("cut")
        self.assertEqual([(t["sequence"], t["values"], t["parameters"]) for t in whole],
                         [(t["sequence"], t["values"], t["parameters"]) for t in cut])

    def test_two_goals_are_known_from_elsewhere(self):
        self.run_it("run", self.file("first", BOTH), code=0)
        exported = self.run_it("export", "first", "-o", "csv", code=0).stdout
        rows = list(csv.DictReader(io.StringIO(exported)))
        self.assertEqual({int(row["sequence"]) for row in rows if row["onFront"] == "true"},
                         {one["sequence"] for one in self.ask("best", "first")})
        self.assertEqual({row["feasible"] for row in rows}, {"true", "false"})
        table = self.folder / "runs.csv"
        table.write_bytes(exported.encode())
        for name, source in (("again", ["--warm-start", "first"]), ("table", ["--warm-start", table]), ("cold", [])):
            self.run_it("run", self.file(name, BOTH, maxTrialNum=6, trialConcurrency=1), *source, code=0)
        parameters = {name: [t["parameters_json"] for t in self.database.trials(name)]
                      for name in ("again", "table", "cold")}
        self.assertEqual(parameters["again"], parameters["table"])
        self.assertNotEqual(parameters["again"], parameters["cold"])
        lacking = self.folder / "lacking.csv"
        lacking.write_text("x,y,accuracy,size\n0.5,0.5,0.9,1\n")
        done = self.run_it("run", self.file("lacking", BOTH), "--warm-start", lacking, code=2)
        self.assertIn("no column holds the results of 'ms'; name one 'metric.ms'", done.stderr)

    def test_simulated_trials_report_several_metrics(self):
        simulated = {"kind": "simulated", "objective": "0", "durationSeconds": 0.01,
                     "metrics": {"accuracy": "1 - (x - 0.8)^2", "size": "x^2 + y", "ms": "30 * x"}}
        self.run_it("run", self.file("sim", BOTH, launcher=simulated, maxTrialNum=30, trialConcurrency=4,
                                     initialTrials=[{"x": 0.5, "y": 0}]), code=0)
        self.assertIn(0, {one["sequence"] for one in self.check_front("sim")})
        self.assertIn("Importance for size", self.run_it("describe", "sim", "--importance", code=0).stdout)
        one = self.ask("describe", "sim", "--importance", "--metric", "ms")
        self.assertEqual(one["parameters"][0]["name"], "x")
        self.assertFalse(math.isnan(one["parameters"][0]["importance"]))

    def test_a_file_that_cannot_work_starts_nothing(self):
        for objective, said in (
                ({"goals": GOALS, "constraints": ["ms at most 20"]}, "'ms at most 20' is no constraint"),
                ({"goals": GOALS, "constraints": ["ms <= 5", "ms >= 6"]}, "cannot both be met"),
                ({"goals": [GOALS[0], {"metric": "size"}]}, "is missing: maximize or minimize")):
            done = self.run_it("run", self.file("wrong", objective), code=2)
            self.assertIn(said, done.stderr)
        self.assertEqual(self.database.experiments(), [])


if __name__ == "__main__":
    unittest.main()
