"""The same seed gives the same suggestions; and the ways to hand a file to `run`."""

import json
import pathlib
import unittest

from harness import FINAL, EndToEnd, experiment, shell

SPACE = {
    "lr": {"_type": "loguniform", "_value": [1e-5, 1]},
    "units": {"_type": "quniform", "_value": [16, 256, 16]},
    "layers": {"_type": "randint", "_value": [1, 8]},
    "activation": {"_type": "choice", "_value": ["relu", "tanh", 3, 0.1]},
    "momentum": {"_type": "normal", "_value": [0.5, 0.1]},
}
SCORE = """echo '{"type":"final","value":'$1'}' >> "$AUTOTUNE_REPORTS" """


class Repeatable(EndToEnd):
    def experiment(self, name="repeat", **spec):
        command = [*shell(SCORE), "sh", "${parameters.momentum}"]
        return experiment(name, command, space=SPACE, trialConcurrency=1, **spec)

    def parameters(self, name):
        """The bytes that each trial's own parameters.json holds, in order."""
        found = self.database.experiment(name)
        paths = sorted((self.home / "trials" / found["id"]).glob("*/1/parameters.json"),
                       key=lambda path: int(path.parts[-3].split("-")[0]))
        return [path.read_bytes() for path in paths]

    def check_same(self, tuner):
        spec = {"maxTrialNum": 14, "tuner": tuner}
        file = self.write("repeat.json", self.experiment(**spec))
        for name in ("first", "second"):
            self.run_it("run", file, "--seed", 7, "--name", name, code=0)
        self.run_it("run", file, "--seed", 8, "--name", "third", code=0)
        first = self.parameters("first")
        self.assertEqual(len(first), 14)
        self.assertEqual(first, self.parameters("second"))
        self.assertNotEqual(first, self.parameters("third"))
        stored = [trial["parameters_json"].encode() for trial in self.database.trials("first")]
        self.assertEqual(first, stored)

    def test_same_seed_same_parameters_with_random(self):
        self.check_same({"builtinTunerName": "Random"})

    def test_same_seed_same_parameters_with_tpe(self):
        """14 trials: past its start, where results decide."""
        self.check_same({"builtinTunerName": "TPE", "classArgs": {"tpe_args": {"n_startup_jobs": 5}}})

    def test_a_run_that_was_cut_in_two_suggests_the_same(self):
        file = self.write("repeat.json", self.experiment(maxTrialNum=10))
        self.run_it("run", file, "--seed", 7, "--name", "whole", code=0)
        self.run_it("run", file, "--seed", 7, "--name", "halves", "--set", "spec.maxTrialNum=4", code=0)
        self.run_it("edit", "halves", "--set", "spec.maxTrialNum=10", code=0)
        self.run_it("resume", "halves", code=0)
        self.assertEqual(self.parameters("whole"), self.parameters("halves"))

    def test_values_keep_the_type_in_which_they_were_written(self):
        space = {"a": {"_type": "choice", "_value": [16]}, "b": {"_type": "choice", "_value": [0.1]},
                 "c": {"_type": "choice", "_value": ["relu"]}, "d": {"_type": "choice", "_value": [1.0]}}
        file = self.write("types.json", experiment("types", shell(f'cat "$AUTOTUNE_PARAMETERS"; {FINAL}'),
                                                   space=space, maxTrialNum=1))
        self.run_it("run", file, code=0)
        text = self.parameters("types")[0].decode()
        self.assertEqual(json.loads(text), {"a": 16, "b": 0.1, "c": "relu", "d": 1.0})
        for part in ('"a":16', '"b":0.1', '"c":"relu"', '"d":1.0'):
            self.assertIn(part, text.replace(" ", ""))
        self.assertEqual(self.run_it("logs", "types/0", code=0).stdout, text)


class HandingOver(EndToEnd):
    def test_set_name_and_seed_override_the_file(self):
        file = self.write("plain.json", experiment("plain", shell(FINAL), maxTrialNum=50, seed=1))
        self.run_it("run", file, "--name", "other", "--set", "spec.maxTrialNum=2", "--set",
                    "spec.trialConcurrency=2", code=0)
        found = self.database.experiment("other")
        self.assertEqual((found["max_trial_num"], found["trial_concurrency"]), (2, 2))
        self.assertEqual(len(self.database.trials("other")), 2)
        self.assertIsNone(self.database.experiment("plain"))

    def test_a_wrong_set_starts_nothing(self):
        file = self.write("plain.json", experiment("plain", shell(FINAL), maxTrialNum=1))
        done = self.run_it("run", file, "--set", "spec.maxTrialNumber=2", code=2)
        self.assertIn("maxTrialNum", done.stderr)
        done = self.run_it("run", file, "--set", "spec.maxTrialNum=-1", code=2)
        self.assertIn("nothing was started", done.stderr)
        self.assertEqual(self.database.experiments(), [])

    def test_a_file_from_standard_input(self):
        text = json.dumps(experiment("piped", shell(f"pwd; {FINAL}"), maxTrialNum=1))
        self.run_it("run", "-", text=text, code=0)
        self.assertEqual(self.database.states("piped"), ["Succeeded"])
        # What is relative is relative to where the command was given.
        where = self.run_it("logs", "piped/0", code=0).stdout.strip()
        self.assertEqual(pathlib.Path(where).resolve(), self.folder.resolve())

    def test_several_documents_run_one_after_another(self):
        file = self.write("two.json", experiment("one", shell(FINAL), maxTrialNum=2),
                          experiment("two", shell(FINAL), maxTrialNum=1))
        self.run_it("run", file, code=0)
        found = {one["name"]: one for one in self.database.experiments()}
        self.assertEqual({name: one["phase"] for name, one in found.items()}, {"one": "DONE", "two": "DONE"})
        self.assertLessEqual(found["one"]["ended_at_ms"], found["two"]["started_at_ms"])

    def test_a_list_of_experiments(self):
        whole = {"apiVersion": "v1", "kind": "AutoTuneExperimentList",
                 "items": [experiment("first", shell(FINAL), maxTrialNum=1)]}
        self.run_it("run", self.write("list.json", whole), code=0)
        self.assertEqual(self.database.phase("first"), "DONE")

    def test_the_same_file_can_run_again_and_again(self):
        file = self.write("again.json", experiment("again", shell(FINAL), maxTrialNum=1))
        self.run_it("run", file, code=0)
        self.run_it("run", file, code=0)
        found = self.database.experiments()
        self.assertEqual([one["name"] for one in found], ["again", "again"])
        self.assertEqual(len({one["id"] for one in found}), 2)


if __name__ == "__main__":
    unittest.main()
