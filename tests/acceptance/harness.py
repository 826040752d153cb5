"""What the acceptance tests share: running the real binary as a user would, and asking how it went.

A test ends 0 when all is right, 77 (skipped, with a word) when this machine lacks what it needs,
and 1 with what was wrong.
"""

import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import threading

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77
QUERY_SECONDS_MAX = 60
# After SIGTERM the command ends its trials (grace, then KILL); past this it is killed itself.
END_SECONDS_MAX = 60
TENSORFLOW = "tensorflow-cpu==2.15.*"
TENSORFLOW_PYTHONS = ("python3.11", "python3.10", "python3.9", "python3")
TENSORFLOW_PYTHON = (
    "import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))"
)


class Wrong(Exception):
    """What was checked is not so."""


class Skipped(Exception):
    """This machine lacks what the test needs."""


def check(holds, otherwise):
    """Raises Wrong(otherwise) unless `holds`."""
    if not holds:
        raise Wrong(otherwise)


def main(test):
    """Runs `test()` and ends this process with its code; SIGTERM ends the command as well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        test()
    except Skipped as reason:
        print(f"skipped: {reason}", file=sys.stderr)
        sys.exit(SKIPPED)
    except Wrong as what:
        sys.exit(f"wrong: {what}")
    print("all is right", file=sys.stderr)


def cache_folder():
    """Where downloads and builds are kept, outside of the checkout."""
    if os.environ.get("AUTOTUNE_CACHE"):
        return pathlib.Path(os.environ["AUTOTUNE_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "autotune-build"


def tensorflow_bin():
    """The `bin` folder of a venv with TensorFlow 2.15 and scikit-learn, made at the first call."""
    venv = cache_folder() / "tensorflow-venv"
    python = venv / "bin" / "python3"
    works = [str(python), "-c", "import tensorflow, sklearn; print(tensorflow.__version__)"]
    if python.exists() and _succeeds(works):
        return venv / "bin"
    print(f"making {venv} with {TENSORFLOW}; this downloads 300 MB", file=sys.stderr)
    for name in TENSORFLOW_PYTHONS:
        base = shutil.which(name, path="/usr/bin:" + os.environ.get("PATH", ""))
        if base and _succeeds([base, "-c", TENSORFLOW_PYTHON]):
            break
    else:
        raise Skipped("TensorFlow 2.15 needs Python 3.9 to 3.11 with venv (python3-venv)")
    venv.parent.mkdir(parents=True, exist_ok=True)
    if not _succeeds([base, "-m", "venv", "--clear", str(venv)]):
        raise Skipped(f"{base} cannot make a venv in {venv}")
    pip = [str(python), "-m", "pip", "install", "--quiet", TENSORFLOW, "scikit-learn"]
    if subprocess.run(pip, check=False).returncode != 0 or not _succeeds(works):
        raise Skipped(f"{TENSORFLOW} cannot be installed here")
    return venv / "bin"


def sklearn_bin(folder):
    """A folder whose `python3` has scikit-learn: None where that is so already."""
    works = ["-c", "import sklearn"]
    if _succeeds(["python3", *works]):
        return None
    if _succeeds(["/usr/bin/python3", *works]):
        folder.mkdir()
        (folder / "python3").symlink_to("/usr/bin/python3")
        return folder
    raise Skipped("no python3 here has scikit-learn (python3-sklearn)")


def _succeeds(command):
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Autotune:
    """The command line with a home of its own, and a transcript of all that was typed and said."""

    def __init__(self, binary, home, bin_folder=None, python_path=None):
        self._binary = pathlib.Path(binary).resolve()
        check(self._binary.exists(), f"there is no {self._binary}; build it first")
        self.home = pathlib.Path(home)
        self._lines = []
        self._environment = dict(os.environ, AUTOTUNE_HOME=str(self.home), NO_COLOR="1")
        self._environment.pop("PYTHONPATH", None)  # Trials find t9k without any install.
        if bin_folder:
            self._environment["PATH"] = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
        if python_path:
            self._environment["PYTHONPATH"] = str(python_path)

    def run(self, *arguments, seconds_max):
        """A command to its end, shown as it goes on; gives its exit code."""
        self._lines.append("$ autotune " + shlex.join(map(str, arguments)))
        print(self._lines[-1], flush=True)
        child = subprocess.Popen(
            [str(self._binary), *map(str, arguments)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        late = []

        def end():
            late.append(True)
            child.terminate()

        timer = threading.Timer(seconds_max, end)
        timer.start()
        try:
            for line in child.stdout:
                self._lines.append(line.rstrip("\n"))
                print(self._lines[-1], flush=True)
            child.wait()
        finally:
            timer.cancel()
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(END_SECONDS_MAX)
                except subprocess.TimeoutExpired:
                    child.kill()
        check(not late, f"`autotune {arguments[0]}` did not end within {seconds_max} s")
        return child.returncode

    def ask(self, *arguments):
        """The JSON that a query prints."""
        command = [str(self._binary), *map(str, arguments), "-o", "json"]
        done = subprocess.run(
            command,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=QUERY_SECONDS_MAX,
            check=False,
        )
        said = f"`autotune {' '.join(command[1:])}` ended {done.returncode}: {done.stderr.strip()}"
        check(done.returncode == 0, said)
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise Wrong(f"{said}; its output is no JSON: {error}") from error

    def write_transcript(self, path, names):
        """Saves the transcript; `names` are (what, written as), for the paths of this machine."""
        text = "\n".join(self._lines) + "\n"
        for what, name in names:
            text = text.replace(str(what), name)
        pathlib.Path(path).write_text(text, encoding="utf-8")


def check_trials(trials, states, count):
    """Checks what holds for the trials of any experiment that is done."""
    check(len(trials) == count, f"{len(trials)} trials, not {count}")
    sequences = [trial["sequence"] for trial in trials]
    check(sequences == list(range(count)), f"sequences are {sequences}")
    for trial in trials:
        name = f"trial {trial['sequence']}"
        check(trial["state"] in states, f"{name} is {trial['state']}: {trial.get('reason')}")
        if trial["state"] == "Succeeded":
            number = isinstance(trial.get("final"), (int, float))
            check(number, f"{name} has no final number: {trial.get('final')!r}")


def check_best(autotune, name, trials):
    """Checks that `best` names the highest final result."""
    best = autotune.ask("best", name)
    highest = max(t["final"] for t in trials if t["state"] == "Succeeded")
    check(best["value"] == highest, f"best is {best['value']}, the highest is {highest}")
    parameters = trials[best["sequence"]]["parameters"]
    check(best["parameters"] == parameters, f"best names {best['parameters']}, not {parameters}")
