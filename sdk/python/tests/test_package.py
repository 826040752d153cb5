"""The package beside another t9k, and without Keras."""

import os
import subprocess
import sys
import unittest

from support import SDK, TrialCase, script_environment


class Package(TrialCase):
    def run_python(self, script, *more_paths):
        environment = script_environment({})
        environment["PYTHONPATH"] = os.pathsep.join([str(SDK), *more_paths])
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_an_installed_t9k_keeps_its_other_modules(self):
        for package in ("t9k", "t9k/ais", "t9k/tuner"):
            folder = os.path.join(self.folder, "site-packages", package)
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "__init__.py"), "w", encoding="utf-8") as file:
                file.write(f"here = 'theirs: {package}'\n")
        script = "from t9k import ais, tuner; print(ais.here, hasattr(tuner, 'here'))"
        printed = self.run_python(script, os.path.join(self.folder, "site-packages"))
        self.assertEqual(printed, "theirs: t9k/ais False")

    def test_the_tuner_loads_neither_keras_nor_urllib_dependencies_of_others(self):
        script = (
            "import sys; from t9k import tuner; "
            "print([m for m in ('keras', 'tensorflow', 'numpy', 'requests') if m in sys.modules])"
        )
        self.assertEqual(self.run_python(script), "[]")

    def test_it_carries_type_hints(self):
        self.assertTrue((SDK / "t9k" / "py.typed").exists())


if __name__ == "__main__":
    unittest.main()
