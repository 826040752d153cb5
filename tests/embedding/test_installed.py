"""The CMake package that `make install` lays down, used by a program of its own: examples/embedding."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

BUILD = os.environ["AUTOTUNE_BUILD"]
SOURCE = pathlib.Path(os.environ["AUTOTUNE_SOURCE"])
SECONDS_MAX = 120


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=500, check=False, **more)


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = pathlib.Path(cls.folder.name)
        cls.prefix = cls.root / "prefix"
        cls.must(run("cmake", "--install", BUILD, "--prefix", str(cls.prefix)))
        # Moved, so that nothing can point back to where it was installed first.
        cls.prefix = cls.prefix.rename(cls.root / "moved")
        build = cls.root / "build"
        cls.must(run("cmake", "-S", str(SOURCE / "examples" / "embedding"), "-B", str(build), f"-DCMAKE_PREFIX_PATH={cls.prefix}",
                     f"-DCMAKE_CXX_COMPILER={os.environ['AUTOTUNE_CXX']}"))
        cls.must(run("cmake", "--build", str(build), "-j2"))
        cls.program = str(build / "embedding")

    @classmethod
    def must(cls, done):
        if done.returncode != 0:
            raise AssertionError(f"{done.args} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")

    def autotune(self, home, *words):
        done = run(str(self.prefix / "bin" / "autotune"), *words, "--home", str(home))
        self.must(done)
        return done.stdout

    def test_a_program_with_its_own_tuner_launcher_and_sink(self):
        home = self.root / "home"
        done = run(self.program, str(home))
        self.must(done)
        found = re.search(r"search done after 200 trials\nbest ([0-9.]+) with (\{.*\}) in trial (\d+), of (\d+) reports\n", done.stdout)
        self.assertIsNotNone(found, done.stdout + done.stderr)
        trials = json.loads(self.autotune(home, "get", "trials", "branin", "-o", "json"))
        self.assertEqual([trial["sequence"] for trial in trials], list(range(200)))
        self.assertEqual({trial["state"] for trial in trials}, {"Succeeded"})
        # The plastic sequence, as its formula says.
        plastic = 1.32471795724474602596
        for n in (1, 2, 150):
            parameters = trials[n - 1]["parameters"]
            self.assertAlmostEqual(parameters["x"], -5 + 15 * ((0.5 + n / plastic) % 1), places=6)
            self.assertAlmostEqual(parameters["y"], 15 * ((0.5 + n / plastic**2) % 1), places=6)
        best = min(trials, key=lambda trial: trial["final"])
        self.assertAlmostEqual(float(found[1]), best["final"], places=4)
        self.assertEqual(int(found[3]), best["sequence"])
        self.assertLess(best["final"], 1.0)  # near a minimum, of values up to 300
        self.assertEqual(int(found[4]), 200)

    def test_processes_are_held_by_the_installed_program(self):
        shutil.copytree(SOURCE / "examples" / "shell", self.root / "shell")
        file = str(self.root / "shell" / "experiment.yaml")
        path = {**os.environ, "PATH": f"{self.prefix / 'bin'}:/usr/bin:/bin"}
        home = self.root / "processes"
        done = run(self.program, str(home), file, env=path)
        self.must(done)
        self.assertIn("search done", done.stdout)
        trials = json.loads(self.autotune(home, "get", "trials", "shell", "-o", "json"))
        self.assertEqual({trial["state"] for trial in trials}, {"Succeeded"})
        # Without it each trial says what is missing.
        home = self.root / "no-keeper"
        done = run(self.program, str(home), file, env={**os.environ, "PATH": "/usr/bin:/bin"})
        trials = json.loads(self.autotune(home, "get", "trials", "shell", "-o", "json"))
        self.assertNotIn("Succeeded", {trial["state"] for trial in trials}, done.stdout)
        self.assertIn("autotune", trials[0]["reason"] + trials[0].get("detail", ""))

    def test_a_home_that_is_held_is_refused(self):
        home = self.root / "held"
        held = subprocess.Popen([str(self.prefix / "bin" / "autotune"), "server", "--with-agent", "--home", str(home)],
                                stdout=subprocess.PIPE, text=True)
        try:
            self.assertIn("serving", held.stdout.readline())
            done = run(self.program, str(home))
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"is held by pid {held.pid}", done.stderr)
        finally:
            held.send_signal(signal.SIGTERM)
            held.communicate(timeout=SECONDS_MAX)

    def test_another_caf_is_refused_with_the_reason(self):
        other = self.root / "other-caf"
        other.mkdir()
        (other / "CAFConfig.cmake").write_text("")
        (other / "CAFConfigVersion.cmake").write_text("set(PACKAGE_VERSION 0.18.99)\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
        done = run("cmake", "-S", str(SOURCE / "examples" / "embedding"), "-B", str(self.root / "build-other"),
                   f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCAF_DIR={other}", f"-DCMAKE_CXX_COMPILER={os.environ['AUTOTUNE_CXX']}")
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(" ".join(done.stderr.split()), "AutoTune was built with CAF .* is CAF 0.18.99")


if __name__ == "__main__":
    unittest.main()
