"""Keeps docs/errors.md true where it speaks of what is run: each row of its last tables is tried."""

import json
import unittest

from harness import CHECKOUT, FINAL, EndToEnd, experiment, shell

SPACE = {
    "x": {"_type": "uniform", "_value": [0, 1]},
    "net": {"_type": "choice",
            "_value": [{"_name": "conv", "kernel": {"_type": "randint", "_value": [1, 6]}}, {"_name": "dense"}]},
}
# What the program of a row does when it is asked, in the words of the document.
ACTS = {
    "is not there": None,
    "ends with 3": "sys.exit(3)",
    "ends with 3, after a word on its standard error": "print('no more memory', file=sys.stderr); sys.exit(3)",
    "closes its standard output": "sys.stdout.close(); os.close(1); time.sleep(60)",
    "prints `hello`": "print('hello', flush=True); continue",
    "answers twice": "say({'id': request['id'], 'params': {'x': 0.5}})",
    "answers for trial 7": "request['id'] = 7",
    "answers without `params`": "say({'id': request['id']}); continue",
    "suggests `x` = 7": "params = {'x': 7}",
    "suggests no `x`": "params = {'y': 1}",
    "answers `{\"error\": \"no more memory\"}`": "say({'error': 'no more memory'}); continue",
    "answers `{\"error\": \"one parameter is too few\"}` to `init`": None,
}
PROGRAM = """
import json, os, sys, time
def say(answer): print(json.dumps(answer), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    params = {"x": 0.5}
    if request["op"] == "ask":
        ACT
    if request["op"] == "init" and INIT:
        say({"error": "one parameter is too few"})
    elif request["op"] == "ask":
        say({"id": request["id"], "params": params})
    else:
        say({"ok": True})
"""


def rows(section):
    """The rows of the tables of a section: (line, cells)."""
    found, inside = [], False
    lines = (CHECKOUT / "docs/errors.md").read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("## "):
            inside = line == "## " + section
        if inside and line.startswith("| ") and not line.startswith(("| mistake", "| ---")):
            found.append((number, [cell.strip() for cell in line.strip("| ").split(" | ")]))
    return found


def code(cell):
    text = cell[3:-3] if cell.startswith("`` ") else cell.strip("`")
    return "" if text == "(empty)" else text.replace("⏎", "\n")


def printed(cell):
    return "".join(code(line) + "\n" for line in cell.split("<br>"))


class Errors(EndToEnd):
    def file(self, name, **spec):
        file = experiment(name, shell(FINAL), space=SPACE, maxTrialNum=2, seed=7, **spec)
        return self.write(f"{name}.json", file)

    def run_here(self, *arguments, code):
        return self.run_it(*arguments, code=code).stderr.replace(str(self.folder) + "/", "")

    def test_a_warm_start(self):
        self.run_here("run", self.file("first"), code=0)
        self.file("exp")
        self.file("batch")
        batch = experiment("batch", shell(FINAL), space={"list": {"_type": "choice", "_value": [{"x": 0.5}]}},
                           tuner={"builtinTunerName": "Batch"}, maxTrialNum=1)
        self.write("batch.json", batch)
        other = dict(SPACE, x={"_type": "uniform", "_value": [5, 6]})
        self.write("other.json", experiment("other", shell(FINAL), space=other, maxTrialNum=1))
        identity = self.database.experiment("first")["id"]
        count = 0
        for line, (mistake, given, expected) in rows("A warm start"):
            with self.subTest(f"docs/errors.md:{line}: {mistake}"):
                count += 1
                command = ["run", "exp.json", "--warm-start", "known.csv"]
                if code(given).startswith("autotune "):
                    command = code(given).split()[1:]
                else:
                    (self.folder / "known.csv").write_text(code(given))
                status = 4 if "is unknown in" in expected or "No such file" in expected else 2
                command = [str(self.folder / one) if one.endswith((".json", ".csv")) else one for one in command]
                said = self.run_here(*command, code=status).replace(identity, "first-abcde")
                self.assertEqual(said, printed(expected))
        self.assertGreater(count, 12)
        self.assertEqual([one["name"] for one in self.database.experiments()], ["first"])

    def test_a_tuner_of_ones_own(self):
        tried = set()
        for line, (mistake, does, expected) in rows("A tuner of your own"):
            if does == "answers nothing for 30 s":
                continue  # four times 30 s; tests/actors/program_tuner_core_test.cpp has it on a virtual clock
            tried.add(does)
            with self.subTest(f"docs/errors.md:{line}: {mistake}"):
                act = ACTS[does] or "pass"
                text = PROGRAM.replace("ACT", act).replace("INIT", str("to `init`" in does))
                (self.folder / "mine.py").write_text(text)
                name = f"own{line}"
                command = ["no-such-program"] if does == "is not there" else ["python3", "mine.py"]
                own = experiment(name, shell(FINAL), maxTrialNum=2, trialConcurrency=1, tuner={"command": command})
                self.run_it("run", self.write("own.json", own), code=1)
                found = self.database.experiment(name)
                self.assertEqual(found["phase"], "ERROR")
                self.assertEqual(found["reason"].replace(str(self.folder) + "/", "") + "\n", printed(expected))
                self.assertIn(found["reason"].splitlines()[0], self.run_it("describe", name, code=0).stdout)
        self.assertEqual(tried, set(ACTS))


if __name__ == "__main__":
    unittest.main()
