"""What the end-to-end tests share: the real binary with a home of its own, and what it left there.

The binary is named by the environment variable AUTOTUNE_BINARY. Nothing here sleeps for a fixed time: waits have a
condition and a deadline. Processes are ended by pid, and only those that a test started.
"""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
# How long a command may take on a machine that is busy with other things.
SECONDS_MAX = 120
POLL_SECONDS = 0.01

PHASES = ("UNSPECIFIED", "PENDING", "RUNNING", "DONE", "TIMEOUT", "ERROR", "STOPPED", "PAUSED")
STATES = ("Unspecified", "Pending", "Running", "Succeeded", "Failed", "EarlyStopped", "Killed")
# The kinds of messages/event.proto, by field number.
EVENTS = {
    3: "submitted", 4: "phase", 5: "created", 6: "launched", 7: "started", 8: "attempt-ended", 9: "requeued",
    10: "ended", 11: "stop-requested", 12: "enqueued", 13: "edited", 14: "lines-rejected", 15: "restarted",
    16: "notice", 17: "warm-started",
}


def binary():
    path = os.environ.get("AUTOTUNE_BINARY", str(CHECKOUT / "build" / "bin" / "autotune"))
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"there is no program {path}; build it, or say where it is by AUTOTUNE_BINARY")
    return path


def wait_until(holds, what, seconds=SECONDS_MAX):
    """Gives the first true value of `holds()`; past the deadline the test has failed."""
    deadline = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(POLL_SECONDS)


def container(command, **more):
    return {"name": "trial", "command": command, **more}


def task(command, role="worker", replicas=1, restart_policy=None, pod=None, **more):
    """One entry of trainingConfig.tasks; `pod` goes into the pod's spec, `more` into the container."""
    found = {"type": role, "replicas": replicas,
             "template": {"spec": {"containers": [container(command, **more)], **(pod or {})}}}
    if restart_policy:
        found["restartPolicy"] = restart_policy
    return found


def experiment(name, tasks, training=None, space=None, **spec):
    """An AutoTuneExperiment as JSON, which is YAML. `tasks`: a list, or the command of the only worker."""
    if tasks and isinstance(tasks[0], str):
        tasks = [task(tasks)]
    spec.setdefault("tuner", {"builtinTunerName": "Random"})
    spec["searchSpace"] = space or {"x": {"_type": "uniform", "_value": [0, 1]}}
    spec["trainingConfig"] = {"type": "generic", "tasks": tasks, **(training or {})}
    return {"apiVersion": "tensorstack.dev/v1beta1", "kind": "AutoTuneExperiment", "metadata": {"name": name},
            "spec": spec}


def shell(script):
    return ["sh", "-c", script]


FINAL = """echo '{"type":"final","value":1}' >> "$AUTOTUNE_REPORTS" """


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The fields of a protobuf message: {number: [values]}; strings and messages stay bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


class Event:
    """One stored event: `kind` as in EVENTS, its message's fields by number."""

    def __init__(self, payload):
        whole = fields(payload)
        number = next(n for n in EVENTS if n in whole)
        self.kind = EVENTS[number]
        self._fields = fields(whole[number][0])

    def number(self, field):
        return self._fields.get(field, [0])[0]

    def text(self, field):
        return self._fields.get(field, [b""])[0].decode()

    def __repr__(self):
        return f"{self.kind} {self._fields}"


class Database:
    """What is durable in a home, read as any reader may while it is written."""

    def __init__(self, home):
        self._path = pathlib.Path(home) / "autotune.sqlite"

    def rows(self, query, *arguments):
        if not self._path.exists():
            return []
        try:
            return self._read("ro", query, arguments)
        except sqlite3.OperationalError as error:
            # What a killed writer left in the WAL has to be recovered, which needs a connection that may write.
            if "readonly" not in str(error):
                raise
            return self._read("rw", query, arguments)

    def _read(self, mode, query, arguments):
        connection = sqlite3.connect(f"file:{self._path}?mode={mode}", uri=True, timeout=30)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, arguments)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # not yet made
                return []
            raise
        finally:
            connection.close()

    def experiments(self):
        found = self.rows("SELECT * FROM experiments ORDER BY key")
        for one in found:
            one["phase"] = PHASES[one["phase"]]
        return found

    def experiment(self, name):
        """The newest of that name; None where there is none yet."""
        found = [one for one in self.experiments() if name in (one["name"], one["id"])]
        return found[-1] if found else None

    def phase(self, name):
        found = self.experiment(name)
        return found["phase"] if found else None

    def trials(self, name):
        found = self.experiment(name)
        trials = self.rows("SELECT * FROM trials WHERE experiment = ? ORDER BY sequence",
                           found["key"]) if found else []
        for trial in trials:
            trial["state"] = STATES[trial["state"]]
            trial["parameters"] = json.loads(trial["parameters_json"])
        return trials

    def states(self, name):
        return [trial["state"] for trial in self.trials(name)]

    def reports(self, name, sequence=None):
        found = self.experiment(name)
        where = "" if sequence is None else f"AND sequence = {int(sequence)}"
        return self.rows(f"SELECT * FROM metrics WHERE experiment = ? {where} ORDER BY sequence, attempt, line",
                         found["key"]) if found else []

    def events(self, name):
        found = self.experiment(name)
        rows = self.rows("SELECT payload FROM events WHERE experiment = ? ORDER BY number",
                         found["key"]) if found else []
        return [Event(row["payload"]) for row in rows]

    def notices(self, name):
        return [event.text(1) for event in self.events(name) if event.kind == "notice"]

    def whole(self):
        """True where SQLite finds nothing wrong."""
        return self.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def _read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def _alive(pid):
    stat = _read(f"/proc/{pid}/stat")
    return bool(stat) and stat.rpartition(b") ")[2][:1] not in (b"Z", b"X")


def _pids():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


class EndToEnd(unittest.TestCase):
    """A test with a folder and a home of its own; nothing that it started outlives it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="autotune-e2e-"))
        self.home = self.folder / "home"
        self.database = Database(self.home)
        self._children = []
        self.environment = dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8")
        for name in ("AUTOTUNE_HOME", "AUTOTUNE_GPUS", "CUDA_VISIBLE_DEVICES", "PYTHONPATH"):
            self.environment.pop(name, None)

    def tearDown(self):
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdout, child.stderr):
                if stream:
                    stream.close()
        self.end_keeper()
        for pid in self.trial_processes():
            self.kill(pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- running it

    def command(self, *arguments):
        return [binary(), str(arguments[0]), "--home", str(self.home), *map(str, arguments[1:])]

    def run_it(self, *arguments, code=None, seconds=SECONDS_MAX, text=None):
        """A command to its end; `code`: the exit code that it must give."""
        done = subprocess.run(self.command(*arguments), env=self.environment, cwd=self.folder, input=text or "",
                              capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
        if code is not None and done.returncode != code:
            self.fail(f"`autotune {' '.join(map(str, arguments))}` ended {done.returncode}, not {code}\n"
                      f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{self.log()}")
        return done

    def start(self, *arguments):
        """A command that goes on; its output is in `output(child)`."""
        number = len(self._children)
        path = self.folder / f"output-{number}"
        with open(path, "wb") as out:
            child = subprocess.Popen(self.command(*arguments), env=self.environment, cwd=self.folder,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        child.output = path
        self._children.append(child)
        return child

    def output(self, child):
        return _read(child.output).decode(errors="replace")

    def finish(self, child, code=None, seconds=SECONDS_MAX):
        """Waits for the end of a started command."""
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"still running after {seconds} s:\n{self.output(child)[-3000:]}\n{self.log()}")
        if code is not None and child.returncode != code:
            self.fail(f"ended {child.returncode}, not {code}\n{self.output(child)[-3000:]}\n{self.log()}")
        return child.returncode

    def log(self):
        return _read(self.home / "logs" / "autotune.log").decode(errors="replace")[-3000:]

    def write(self, name, *documents):
        """A file of JSON documents in the test's folder; gives its path."""
        path = self.folder / name
        path.write_text("\n---\n".join(json.dumps(one, indent=1) for one in documents))
        return path

    # --- processes

    def keeper(self):
        """The pid of the keeper of this home, or None."""
        wanted = b"\0keeper\0--home\0" + os.fsencode(self.home) + b"\0"
        return next((pid for pid in _pids() if wanted in _read(f"/proc/{pid}/cmdline") and _alive(pid)), None)

    def trial_processes(self):
        """All processes that inherited the environment of a trial of this home."""
        wanted = b"AUTOTUNE_TRIAL_DIR=" + os.fsencode(self.home) + b"/"
        return [pid for pid in _pids() if wanted in _read(f"/proc/{pid}/environ") and _alive(pid)]

    def kill(self, pid, number=signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def end_keeper(self):
        pid = self.keeper()
        if pid:
            self.kill(pid)
            wait_until(lambda: not _alive(pid), "the keeper is gone", 30)

    # --- waiting

    def wait_for_phase(self, name, *phases, seconds=SECONDS_MAX):
        return wait_until(lambda: self.database.phase(name) in phases,
                          f"{name} is {' or '.join(phases)}", seconds)

    def wait_for_lines(self, path, count, seconds=SECONDS_MAX):
        """Waits until a file that trials append to has that many lines."""
        def enough():
            lines = _read(path).decode().splitlines()
            return lines if len(lines) >= count else None
        return wait_until(enough, f"{path} has {count} lines", seconds)

    def lines(self, path):
        return _read(path).decode().splitlines()
