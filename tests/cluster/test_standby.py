"""Two heads with one store: one dies or freezes, the other takes over, and nothing is lost or done twice."""

import json
import shutil
import signal
import subprocess
import time
import unittest

from cluster import Cluster, free_port
from harness import experiment, wait_until
from postgres import Postgres

TAKES_OVER_SECONDS_MAX = 10


class Standby(Cluster):
    """The first head's home is `self.home`, the second one's `self.other`; node "a" may follow either."""

    LEASE = "60s"  # nothing here may hang on a node's being given up

    def setUp(self):
        self.postgres = Postgres()
        super().setUp()
        self.other = self.folder / "other"
        self.ports = {self.home: self.port, self.other: free_port()}

    def tearDown(self):
        super().tearDown()
        self.postgres.end()

    def at(self, home, act, *arguments, **more):
        """`act` of the harness, with that home."""
        kept, self.home = self.home, home
        try:
            return act(*arguments, **more)
        finally:
            self.home = kept

    def head(self, home, *more):
        return self.at(home, self.start, "server", "--listen", f"127.0.0.1:{self.ports[home]}", "--lease", self.LEASE,
                       *more)

    def wait_for_words(self, child, words, seconds=60):
        wait_until(lambda: words in self.output(child) or child.poll() is not None, f"it says '{words}'", seconds)
        self.assertIn(words, self.output(child))

    def grow_pair(self):
        """Both heads and an agent with four running trials of "carried"."""
        first = self.head(self.home, "--store", self.postgres.uri())
        self.wait_for_words(first, "serving ")
        self.other.mkdir(mode=0o700)
        shutil.copy(self.home / "secret.key", self.other)
        shutil.copytree(self.home / "tls", self.other / "tls", ignore=shutil.ignore_patterns("head"))
        second = self.head(self.other, "--store", self.postgres.uri(), "--standby")
        self.wait_for_words(second, "standing by: the head is ")
        self.agents["a"] = self.start("agent", "--name", "a",
                                      "--join", ",".join(f"127.0.0.1:{port}" for port in self.ports.values()))
        self.wait_for_node("a", "Ready")
        self.submit("carried")
        self.wait_for_lines(self.starts, 4)
        return first, second

    def trials(self, home, name):
        return json.loads(self.at(home, self.run_it, "get", "trials", name, "-o", "json", code=0).stdout)

    def check_carried(self, home, name="carried"):
        """All four have succeeded in their first attempt, with all of their reports."""
        wait_until(lambda: [one["state"] for one in self.trials(home, name)] == ["Succeeded"] * 4,
                   f"{name} is done", 60)
        for trial in self.trials(home, name):
            self.assertEqual(trial["attempt"], 1)
            self.assertEqual([one["value"] for one in trial["intermediate"]], [1])
            self.assertEqual(trial["final"], trial["sequence"])
        self.assertEqual(self.trial_processes(), [])

    def take_over(self, second, since):
        self.wait_for_words(second, "serving ", TAKES_OVER_SECONDS_MAX)
        self.assertLess(time.monotonic() - since, TAKES_OVER_SECONDS_MAX)
        wait_until(lambda: (self.at(self.other, self.node, "a") or {}).get("state") == "Ready", "the agent follows", 60)

    def test_a_second_head_takes_over_from_one_that_is_killed(self):
        first, second = self.grow_pair()
        before = set(self.trial_processes())
        first.kill()
        self.take_over(second, time.monotonic())
        self.finish(first)
        self.assertTrue(before & set(self.trial_processes()), "trials ran on")
        self.assertEqual(self.postgres.ask("SELECT epoch FROM autotune.head"), "2")

        # It does not become a second head by being started again.
        refused = self.at(self.home, self.run_it, "server", "--listen", f"127.0.0.1:{self.ports[self.home]}", code=2)
        self.assertIn("--standby", refused.stderr)
        again = self.head(self.home, "--standby")
        self.wait_for_words(again, "standing by: the head is ")
        self.gate.touch()
        self.check_carried(self.other)
        self.check_carried(self.home)  # its home reads the same store
        self.assertEqual(len(self.lines(self.starts)), 4)
        self.assertIn("carried", self.run_it("get", "experiments", code=0).stdout)

        # Back: at once, since the lease is given back.
        second.send_signal(signal.SIGTERM)
        self.finish(second, 0)
        self.wait_for_words(again, "serving ", TAKES_OVER_SECONDS_MAX)
        self.wait_for_node("a", "Ready")
        self.submit("after")
        self.check_carried(self.home, "after")
        self.end(*self.agents.values(), again)

    def test_a_head_that_was_frozen_neither_writes_nor_commands_when_it_wakes(self):
        first, second = self.grow_pair()
        first.send_signal(signal.SIGSTOP)
        since = time.monotonic()
        try:
            # What it will find when it wakes, and would do at once: a stop, and a new experiment.
            stop = subprocess.Popen(self.command("stop", "carried"), env=self.environment, cwd=self.folder,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            late = subprocess.Popen(
                self.command("apply", "-f", self.write("late.json", experiment("late", ["true"], maxTrialNum=1))),
                env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.take_over(second, since)
        finally:
            first.send_signal(signal.SIGCONT)
        self.wait_for_words(first, "standing by: the head is ")
        self.assertIn("another head has taken over", self.output(first))
        for command in (stop, late):
            command.communicate(timeout=60)
            self.assertNotEqual(command.returncode, 0)
        self.assertEqual(len(self.trial_processes()) > 0, True)
        self.assertEqual([one["state"] for one in self.trials(self.other, "carried")], ["Running"] * 4)
        self.gate.touch()
        self.check_carried(self.other)
        self.assertNotIn("late", self.at(self.other, self.run_it, "get", "experiments", code=0).stdout)
        self.assertEqual(len(self.lines(self.starts)), 4)
        self.end(*self.agents.values(), first, second)

    def test_a_head_waits_for_a_store_that_is_away(self):
        first = self.head(self.home, "--store", self.postgres.uri())
        self.wait_for_words(first, "serving ")
        self.end(first)
        self.postgres.stop()
        # As at a boot, where the database comes up later; and the home knows its store.
        waits = self.head(self.home, "--standby")
        log = self.home / "logs" / "autotune.log"
        wait_until(lambda: log.exists() and "store-away" in log.read_text(), "it looks for its store")
        self.assertIsNone(waits.poll(), self.output(waits))
        self.postgres.start()
        self.wait_for_words(waits, "serving ")
        self.end(waits)

    def test_a_store_that_cannot_be_had_is_not_remembered(self):
        away = "postgresql://autotune@/nowhere?host=/nonexistent"
        self.at(self.home, self.run_it, "server", "--listen", self.address(), "--store", away, code=5)
        self.run_it("get", "experiments", code=0)  # of the home's own file
        self.assertFalse((self.home / "store").exists())

    def test_a_standby_without_the_keys_says_which(self):
        first = self.head(self.home, "--store", self.postgres.uri())
        self.wait_for_words(first, "serving ")
        words = ("server", "--listen", f"127.0.0.1:{self.ports[self.other]}", "--standby")
        self.assertIn("--store", self.at(self.other, self.run_it, *words, code=2).stderr)
        refused = self.at(self.other, self.run_it, *words, "--store", self.postgres.uri(), code=2)
        self.assertIn("secret.key", refused.stderr)
        shutil.copy(self.home / "secret.key", self.other)
        self.assertIn("ca.key", self.at(self.other, self.run_it, *words, "--store", self.postgres.uri(), code=2).stderr)
        hushed = self.at(self.other, self.run_it, *words, "--store", "postgresql://me:hush@db/autotune", code=2)
        self.assertNotIn("hush", hushed.stderr + hushed.stdout)
        self.assertIn(".pgpass", hushed.stderr)
        self.end(first)


if __name__ == "__main__":
    unittest.main()
