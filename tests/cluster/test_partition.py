"""A host that is pulled out: no reset, no answer, as when a switch dies."""

import time
import unittest

from harness import wait_until
from hosts import Hosts, ip, may_make_namespaces


@unittest.skipUnless(may_make_namespaces(), "network namespaces need root and iproute2")
class Partition(Hosts):
    LEASE = "10s"

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

    def test_a_node_comes_back_under_another_address(self):
        self.LEASE = "60s"  # it may take a while to see that the old connection is of no use
        self.on("head", self.serve)
        self.on("a", self.join, "a")
        self.wait_for_node("a", "Ready")
        self.submit("moves")
        self.wait_for_lines(self.starts, 4)
        space = self.spaces["a"]
        ip("-n", space, "addr", "del", self.host_address("a") + "/24", "dev", "eth0")
        self.wait_for_node("a", "Unreachable")
        ip("-n", space, "addr", "add", "10.77.0.200/24", "dev", "eth0")
        self.wait_for_node("a", "Ready")
        self.gate.touch()
        self.assertEqual({trial["attempt"] for trial in self.check_done("moves")}, {1})
        self.assertEqual(len(self.lines(self.starts)), 4)

    def test_a_head_that_answers_nobody_is_looked_for_until_it_does(self):
        self.on("head", self.serve)
        self.cut("a")
        agent = self.on("a", self.join, "a")
        wait_until(lambda: "no server answers at" in self.output(agent), "it gives up the first try")
        self.heal("a")
        self.wait_for_node("a", "Ready")


if __name__ == "__main__":
    unittest.main()
