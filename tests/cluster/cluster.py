"""What the cluster tests share: a server that listens, and agents that join it, all on this machine."""

import json
import os
import pathlib
import signal
import socket

from harness import EndToEnd, experiment, shell, wait_until

# A trial that lasts until the test says so, and writes down where and how often it was started.
WAITS = """echo at work; echo "$AUTOTUNE_TRIAL_SEQUENCE" >> "$LOG"
echo '{"type":"intermediate","value":1}' >> "$AUTOTUNE_REPORTS"
while [ ! -e "$GATE" ]; do sleep 0.05; done
echo '{"type":"final","value":'$AUTOTUNE_TRIAL_SEQUENCE'}' >> "$AUTOTUNE_REPORTS" """


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Cluster(EndToEnd):
    """The head's home is `self.home`; each node's is below it."""

    LEASE = "5s"

    def setUp(self):
        super().setUp()
        self.starts = self.folder / "starts"
        self.gate = self.folder / "gate"
        self.environment.update(LOG=str(self.starts), GATE=str(self.gate))
        self.port = free_port()
        self.agents = {}

    def tearDown(self):
        for name in self.agents:  # their keepers have homes of their own
            home, self.home = self.home, self.home / "nodes" / name
            self.end_keeper()
            self.home = home
        super().tearDown()

    def address(self):
        return f"127.0.0.1:{self.port}"

    def serve(self, *more):
        server = self.start("server", "--listen", self.address(), "--lease", self.LEASE, *more)
        wait_until(lambda: "serving " in self.output(server) or server.poll() is not None, "the server is there")
        self.assertIsNone(server.poll(), self.output(server))
        return server

    def join(self, name, *more):
        agent = self.start("agent", "--join", self.address(), "--name", name, *more)
        self.agents[name] = agent
        return agent

    def node(self, name):
        """Its line of `get nodes`; None while the server is away or does not know it."""
        done = self.run_it("get", "nodes", "-o", "json")
        found = json.loads(done.stdout) if done.returncode == 0 else []
        return next((one for one in found if one["name"] == name), None)

    def wait_for_node(self, name, state):
        return wait_until(lambda: (self.node(name) or {}).get("state") == state, f"node {name} is {state}")

    def grow(self, *names):
        """A server and agents of these names, all ready."""
        server = self.serve()
        for name in names:
            self.join(name)
        for name in names:
            self.wait_for_node(name, "Ready")
        return server

    def submit(self, name, trials=4, **spec):
        spec.setdefault("trialConcurrency", trials)
        file = self.write(name + ".json", experiment(name, shell(WAITS), maxTrialNum=trials, **spec))
        return self.run_it("apply", "-f", file, code=0).stdout.strip()

    def check_done(self, name, trials=4):
        """All have succeeded, each with all of its reports; gives them."""
        self.wait_for_phase(name, "DONE")
        found = self.database.trials(name)
        self.assertEqual([trial["state"] for trial in found], ["Succeeded"] * trials)
        for trial in found:
            last = [one["line"] for one in self.database.reports(name, trial["sequence"])
                    if one["attempt"] == trial["attempt"]]
            self.assertEqual(sorted(last), [1, 2], f"reports of trial {trial['sequence']}")
        self.assertEqual(self.trial_processes(), [])
        return found

    def processes_of(self, node):
        """The trial processes of that node's agent."""
        wanted = b"AUTOTUNE_TRIAL_DIR=" + os.fsencode(self.home / "nodes" / node) + b"/"
        found = []
        for pid in self.trial_processes():
            try:
                environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:  # gone meanwhile
                continue
            if wanted in environment:
                found.append(pid)
        return found

    def end(self, *children):
        for child in children:
            child.send_signal(signal.SIGTERM)
            self.finish(child, 0)
