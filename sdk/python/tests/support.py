"""What the tests share: an environment as a launcher makes it, and a process's fresh state."""

import contextlib
import json
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

SDK = pathlib.Path(__file__).resolve().parents[1]
if str(SDK) not in sys.path:
    sys.path.insert(0, str(SDK))

from t9k import tuner  # noqa: E402
from t9k.tuner import _process  # noqa: E402


class TrialCase(unittest.TestCase):
    """A test inside a trial, whose folder is `self.folder`."""

    parameters = {"batch_size": 16, "learning_rate": 0.1, "activation": "relu"}

    def setUp(self):
        self.folder = self.enterFolder()
        self.reports_path = os.path.join(self.folder, "reports.jsonl")
        parameters_path = os.path.join(self.folder, "parameters.json")
        with open(parameters_path, "w", encoding="utf-8") as file:
            json.dump(self.parameters, file)
        self.environment = {
            "AUTOTUNE_EXPERIMENT_ID": "digits-ab1cd",
            "AUTOTUNE_TRIAL_ID": "p4iyq",
            "AUTOTUNE_TRIAL_SEQUENCE": "7",
            "AUTOTUNE_REPLICA": "worker-0",
            "AUTOTUNE_PARAMETERS": parameters_path,
            "AUTOTUNE_REPORTS": self.reports_path,
        }
        self.use(self.environment)

    def enterFolder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def use(self, variables):
        """Goes on in an environment with these of our variables and no others."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AUTOTUNE_")}
        kept.update(variables)
        patch = mock.patch.dict(os.environ, kept, clear=True)
        patch.start()
        self.addCleanup(patch.stop)
        fresh_process()

    def lines(self):
        with open(self.reports_path, encoding="utf-8") as file:
            return file.read().splitlines()

    def reports(self):
        return [json.loads(line, parse_constant=self.fail) for line in self.lines()]


def fresh_process():
    """Forgets what this process asked for and reported."""
    tuner._state = tuner._State()
    _process._noticed.clear()


def script_environment(variables):
    """The environment of a script of its own, which finds our package as trials do."""
    found = dict(os.environ)
    found.update(variables)
    found["PYTHONPATH"] = str(SDK)
    found["PYTHONDONTWRITEBYTECODE"] = "1"
    return found


@contextlib.contextmanager
def output(name):
    """What is written to sys.stdout or sys.stderr meanwhile."""
    import io

    with mock.patch.object(sys, name, io.StringIO()) as stream:
        yield stream
