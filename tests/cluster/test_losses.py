"""Agents and heads that die, nodes that are cut off or taken away: nothing is lost, and nothing runs twice."""

import signal
import unittest

from cluster import Cluster
from harness import wait_until


class Losses(Cluster):
    def test_trials_run_where_their_agents_are(self):
        server = self.grow("a", "b")
        self.submit("spread")
        self.wait_for_lines(self.starts, 4)
        self.assertEqual(len(self.node("a")["running"]), 2)
        self.assertEqual(len(self.node("b")["running"]), 2)
        self.gate.touch()
        found = self.check_done("spread")
        self.assertEqual(sorted(trial["node"] for trial in found), ["a", "a", "b", "b"])
        for trial in found:
            self.assertEqual(self.run_it("logs", f"spread/{trial['sequence']}", code=0).stdout, "at work\n")
        # As if that machine were another: what it wrote is not here.
        (self.home / "nodes" / "a" / "trials").rename(self.folder / "elsewhere")
        gone = next(trial for trial in found if trial["node"] == "a")
        self.assertIn("ran on node a", self.run_it("logs", f"spread/{gone['sequence']}", code=4).stderr)
        self.end(*self.agents.values(), server)

    def test_an_agent_that_is_killed_finds_its_trials(self):
        self.grow("a")
        self.submit("adopted")
        self.wait_for_lines(self.starts, 4)
        before = set(self.trial_processes())
        self.agents["a"].kill()
        self.wait_for_node("a", "Unreachable")
        self.join("a")
        self.wait_for_node("a", "Ready")
        self.assertTrue(before & set(self.trial_processes()), "they ran on")
        self.gate.touch()
        self.assertEqual({trial["attempt"] for trial in self.check_done("adopted")}, {1})
        self.assertEqual(len(self.lines(self.starts)), 4)

    def test_a_head_that_is_killed_finds_its_nodes(self):
        server = self.grow("a", "b")
        self.submit("survives", trials=6, trialConcurrency=4)
        self.wait_for_lines(self.starts, 4)
        server.kill()
        self.finish(server)
        self.gate.touch()  # some end while nobody listens
        wait_until(lambda: not self.trial_processes(), "they have ended")
        self.serve()
        found = self.check_done("survives", 6)
        self.assertEqual({trial["attempt"] for trial in found}, {1})
        self.assertEqual(len(self.lines(self.starts)), 6)

    def test_a_lost_node_ends_its_trials_which_start_anew_elsewhere(self):
        self.grow("a", "b")
        self.submit("moves", trialPolicy={"maxRetries": 0})
        self.wait_for_lines(self.starts, 4)
        on_a = [one.rpartition("/")[2] for one in self.node("a")["running"]]
        self.assertEqual(len(on_a), 2)
        self.assertTrue(self.processes_of("a"))
        self.agents["a"].kill()
        self.wait_for_node("a", "Lost")
        # Its keeper has ended them before the head gave them away.
        self.assertEqual(self.processes_of("a"), [])
        started = self.wait_for_lines(self.starts, 6)
        self.assertEqual(sorted(started[4:]), sorted(on_a))
        self.gate.touch()
        found = self.check_done("moves")
        self.assertEqual({trial["node"] for trial in found}, {"b"})
        self.assertEqual(sorted(trial["attempt"] for trial in found), [1, 1, 2, 2])
        self.join("a")
        self.wait_for_node("a", "Ready")

    def test_a_frozen_agent_comes_back_to_what_is_left(self):
        self.grow("a", "b")
        self.submit("thaws")
        self.wait_for_lines(self.starts, 4)
        self.agents["a"].send_signal(signal.SIGSTOP)
        try:
            self.wait_for_node("a", "Lost")
            self.wait_for_lines(self.starts, 6)
        finally:
            self.agents["a"].send_signal(signal.SIGCONT)
        self.wait_for_node("a", "Ready")
        self.gate.touch()
        found = self.check_done("thaws")
        self.assertEqual(sorted(trial["attempt"] for trial in found), [1, 1, 2, 2])

    def test_a_drained_node_gets_nothing_new(self):
        self.grow("a", "b")
        self.submit("drained", trials=8, trialConcurrency=4)
        self.wait_for_lines(self.starts, 4)
        self.run_it("drain", "a", code=0)
        self.assertEqual(self.node("a")["state"], "Draining")
        self.gate.touch()
        found = self.check_done("drained", 8)
        self.assertEqual([trial["node"] for trial in found].count("a"), 2)
        self.assertEqual({trial["attempt"] for trial in found}, {1})
        self.run_it("drain", "a", "--undo", code=0)
        self.assertEqual(self.node("a")["state"], "Ready")
        self.assertIn("get nodes", self.run_it("drain", "nowhere", code=4).stderr)

    def test_what_is_moved_from_a_drained_node_costs_no_retry(self):
        self.grow("a", "b")
        self.submit("moved", trialPolicy={"maxRetries": 0})
        self.wait_for_lines(self.starts, 4)
        self.run_it("drain", "a", "--move", code=0)
        self.wait_for_lines(self.starts, 6)
        self.assertEqual(self.node("a")["running"], [])
        self.gate.touch()
        found = self.check_done("moved")
        self.assertEqual({trial["node"] for trial in found}, {"b"})
        self.assertEqual(sorted(trial["attempt"] for trial in found), [1, 1, 2, 2])

    def test_the_server_runs_trials_too(self):
        self.serve("--with-agent")
        self.join("a")
        self.wait_for_node("a", "Ready")
        self.submit("both")
        self.wait_for_lines(self.starts, 4)
        self.assertEqual(len(self.node("a")["running"]), 2)
        self.gate.touch()
        self.assertEqual(len({trial["node"] for trial in self.check_done("both")}), 2)

    def test_stopping_reaches_every_node(self):
        self.grow("a", "b")
        self.submit("stops")
        self.wait_for_lines(self.starts, 4)
        self.run_it("stop", "stops", code=0)
        self.assertEqual(self.database.phase("stops"), "STOPPED")
        self.assertEqual(self.trial_processes(), [])
        self.assertEqual(self.node("a")["running"], [])


if __name__ == "__main__":
    unittest.main()
