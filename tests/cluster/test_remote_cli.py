"""The command line of another machine (here: of another home) against a server, over --server HOST:PORT."""

import csv
import io
import json
import os
import pathlib
import signal
import unittest

from cluster import WAITS, Cluster, free_port
from harness import FINAL, experiment, shell, wait_until


class RemoteCli(Cluster):
    LEASE = "60s"

    def setUp(self):
        super().setUp()
        self.enroll = free_port()
        self.elsewhere = self.folder / "elsewhere"

    def serve(self, *more):
        return super().serve("--with-agent", "--enroll", f"127.0.0.1:{self.enroll}", *more)

    def token(self):
        return self.run_it("token", "create", "--enroll", f"127.0.0.1:{self.enroll}", code=0).stdout.strip()

    def at(self, home, act, *arguments, **more):
        own, self.home = self.home, home
        try:
            return act(*arguments, **more)
        finally:
            self.home = own

    def log_in(self, home=None, token=None, code=0):
        return self.at(home or self.elsewhere, self.run_it, "login", self.address(), "--token",
                       token or self.token(), code=code)

    def there(self, *arguments, code=0, server=None):
        """A verb of the other home, against the server."""
        return self.at(self.elsewhere, self.run_it, *arguments, "--server", server or self.address(), code=code)

    def start_there(self, *arguments):
        return self.at(self.elsewhere, self.start, *arguments, "--server", self.address())

    def file(self, name, command, trials, **spec):
        return self.write(name + ".json", experiment(name, shell(command), maxTrialNum=trials,
                                                     trialConcurrency=spec.pop("trialConcurrency", trials), **spec))

    # --- who is let in

    def test_without_a_login_a_home_is_told_how_to_get_one(self):
        self.serve()
        done = self.there("get", "experiments", code=5)
        self.assertIn(f"autotune login {self.address()} --token", done.stderr)
        self.assertFalse(self.elsewhere.exists(), "nothing was left there")

    def test_the_servers_own_home_needs_no_login(self):
        self.serve()
        file = self.file("own", FINAL, 1)
        name = self.run_it("apply", "-f", file, "--server", self.address(), code=0).stdout.strip()
        self.wait_for_phase(name, "DONE")
        self.assertIn(name, self.run_it("get", "experiments", "--server", self.address(), code=0).stdout)

    def test_a_token_works_once(self):
        self.serve()
        token = self.token()
        self.log_in(token=token)
        self.log_in(token=token)  # the same home again: it has what the token brought
        thief = self.log_in(home=self.folder / "a-thief", token=token, code=2)
        self.assertIn("was used already", thief.stderr)
        login = self.elsewhere / "servers" / self.address()
        self.assertEqual(login.stat().st_mode & 0o077, 0)
        self.assertEqual((login / "node.key").stat().st_mode & 0o077, 0)
        self.there("get", "nodes")

    def test_where_no_server_is_that_is_said(self):
        server = self.serve()
        self.log_in()
        self.end(server)
        done = self.there("get", "experiments", code=5)
        self.assertIn(f"no server answers at {self.address()}", done.stderr)
        done = self.there("get", "experiments", code=5, server="127.0.0.1:1")
        self.assertIn("is not logged in at 127.0.0.1:1", done.stderr)
        self.assertIn(f"logged in at: {self.address()}", done.stderr)
        self.there("get", "experiments", code=2, server="nonsense")

    def test_a_login_at_another_cluster_does_not_serve(self):
        self.serve()
        self.log_in()
        other, port = self.folder / "other", self.port
        self.port, self.enroll = free_port(), free_port()
        self.at(other, self.serve)
        # A login of the first, passed off as one of the second.
        os.rename(self.elsewhere / "servers" / f"127.0.0.1:{port}", self.elsewhere / "servers" / self.address())
        done = self.there("get", "experiments", code=5)
        self.assertIn("does not accept us", done.stderr)
        self.assertIn("autotune login", done.stderr)

    def test_a_verb_of_this_machine_alone_refuses_a_server(self):
        file = self.file("here", FINAL, 1)
        done = self.there("run", file, code=2)
        self.assertIn("autotune apply FILE --server HOST:PORT", done.stderr)
        self.there("token", "create", code=2)

    # --- what can be done

    def test_everything_is_seen_from_another_home(self):
        self.serve()
        self.log_in()
        script = """echo "out of $AUTOTUNE_TRIAL_SEQUENCE"; echo "err of $AUTOTUNE_TRIAL_SEQUENCE" >&2
for i in 1 2 3; do echo '{"type":"intermediate","value":'$i'}' >> "$AUTOTUNE_REPORTS"; done
echo '{"type":"final","value":'$AUTOTUNE_TRIAL_SEQUENCE'}' >> "$AUTOTUNE_REPORTS" """
        file = self.file("seen", script, 5, objective={"metric": "default", "goal": "maximize"})
        done = self.there("apply", "-f", file, "--watch")
        name = done.stdout.strip()
        self.assertRegex(name, r"^seen-[a-z0-9]{5}$")
        self.assertIn("DONE", done.stderr)
        self.assertIn(f"in the home of the server at {self.address()}", done.stderr)
        for words in (("get", "experiments"), ("get", "experiments", "-o", "json"), ("get", "trials", "seen", "-o", "json"),
                      ("get", "trials", name, "-o", "wide"), ("describe", "seen", "-o", "json"),
                      ("describe", "trial", "seen/3"), ("best", "seen", "-o", "json"),
                      ("export", "seen", "-o", "csv"), ("export", "seen", "-o", "json"), ("get", "nodes", "-o", "json")):
            with self.subTest(words=words):
                here, there = self.run_it(*words, code=0).stdout, self.there(*words).stdout
                if "nodes" in words:  # what was heard how long ago differs
                    here, there = ([one["name"] for one in json.loads(text)] for text in (here, there))
                self.assertEqual(there, here)
        self.assertEqual(json.loads(self.there("best", "seen", "-o", "json").stdout)["value"], 4)
        rows = list(csv.DictReader(io.StringIO(self.there("export", "seen").stdout)))
        self.assertEqual([row["sequence"] for row in rows], list("01234"))
        logs = self.there("logs", "seen/3")
        self.assertEqual((logs.stdout, logs.stderr), ("out of 3\n", "err of 3\n"))
        self.there("logs", "seen/9", code=4)
        self.there("describe", "unheard-of", code=4)
        folder = self.folder / "tensorboard"
        self.there("export", "seen", "-o", "tensorboard", "--to", folder)
        self.assertTrue(any(folder.rglob("events*")))
        self.assertFalse((self.elsewhere / "autotune.sqlite").exists(), "the other home has no database")

    def test_an_experiment_is_governed_from_another_home(self):
        self.serve()
        self.log_in()
        file = self.file("governed", WAITS, 6, trialConcurrency=1)
        name = self.there("apply", "-f", file).stdout.strip()
        self.wait_for_lines(self.starts, 1)
        self.there("edit", name, "--set", "spec.trialConcurrency=2")
        self.wait_for_lines(self.starts, 2)
        self.there("enqueue", name, "--params", '{"x": 0.25}')
        self.assertIn("trialConcurrency", self.there("edit", name, "--set", "spec.seed=3", code=2).stderr)
        self.there("stop", f"{name}/0")
        wait_until(lambda: self.database.states(name)[0] == "Killed", "the trial is stopped")
        self.wait_for_lines(self.starts, 3)
        self.assertIn(0.25, [trial["parameters"]["x"] for trial in self.database.trials(name)])
        self.there("pause", name)
        self.wait_for_phase(name, "PAUSED")
        self.there("resume", name)
        self.wait_for_phase(name, "RUNNING")
        self.there("stop", name)
        self.wait_for_phase(name, "STOPPED")
        self.assertEqual(self.trial_processes(), [])
        self.gate.touch()
        self.there("resume", name)
        self.wait_for_phase(name, "DONE")
        self.there("delete", name)
        self.assertIsNone(self.database.experiment(name))
        self.assertFalse((self.home / "trials" / name).exists())
        self.there("get", "trials", name, code=4)
        self.assertEqual(self.there("resume", name, code=4).stdout, "")

    def test_a_warm_start_is_taken_from_the_server(self):
        self.serve()
        self.log_in()
        first = self.there("apply", "-f", self.file("first", FINAL, 2), "--watch").stdout.strip()
        second = self.there("apply", "-f", self.file("second", FINAL, 1), "--warm-start", "first", "--watch")
        self.assertIn(f"warm start: 2 trials from {first}",
                      self.there("describe", second.stdout.strip()).stdout)

    def test_logs_are_followed_to_the_end(self):
        self.serve()
        self.log_in()
        script = """echo first; while [ ! -e "$GATE" ]; do sleep 0.05; done; echo last; """ + FINAL
        name = self.there("apply", "-f", self.file("told", script, 1)).stdout.strip()
        wait_until(lambda: self.database.states(name) == ["Running"], "it runs")
        follower = self.start_there("logs", f"{name}/0", "-f")
        wait_until(lambda: "first" in self.output(follower), "what there is, is shown")
        self.assertNotIn("last", self.output(follower))
        self.gate.touch()
        self.finish(follower, 0)
        self.assertEqual(self.output(follower), "first\nlast\n")

    def test_another_node_is_drained_and_its_logs_are_told_to_be_there(self):
        super().serve("--enroll", f"127.0.0.1:{self.enroll}")
        self.log_in()
        token = self.token()
        self.at(self.folder / "far-away", self.join, "far", "--token", token)
        self.wait_for_node("far", "Ready")
        self.there("drain", "nowhere", code=4)
        self.there("drain", "far")
        self.wait_for_node("far", "Draining")
        self.there("drain", "far", "--undo")
        self.wait_for_node("far", "Ready")
        name = self.there("apply", "-f", self.file("far", FINAL, 1), "--watch").stdout.strip()
        for follow in ((), ("-f",)):
            self.assertIn("ran on node far", self.there("logs", f"{name}/0", *follow, code=4).stderr)
        self.end(self.agents.pop("far"))
        self.at(self.folder / "far-away" / "nodes" / "far", self.end_keeper)

    # --- watching

    def test_a_watch_goes_on_after_the_head_was_killed_and_misses_nothing(self):
        server = self.serve()
        self.log_in()
        # Each trial waits for a gate of its own, so that the test decides what is before and what after.
        script = """while [ ! -e "$GATE-$AUTOTUNE_TRIAL_SEQUENCE" ]; do sleep 0.05; done; """ + FINAL
        follower = self.start_there("apply", "-f", self.file("watched", script, 6, trialConcurrency=2), "--watch")
        name = wait_until(lambda: self.output(follower).split("\n")[0].strip(), "it is submitted")

        def open_gate(sequence):
            pathlib.Path(f"{self.gate}-{sequence}").touch()
            wait_until(lambda: self.database.states(name)[sequence:sequence + 1] == ["Succeeded"],
                       f"trial {sequence} has ended")

        open_gate(0)
        wait_until(lambda: "trial 0" in self.output(follower), "the watcher hears of it")
        server.send_signal(signal.SIGKILL)
        server.wait()
        wait_until(lambda: "looking for it" in self.output(follower), "the watcher sees it")
        self.assertIsNone(follower.poll())
        self.serve()
        for sequence in range(1, 6):
            open_gate(sequence)
        self.finish(follower, 0)
        text = self.output(follower)
        self.assertIn("connected again", text)
        for sequence in range(6):
            for what in ("started", "Succeeded"):
                told = [line for line in text.splitlines()
                        if line.startswith(f"trial {sequence} ") and what in line]
                self.assertEqual(len(told), 1, f"trial {sequence} {what} in:\n{text}")
        self.assertIn("6 succeeded, 0 failed", text)

    def test_a_watch_of_what_is_deleted_ends(self):
        self.serve()
        self.log_in()
        follower = self.start_there("apply", "-f", self.file("gone", WAITS, 1), "--watch")
        name = wait_until(lambda: self.output(follower).split("\n")[0].strip(), "it is submitted")
        self.wait_for_lines(self.starts, 1)
        self.run_it("delete", name, code=0)
        self.finish(follower, 6)

    def test_ctrl_c_ends_the_watching_and_nothing_else(self):
        self.serve()
        self.log_in()
        follower = self.start_there("apply", "-f", self.file("goes-on", WAITS, 1), "--watch")
        self.wait_for_lines(self.starts, 1)
        wait_until(lambda: "trial 0" in self.output(follower), "it is watched")
        follower.send_signal(signal.SIGINT)
        self.finish(follower, 130)
        self.gate.touch()
        self.wait_for_phase("goes-on", "DONE")


if __name__ == "__main__":
    unittest.main()
