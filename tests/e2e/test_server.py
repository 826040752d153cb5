"""autotune server: it stays, runs what is submitted, and the next one goes on where one ended or was killed."""

import signal
import unittest

from harness import EndToEnd, experiment, shell, wait_until

# A trial that lasts until the test says so.
WAITS = """echo "$AUTOTUNE_EXPERIMENT_NAME $AUTOTUNE_TRIAL_SEQUENCE" >> "$LOG"
while [ ! -e "$GATE" ]; do sleep 0.02; done
echo '{"type":"final","value":'$AUTOTUNE_TRIAL_SEQUENCE'}' >> "$AUTOTUNE_REPORTS" """


class Server(EndToEnd):
    def setUp(self):
        super().setUp()
        self.starts = self.folder / "starts"
        self.gate = self.folder / "gate"
        self.environment.update(LOG=str(self.starts), GATE=str(self.gate))

    def submit(self, name, trials=4, **spec):
        file = self.write(name + ".json", experiment(name, shell(WAITS), maxTrialNum=trials, trialConcurrency=2, **spec))
        return self.run_it("apply", "-f", file, code=0).stdout.strip()

    def serve(self):
        server = self.start("server", "--with-agent")
        wait_until(lambda: "serving " in self.output(server), "the server is there")
        return server

    def check_done(self, name, trials=4):
        self.wait_for_phase(name, "DONE")
        found = self.database.trials(name)
        self.assertEqual([trial["state"] for trial in found], ["Succeeded"] * trials)
        self.assertEqual({trial["attempt"] for trial in found}, {1})

    def test_runs_several_experiments_at_a_time(self):
        server = self.serve()
        self.submit("one")
        self.submit("two")
        started = self.wait_for_lines(self.starts, 4)
        self.assertEqual(sorted(started), ["one 0", "one 1", "two 0", "two 1"])
        self.gate.touch()
        self.check_done("one")
        self.check_done("two")
        self.assertIsNone(server.poll())
        self.assertEqual(self.run_it("get", "experiments", "-o", "csv", code=0).stdout.count("DONE"), 2)
        server.send_signal(signal.SIGTERM)
        self.finish(server, 0)
        self.assertEqual(self.output(server).splitlines()[-1], "ended")

    def test_the_next_one_goes_on(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number.name):
                name = "after-" + number.name.lower()
                self.gate.unlink(missing_ok=True)
                self.starts.unlink(missing_ok=True)
                server = self.serve()
                self.submit(name)
                self.wait_for_lines(self.starts, 2)
                before = self.trial_processes()
                server.send_signal(number)
                self.finish(server)
                if number == signal.SIGTERM:
                    self.assertRegex(self.output(server), f"ended; the next .* goes on with {name}-")
                self.assertTrue(set(before) & set(self.trial_processes()), "trials outlive their server")
                server = self.serve()
                self.assertIn(name, self.output(server))
                self.gate.touch()
                self.check_done(name)
                self.assertEqual(sorted(self.lines(self.starts)), [f"{name} {i}" for i in range(4)])
                server.terminate()
                self.finish(server, 0)

    def test_a_paused_experiment_stays_paused_and_its_trials_end(self):
        server = self.serve()
        self.submit("rests")
        self.wait_for_lines(self.starts, 2)
        self.run_it("pause", "rests", code=0)
        server.kill()
        self.finish(server)
        server = self.serve()
        self.gate.touch()
        wait_until(lambda: self.database.states("rests") == ["Succeeded"] * 2, "both trials have ended")
        self.assertEqual(self.database.phase("rests"), "PAUSED")
        self.run_it("resume", "rests", code=0)
        self.check_done("rests")

    def test_what_it_refuses(self):
        self.assertIn("--with-agent", self.run_it("server", code=2).stderr)
        self.serve()
        refused = self.run_it("server", "--with-agent", code=2).stderr
        self.assertIn("is held by", refused)
        file = self.write("again.json", experiment("again", shell(WAITS), maxTrialNum=1))
        self.assertIn("autotune apply", self.run_it("run", file, code=2).stderr)


if __name__ == "__main__":
    unittest.main()
