"""Everything dies, freezes, is cut off or fills up, at random moments; after each round nothing may be lost.

AUTOTUNE_CHAOS_SECONDS: how long (150, a cut of the hour that `make soak` takes). AUTOTUNE_CHAOS_SEED repeats a run's
faults, as far as the machine's own timing lets it. AUTOTUNE_CHAOS_STEADY_CLOCK: no clock jumps (libfaketime and a
sanitizer both want to be first in a process).
"""

import collections
import os
import pathlib
import random
import signal
import subprocess
import time
import unittest

from event_checker import Diary, problems_of
from harness import experiment, shell, wait_until
from hosts import Hosts, ip, may_make_namespaces

SECONDS = int(os.environ.get("AUTOTUNE_CHAOS_SECONDS", "150"))
SEED = int(os.environ.get("AUTOTUNE_CHAOS_SEED", str(random.SystemRandom().randrange(10**6))))
FAKETIME = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
REPORTS = 20
TRIALS = 24
CONCURRENCY = 9
CALM = 120  # a round may take so long to come to its end once all is well again

# A trial of a few seconds that writes down what it has done, and fails where it cannot report.
WORKS = f"""note() {{ read up rest < /proc/uptime; echo "$up $1 $AUTOTUNE_TRIAL_SEQUENCE $AUTOTUNE_TRIAL_ATTEMPT $2" >> "$LOG"; }}
note start 0; i=0
while [ $i -lt {REPORTS} ]; do
  i=$((i+1)); echo '{{"type":"intermediate","step":'$i',"value":'$i'}}' >> "$AUTOTUNE_REPORTS" || exit 7
  note report $i; sleep 0.15
done
echo '{{"type":"final","value":'$AUTOTUNE_TRIAL_SEQUENCE'}}' >> "$AUTOTUNE_REPORTS" || exit 7
note final $((i+1))"""


def missing():
    if not may_make_namespaces():
        return "network namespaces need root and iproute2"
    return "" if FAKETIME else "clock steps need libfaketime"


def open_files(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


@unittest.skipIf(missing(), missing())
class Chaos(Hosts):
    HOSTS = ("head", "a", "b", "c")  # b's clock jumps, c's disk is small
    LEASE = "5s"

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.faults = []
        self.clock = self.folder / "clock"
        self.step_clock(0)
        disk = self.home / "nodes" / "c"
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "none", str(disk)], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", str(disk)], check=False)
        self.disk = disk
        print(f"seed {SEED}, {SECONDS} s", flush=True)

    # --- what runs

    def serve_on_head(self):
        self.server = self.on("head", self.serve)

    def join_on(self, name):
        before = dict(self.environment)
        if name == "b" and "AUTOTUNE_CHAOS_STEADY_CLOCK" not in os.environ:
            self.environment.update(LD_PRELOAD=str(FAKETIME), FAKETIME_TIMESTAMP_FILE=str(self.clock),
                                    FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_CACHE_DURATION="1")
        try:
            self.on(name, self.join, name)
        finally:
            self.environment = before

    def step_clock(self, seconds):
        self.clock.write_text(f"{seconds:+d}\n")

    def keeper_of(self, name):
        home, self.home = self.home, self.home / "nodes" / name
        try:
            return self.keeper()
        finally:
            self.home = home

    # --- faults: each is undone by what it returns

    def freeze(self, pid):
        self.kill(pid, signal.SIGSTOP)
        return lambda: self.kill(pid, signal.SIGCONT)

    def kill_head(self):
        self.server.kill()
        self.server.wait()
        return self.serve_on_head

    def kill_agent(self):
        name = self.random.choice("abc")
        self.agents[name].kill()
        self.agents[name].wait()
        return lambda: self.join_on(name)

    def kill_keeper(self):
        pid = self.keeper_of(self.random.choice("abc"))
        if pid:
            self.kill(pid)

    def kill_trial(self):
        found = self.trial_processes()
        if found:
            self.kill(self.random.choice(found))

    def freeze_head(self):
        return self.freeze(self.server.pid)

    def freeze_agent(self):
        return self.freeze(self.agents[self.random.choice("abc")].pid)

    def freeze_keeper(self):
        pid = self.keeper_of(self.random.choice("abc"))
        return self.freeze(pid) if pid else None

    def freeze_trial(self):
        found = self.trial_processes()
        return self.freeze(self.random.choice(found)) if found else None

    def cut_off(self):
        host = self.random.choice("abc")
        self.cut(host)
        return lambda: self.heal(host)

    def reset_connections(self):
        """As a firewall that rejects: each packet is answered by a reset."""
        host = self.random.choice("abc")
        table = f"chaos_{host}"
        within = ["ip", "netns", "exec", self.spaces["head"], "nft"]
        subprocess.run([*within, f"add table inet {table}; add chain inet {table} input {{ type filter hook input priority 0; }}; "
                        f"add rule inet {table} input ip saddr {self.host_address(host)} meta l4proto tcp reject with tcp reset"],
                       check=True)
        return lambda: subprocess.run([*within, f"delete table inet {table}"], check=True)

    def fill_disk(self):
        big = self.disk / "big"
        try:
            with open(big, "wb", buffering=0) as out:
                while True:
                    out.write(bytes(65536))
        except OSError:  # it is full
            pass
        return lambda: big.unlink(missing_ok=True)

    def jump_clock(self):
        self.step_clock(self.random.choice([-240, 60, 3600]))
        return lambda: self.step_clock(0)

    FAULTS = (kill_head, kill_agent, kill_agent, kill_keeper, kill_trial, kill_trial, freeze_head, freeze_agent,
              freeze_keeper, freeze_trial, cut_off, cut_off, reset_connections, fill_disk, jump_clock)

    def disturb(self, until):
        """Faults of random length, several of different kinds at a time, all undone in the end."""
        under_way = {}
        while time.monotonic() < until:
            for fault, (undo, end) in list(under_way.items()):
                if time.monotonic() >= end:
                    del under_way[fault]
                    undo()
            fault = self.random.choice(self.FAULTS)
            length = self.random.choice([0.3, 1, 3, 9])  # a lease is 5 s, and given up after 6.25 s
            # What is frozen or dead cannot be frozen or killed as well.
            if fault not in under_way and not (under_way and fault.__name__.startswith(("kill", "freeze"))):
                self.faults.append(f"{fault.__name__} {length}")
                undo = fault(self)
                if undo:
                    under_way[fault] = (undo, time.monotonic() + length)
            wait = time.monotonic() + self.random.uniform(0.2, 2)
            wait_until(lambda: time.monotonic() >= wait, "a moment has passed")
        for undo, _ in under_way.values():
            undo()

    # --- rounds

    def outcomes(self, name):
        """How its attempts ended."""
        found = collections.Counter(event.text(3) for event in self.database.events(name) if event.kind == "attempt-ended")
        return ", ".join(f"{count} {outcome}" for outcome, count in found.most_common())

    def judge(self, name, diary_path):
        self.wait_for_phase(name, "DONE", seconds=CALM)
        diary = Diary(self.lines(diary_path))
        events = self.database.events(name)
        self.assertEqual(problems_of(events, CONCURRENCY), [])
        self.assertEqual(diary.problems(), [])
        launched = {(event.number(1), event.number(2)) for event in events if event.kind == "launched"}
        self.assertLessEqual(diary.started(), launched, "started before that was durable")
        trials = self.database.trials(name)
        self.assertEqual([trial["sequence"] for trial in trials], list(range(TRIALS)))
        for trial in trials:
            sequence, attempt = trial["sequence"], trial["attempt"]
            self.assertIn(trial["state"], ("Succeeded", "Failed"))
            if trial["state"] == "Failed":  # only what was killed or lost again and again
                self.assertGreater(attempt, 3, trial)
                continue
            stored = [one["line"] for one in self.database.reports(name, sequence) if one["attempt"] == attempt]
            self.assertEqual(sorted(stored), list(range(1, REPORTS + 2)), f"trial {sequence} attempt {attempt}")
            self.assertEqual(diary.reports_of(sequence, attempt), REPORTS + 1)
        self.assertEqual(self.trial_processes(), [], "processes without an owner")
        self.assertTrue(self.database.whole())

    def test_nothing_is_lost_whatever_dies(self):
        self.serve_on_head()
        for name in "abc":
            self.join_on(name)
        for name in "abc":
            self.wait_for_node(name, "Ready")
        end = time.monotonic() + SECONDS
        number, files = 0, {}
        while time.monotonic() < end or number == 0:
            number += 1
            name = f"round-{number}"
            diary = self.folder / f"diary-{number}"
            self.faults.clear()
            spec = experiment(name, shell(WORKS.replace("$LOG", str(diary))), maxTrialNum=TRIALS, trialConcurrency=CONCURRENCY,
                              trialPolicy={"maxRetries": 10})
            self.run_it("apply", "-f", self.write(name + ".json", spec), code=0)
            began = time.monotonic()
            try:
                self.disturb(began + self.random.uniform(8, 20))
                self.judge(name, diary)
            except BaseException:
                print(f"seed {SEED}, round {number}, faults: {', '.join(self.faults)}", flush=True)
                raise
            for node in "abc":
                self.wait_for_node(node, "Ready")
            print(f"round {number}: {time.monotonic() - began:.0f} s, {self.outcomes(name)}, {', '.join(self.faults)}", flush=True)
            # What dies is opened anew; what lives must not gather descriptors.
            for process in (self.server, *self.agents.values()):
                count = open_files(process.pid)
                self.assertLess(count, files.setdefault(process.pid, count) + 40, "descriptors are leaked")
            self.run_it("delete", name, code=0)
            wait_until(lambda: not list(self.home.glob(f"nodes/*/trials/{name}-*")),
                       "the folders of an experiment that was deleted are gone, on all nodes")


if __name__ == "__main__":
    unittest.main()
