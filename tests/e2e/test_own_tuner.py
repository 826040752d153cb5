"""Tuners that are programs of the user's: they work, rest, die, hang and talk nonsense."""

import json
import os
import pathlib
import signal
import unittest

from harness import CHECKOUT, FINAL, EndToEnd, _alive, experiment, shell, wait_until

# Answers as the protocol wants it; a test says in its own lines what is done otherwise. `n`: how many were asked for.
PROGRAM = """
import json, os, random, sys, time
n, told = 0, []
def log(text): print(text, file=sys.stderr, flush=True)
def say(answer): print(json.dumps(answer), flush=True)
log(f"started as {os.getpid()}")
for line in sys.stdin:
    request = json.loads(line)
    op = request["op"]
    log(line.strip())
    if op == "ask":
        n += 1
        params = {"x": random.Random(request["id"]).random()}
    if op == "tell":
        told.append(request["id"])
    # HERE
    if op == "ask":
        say({"id": request["id"], "params": params})
    else:
        say({"ok": True})
log("the end of stdin")
"""
SCORE = shell('echo "{\\"type\\":\\"final\\",\\"value\\":$1}" >> "$AUTOTUNE_REPORTS"') + ["sh", "${parameters.x}"]


class OwnTuner(EndToEnd):
    def file(self, name, here="pass", command=None, trial=None, **spec):
        (self.folder / f"{name}.py").write_text(PROGRAM.replace("# HERE", here.replace("\n", "\n    ")))
        tuner = {"command": command or ["python3", f"{name}.py"], "classArgs": {"optimize_mode": "minimize", "a": [1]}}
        return self.write(f"{name}.json", experiment(name, trial or SCORE, tuner=tuner, seed=7,
                                                     **{"maxTrialNum": 6, "trialConcurrency": 2, **spec}))

    def log_of(self, name):
        found = self.database.experiment(name)
        path = self.home / "trials" / found["id"] / "tuner.log" if found else pathlib.Path("/nowhere")
        return path.read_text() if path.exists() else ""

    def requests(self, name):
        return [json.loads(line) for line in self.log_of(name).splitlines() if line.startswith("{")]

    def starts(self, name):
        return [int(line.split()[-1]) for line in self.log_of(name).splitlines() if line.startswith("started as")]

    def failure(self, name, **file):
        """Runs it to its failure; gives the experiment's reason."""
        self.run_it("run", self.file(name, **file), code=1)
        found = self.database.experiment(name)
        self.assertEqual(found["phase"], "ERROR")
        for pid in self.starts(name):
            self.assertFalse(_alive(pid))
        return found["reason"]

    def test_the_example_finds_the_valley(self):
        self.run_it("run", CHECKOUT / "examples/own-tuner/experiment.yaml", "--seed", 1, code=0)
        best = json.loads(self.run_it("best", "own-tuner", "-o", "json", code=0).stdout)
        self.assertLess(best["value"], 2)  # a random point's is 37 in the mean
        self.assertIn("the best was", self.log_of("own-tuner"))
        self.run_it("validate", CHECKOUT / "examples/own-tuner/experiment.yaml", code=0)

    def test_it_is_told_what_the_protocol_says(self):
        self.run_it("run", self.file("mine", initialTrials=[{"x": 0.5}], maxTrialNum=4, trialConcurrency=1), code=0)
        requests = self.requests("mine")
        init = requests[0]
        self.assertEqual((init["op"], init["version"], init["seed"], init["concurrency"], init["maxTrials"]),
                         ("init", 1, 7, 1, 4))
        self.assertEqual(init["classArgs"], {"optimize_mode": "minimize", "a": [1]})
        self.assertEqual(init["optimizeMode"], "minimize")
        self.assertEqual(init["searchSpace"], {"x": {"_type": "uniform", "_value": [0, 1]}})
        trials = self.database.trials("mine")
        told = [one for one in requests if one["op"] == "tell"]
        self.assertEqual(told[0]["params"], {"x": 0.5})  # the user's own, never asked for
        for one in told:
            self.assertEqual(one["params"], trials[one["id"]]["parameters"])
            self.assertEqual((one["status"], one["value"]), ("ok", one["params"]["x"]))
        self.assertEqual([one["id"] for one in requests if one["op"] == "ask"], [1, 2, 3])
        self.assertEqual((self.home / "trials" / self.database.experiment("mine")["id"] / "tuner.log").stat().st_mode
                         & 0o777, 0o600)

    def test_our_own_program_can_be_one_and_a_warm_start_is_told(self):
        self.run_it("run", self.file("first"), code=0)
        binary = self.command("x")[0]
        file = self.file("ours", command=[binary, "tuner-stdio"])
        self.run_it("run", file, "--warm-start", "first", code=0)
        self.assertEqual(self.database.states("ours"), ["Succeeded"] * 6)

    def test_one_that_dies_now_and_then_is_told_all_results_again(self):
        here = 'if op == "ask" and n == 2 and request["id"] < 5: os._exit(3)'
        self.run_it("run", self.file("dies", here, trialConcurrency=1), code=0)
        self.assertEqual(self.database.states("dies"), ["Succeeded"] * 6)
        self.assertEqual(len(self.starts("dies")), 5)
        last = self.log_of("dies").rpartition("started as")[2]
        told = [json.loads(line)["id"] for line in last.splitlines() if '"tell"' in line]
        self.assertEqual(told, [0, 1, 2, 3, 4, 5])

    def test_one_that_always_dies_ends_the_experiment_with_its_last_words(self):
        reason = self.failure("bad", here='if op == "ask": log("out of luck"); os._exit(3)')
        self.assertIn("tuner: the program 'python3 bad.py': ended with exit code 3", reason)
        self.assertIn("4 times in a row", reason)
        self.assertIn("out of luck", reason)
        self.assertIn("out of luck", self.run_it("describe", "bad", code=0).stdout)

    def test_one_that_is_not_there(self):
        reason = self.failure("absent", command=["no-such-program"])
        self.assertIn("cannot run no-such-program: No such file or directory", reason)

    def test_nonsense_is_told_as_it_was_printed(self):
        for name, here, expected in (
                ("text", 'if op == "ask": print("hello", flush=True)', 'printed \\"hello\\", which is no JSON object'),
                ("number", 'if op == "ask": request["id"] += 1', "whose id is not 0"),
                ("without", 'if op == "ask": say({"id": request["id"]}); continue', "without an object"),
                ("outside", 'if op == "ask": params = {"x": 7}', "outside of the search space 3 times in a row: "
                                                                "parameter 'x' is 7, not a number in [0.0, 1.0]"),
                ("refuses", 'if op == "init": say({"error": "one parameter is too few"}); continue',
                 "answered `init` with an error: one parameter is too few")):
            with self.subTest(name):
                reason = self.failure(name, here=here)
                self.assertIn(expected.replace('\\"', '"'), reason)

    def test_once_outside_is_told_as_failed_and_asked_again(self):
        self.run_it("run", self.file("once", 'if op == "ask" and n == 2: params = {"x": 7}', trialConcurrency=1), code=0)
        self.assertEqual(self.database.states("once"), ["Succeeded"] * 6)
        failed = [one for one in self.requests("once") if one.get("status") == "fail"]
        self.assertEqual([(one["id"], one["params"]) for one in failed], [(1, {"x": 7})])

    def test_while_it_hangs_everything_else_works(self):
        hangs = 'if op == "ask" and request["id"] == 2: signal.pause()'
        slow = shell(f'until test -e {self.folder}/on; do sleep 0.05; done; {FINAL}')
        child = self.start("run", self.file("hangs", "import signal\n" + hangs, trial=slow, trialConcurrency=3))
        wait_until(lambda: self.database.states("hangs") == ["Running"] * 2, "two run")
        wait_until(lambda: any(one.get("id") == 2 for one in self.requests("hangs")), "it hangs")
        self.run_it("pause", "hangs", code=0, seconds=20)
        self.run_it("stop", "hangs/0", code=0, seconds=20)
        wait_until(lambda: self.database.states("hangs")[0] == "Killed", "a trial was stopped", 20)
        self.run_it("stop", "hangs", code=0, seconds=20)
        self.finish(child, code=6, seconds=20)
        wait_until(lambda: not _alive(self.starts("hangs")[0]), "it has ended", 20)
        # It goes on: the program is started anew, told, and this time answers.
        (self.folder / "hangs.py").write_text(PROGRAM)
        (self.folder / "on").touch()
        self.run_it("resume", "hangs", code=0)
        self.assertEqual(sorted(self.database.states("hangs")), ["Killed"] + ["Succeeded"] * 5)

    def test_a_time_limit_passes_while_it_hangs(self):
        file = self.file("late", 'import signal\nif op == "ask": signal.pause()', maxExecSeconds=1)
        self.run_it("run", file, code=3, seconds=25)

    def test_it_ends_with_a_run_that_is_killed(self):
        wrapped = ["sh", "-c", "python3 killed.py; true"]
        waits = shell(f'until test -e {self.folder}/on; do sleep 0.05; done; {FINAL}')
        child = self.start("run", self.file("killed", command=wrapped, trial=waits))
        wait_until(lambda: self.database.states("killed") == ["Running"] * 2, "two run")
        pid = self.starts("killed")[0]
        child.send_signal(signal.SIGKILL)
        wait_until(lambda: not _alive(pid), "the program has ended", 20)
        (self.folder / "on").touch()
        self.run_it("resume", "killed", code=0)
        self.assertEqual(self.database.states("killed"), ["Succeeded"] * 6)
        self.assertEqual(sorted(one["id"] for one in self.requests("killed") if one["op"] == "tell"
                                and one["status"] == "ok")[-6:], [0, 1, 2, 3, 4, 5])

    def test_its_children_end_with_it(self):
        here = 'if op == "init": import subprocess; log(f"started as {subprocess.Popen([\'sleep\', \'999\'], start_new_session=True).pid}")'
        self.run_it("run", self.file("tree", here), code=0)
        self.assertEqual(len(self.starts("tree")), 2)
        for pid in self.starts("tree"):
            wait_until(lambda pid=pid: not _alive(pid), "its child has ended", 20)

    def test_reports_reach_it_and_it_may_stop_a_trial(self):
        here = 'if op == "report": say({"ok": True, "stop": request["value"] > 3}); continue'
        steps = shell('for i in 1 2 3 4 5; do echo "{\\"type\\":\\"intermediate\\",\\"value\\":$i}" >> '
                      '"$AUTOTUNE_REPORTS"; done; sleep 60')
        self.run_it("run", self.file("early", here, trial=steps, maxTrialNum=2), code=1)
        self.assertEqual(self.database.states("early"), ["EarlyStopped"] * 2)

    def test_a_plug_in_is_no_built_in_one(self):
        file = self.file("both")
        spec = json.loads(file.read_text())
        spec["spec"]["tuner"]["builtinTunerName"] = "TPE"
        self.write("both.json", spec)
        done = self.run_it("validate", file, code=2)
        self.assertIn("spec.tuner.builtinTunerName: cannot stand beside 'command'; remove one", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
