"""Three hosts on a bridge, one of which is pulled out: no reset, no answer, as when a switch dies. Needs root."""

import os
import shutil
import subprocess
import time
import unittest

from cluster import Cluster
from harness import wait_until


def ip(*words, check=True):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=check)


def may_make_namespaces():
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    name = f"at-probe-{os.getpid()}"
    made = ip("netns", "add", name, check=False).returncode == 0
    ip("netns", "del", name, check=False)
    return made


@unittest.skipUnless(may_make_namespaces(), "network namespaces need root and iproute2")
class Partition(Cluster):
    LEASE = "10s"
    HOSTS = ("head", "a", "b")

    def setUp(self):
        super().setUp()
        self.spaces = {name: f"at-{name}-{os.getpid()}" for name in ("switch", *self.HOSTS)}
        self.within = None
        for space in self.spaces.values():
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        ip("-n", self.spaces["switch"], "link", "add", "br0", "type", "bridge")
        ip("-n", self.spaces["switch"], "link", "set", "br0", "up")
        for number, host in enumerate(self.HOSTS, 1):
            ip("-n", self.spaces["switch"], "link", "add", "p" + host, "type", "veth", "peer", "name", "eth0",
               "netns", self.spaces[host])
            ip("-n", self.spaces["switch"], "link", "set", "p" + host, "master", "br0", "up")
            ip("-n", self.spaces[host], "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", self.spaces[host], "link", "set", "eth0", "up")

    def tearDown(self):
        super().tearDown()
        for space in self.spaces.values():
            ip("netns", "del", space, check=False)

    def command(self, *arguments):
        prefix = ["ip", "netns", "exec", self.spaces[self.within]] if self.within else []
        return prefix + super().command(*arguments)

    def address(self):
        return f"10.77.0.1:{self.port}"

    def on(self, host, start, *arguments):
        self.within = host
        try:
            return start(*arguments)
        finally:
            self.within = None

    def cut(self, host):
        ip("-n", self.spaces["switch"], "link", "set", "p" + host, "down")

    def heal(self, host):
        ip("-n", self.spaces["switch"], "link", "set", "p" + host, "up")

    def test_a_host_that_is_cut_off_for_a_minute(self):
        self.on("head", self.serve)
        for host in ("a", "b"):
            self.on(host, self.join, host)
        for host in ("a", "b"):
            self.wait_for_node(host, "Ready")
        self.submit("cut")
        self.wait_for_lines(self.starts, 4)
        cut_off = [one.rpartition("/")[2] for one in self.node("b")["running"]]
        self.assertEqual(len(cut_off), 2)
        self.cut("b")
        began = time.monotonic()
        self.wait_for_node("b", "Unreachable")
        self.wait_for_node("b", "Lost")
        # Whoever is started anew finds the one before ended: never do more than four live.
        started = self.wait_for_lines(self.starts, 6)
        self.assertEqual(sorted(started[4:]), sorted(cut_off))
        self.assertEqual(self.processes_of("b"), [], "they were ended on their own node")
        wait_until(lambda: time.monotonic() - began > 60, "a minute has passed")
        self.assertEqual(self.node("b")["state"], "Lost")
        self.heal("b")
        healed = time.monotonic()
        self.wait_for_node("b", "Ready")
        print(f"back {time.monotonic() - healed:.1f} s after it was healed", flush=True)
        self.gate.touch()
        found = self.check_done("cut")
        self.assertEqual({trial["node"] for trial in found}, {"a"})
        self.assertEqual(sorted(trial["attempt"] for trial in found), [1, 1, 2, 2])

    def test_a_short_cut_costs_nothing(self):
        self.on("head", self.serve)
        self.on("a", self.join, "a")
        self.wait_for_node("a", "Ready")
        self.submit("blink")
        self.wait_for_lines(self.starts, 4)
        self.cut("a")
        self.wait_for_node("a", "Unreachable")
        self.gate.touch()  # they end while nobody hears of it
        wait_until(lambda: not self.trial_processes(), "they have ended")
        self.heal("a")
        self.assertEqual({trial["attempt"] for trial in self.check_done("blink")}, {1})

    def test_a_head_that_answers_nobody_is_looked_for_until_it_does(self):
        self.on("head", self.serve)
        self.cut("a")
        agent = self.on("a", self.join, "a")
        wait_until(lambda: "no server answers at" in self.output(agent), "it gives up the first try")
        self.heal("a")
        self.wait_for_node("a", "Ready")


if __name__ == "__main__":
    unittest.main()
