"""Which node a trial goes to: labels, claims and resources that agents declare."""

import unittest

from cluster import WAITS, Cluster
from harness import experiment, shell, task, wait_until

READS = """cat /data/word; echo '{"type":"final","value":1}' >> "$AUTOTUNE_REPORTS" """


class Placement(Cluster):
    def apply(self, name, pod, command=READS, **container):
        file = self.write(name + ".json",
                          experiment(name, [task(shell(command), pod=pod, **container)], maxTrialNum=2, trialConcurrency=2))
        return self.run_it("apply", "-f", file, code=0).stdout.strip()

    def test_trials_go_where_their_claim_is(self):
        data = self.folder / "data"
        data.mkdir()
        (data / "word").write_text("from the volume\n")
        self.serve("--with-agent")
        self.join("a", "--volume", f"words={data}")
        self.wait_for_node("a", "Ready")
        self.assertEqual(self.node("a")["claims"], ["words"])
        pod = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "words"}}]}
        self.apply("claims", pod, volumeMounts=[{"name": "v", "mountPath": "/data"}])
        self.wait_for_phase("claims", "DONE")
        self.assertEqual([trial["node"] for trial in self.database.trials("claims")], ["a", "a"])
        self.assertEqual(self.run_it("logs", "claims/0", code=0).stdout, "from the volume\n")

    def test_trials_go_where_their_labels_are_and_wait_for_them(self):
        self.serve("--with-agent")
        self.join("plain")
        self.wait_for_node("plain", "Ready")
        self.apply("picky", {"nodeSelector": {"disk": "fast"}}, command="true")
        why = wait_until(lambda: next((line for line in self.run_it("describe", "picky").stdout.splitlines()
                                       if "disk=fast" in line), None), "describe says what it waits for")
        self.assertIn("no node", why)
        self.join("quick", "--label", "disk=fast")
        self.wait_for_phase("picky", "DONE")
        self.assertEqual({trial["node"] for trial in self.database.trials("picky")}, {"quick"})

    def test_resources_that_nodes_declare_are_counted(self):
        self.serve()
        self.join("a", "--resource", "rdma/hca=1", "--resource", "cpu=8")
        self.wait_for_node("a", "Ready")
        self.assertEqual(self.node("a")["resources"], {"rdma/hca": 1})
        self.assertEqual(self.node("a")["cpu"], 8)
        self.submit_waiting("counted", {"requests": {"rdma/hca": 1}})
        self.wait_for_lines(self.starts, 1)
        wait_until(lambda: "rdma/hca" in self.run_it("describe", "counted").stdout, "the second waits for it")
        self.assertEqual(len(self.lines(self.starts)), 1)
        self.gate.touch()
        self.check_done("counted", 2)

    def submit_waiting(self, name, resources):
        file = self.write(name + ".json", experiment(name, [task(shell(WAITS), resources=resources)],
                                                     maxTrialNum=2, trialConcurrency=2))
        self.run_it("apply", "-f", file, code=0)


if __name__ == "__main__":
    unittest.main()
