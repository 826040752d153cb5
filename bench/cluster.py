#!/usr/bin/env python3
"""A head and many agents on this machine, with simulated trials: what of a cluster grows with nodes and trials.

    bench/cluster.py [--agents N] [--running N] [--seconds S]

Prints a Markdown table. Each trial lasts S seconds (60) and reports once a second. BUILD: the build folder.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
BINARY = BUILD / "bin" / "autotune"
SAMPLED = 300


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def memory_mb(pid, field="VmHWM"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return float("nan")


def cpu_seconds(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cluster-bench-", dir=BUILD))
        self.home = self.folder / "home"
        self.port = free_port()
        self.children = []

    def start(self, *words):
        with open(self.folder / f"output-{len(self.children)}", "wb") as out:
            child = subprocess.Popen([BINARY, words[0], "--home", self.home, *words[1:]], stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=subprocess.STDOUT)
        self.children.append(child)
        return child

    def ask(self, *words):
        done = subprocess.run([BINARY, words[0], "--home", self.home, *words[1:]], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def rows(self, query, *values):
        database = sqlite3.connect(f"file:{self.home}/autotune.sqlite?mode=ro", uri=True, timeout=30)
        try:
            return database.execute(query, values).fetchall()
        finally:
            database.close()

    def serve(self):
        began = time.monotonic()
        self.head = self.start("server", "--listen", f"127.0.0.1:{self.port}")
        while self.ask("get", "nodes", "-o", "json") is None:
            if self.head.poll() is not None:
                sys.exit((self.folder / f"output-{len(self.children) - 1}").read_text())
            time.sleep(0.02)
        return time.monotonic() - began

    def ready(self):
        nodes = json.loads(self.ask("get", "nodes", "-o", "json") or "[]")
        return sum(node["state"] == "Ready" for node in nodes)

    def wait(self, holds, what, seconds=600):
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > seconds:
                sys.exit(f"not within {seconds} s: {what}")
            time.sleep(0.2)
        return time.monotonic() - began

    def running(self):
        return self.rows("SELECT running FROM experiments")[0][0]

    def ages(self):
        """Milliseconds since the newest stored report of some trials was made: the way to the disk, and up to a second."""
        now = time.time() * 1000
        found = self.rows("SELECT t.sequence, (SELECT MAX(m.at_ms) FROM metrics m WHERE m.experiment = t.experiment AND "
                          "m.sequence = t.sequence) FROM trials t WHERE t.state = 2")
        picked = random.sample(found, min(SAMPLED, len(found)))
        return [now - at for _, at in picked if at]

    def run(self):
        agents, running, seconds = self.arguments.agents, self.arguments.running, self.arguments.seconds
        self.serve()
        for number in range(agents):
            self.start("agent", "--join", f"127.0.0.1:{self.port}", "--name", f"n{number}")
        joined = self.wait(lambda: self.ready() == agents, "all agents are ready")
        file = self.folder / "experiment.json"
        file.write_text(json.dumps({
            "apiVersion": "tensorstack.dev/v1beta1", "kind": "AutoTuneExperiment", "metadata": {"name": "scale"},
            "spec": {"maxTrialNum": 3 * running, "trialConcurrency": running, "seed": 1,
                     "searchSpace": {"x": {"_type": "uniform", "_value": [0, 1]}}, "tuner": {"builtinTunerName": "Random"},
                     "launcher": {"kind": "simulated", "durationSeconds": seconds, "reports": seconds}}}))
        began = time.monotonic()
        if self.ask("apply", "-f", str(file)) is None:
            sys.exit("the experiment was refused")
        filled = self.wait(lambda: self.running() >= running, "all slots are in use")
        rows = [("agents ready", f"{agents} in {joined:.1f} s", ""), ("trials running", f"{running} in {filled:.1f} s", "")]
        before, since = cpu_seconds(self.head.pid), time.monotonic()
        ages = []
        while time.monotonic() - began < 1.5 * seconds:
            time.sleep(3)
            ages += self.ages()
        share = (cpu_seconds(self.head.pid) - before) / (time.monotonic() - since)
        rows.append(("report to durable, p99 at most", f"{max(0, percentile(ages, 0.99) - 1000):.0f} ms", "goal 1000 ms"))
        ends = sorted(at for (at,) in self.rows("SELECT ended_at_ms FROM trials WHERE ended_at_ms > 0"))
        starts = sorted(at for (at,) in self.rows("SELECT started_at_ms FROM trials WHERE started_at_ms > 0"))
        waits = [start - end for end, start in zip(ends, starts[running:])]
        rows.append(("slot turn-around", f"p50 {percentile(waits, 0.5):.0f} ms, p99 {percentile(waits, 0.99):.0f} ms",
                     "goals 50 and 250 ms"))
        rows.append(("head: cores in use", f"{share:.2f}", ""))
        rows.append(("head: memory", f"{memory_mb(self.head.pid):.0f} MB", "goal 1024 MB"))
        rows.append(("an agent: memory", f"{percentile([memory_mb(one.pid) for one in self.children[1:agents + 1]], 0.5):.0f} MB", ""))
        self.head.kill()
        self.head.wait()
        serving = self.serve()
        back = self.wait(lambda: self.ready() == agents, "all agents are back")
        rows.append(("head killed: serving again", f"{serving:.1f} s, all agents back {back:.1f} s later", "goal 3 s"))
        lost = self.rows("SELECT COUNT(*) FROM trials WHERE attempt > 1")[0][0]
        rows.append(("trials that were lost by it", str(lost), "goal 0"))
        print("| what | measured | goal |\n| --- | --- | --- |")
        for row in rows:
            print("| " + " | ".join(row) + " |")

    def end(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--running", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=60)
    bench = Bench(parser.parse_args())
    try:
        bench.run()
    finally:
        bench.end()


if __name__ == "__main__":
    main()
