"""One process writes a home; anyone may read it meanwhile. Older schemas are migrated, newer ones refused."""

import json
import os
import sqlite3
import stat
import unittest

from harness import FINAL, EndToEnd, experiment, shell, wait_until

APPLICATION_ID = 0x4154554E  # store/schema.hpp


class Home(EndToEnd):
    def setUp(self):
        super().setUp()
        self.go = self.folder / "go"
        self.slow = self.write("slow.json", experiment(
            "slow", shell(f"echo hello; echo up >> {self.folder}/up; until test -e {self.go}; do sleep 0.05; done; {FINAL}"),
            maxTrialNum=1))

    def start_slow(self):
        child = self.start("run", self.slow)
        self.wait_for_lines(self.folder / "up", 1)
        return child

    def test_a_second_writer_is_refused_and_told_who_holds_the_home(self):
        child = self.start_slow()
        done = self.run_it("run", self.slow, code=2)
        self.assertIn(f"pid {child.pid}", done.stderr)
        self.assertIn("run", done.stderr)
        self.assertIn("--home", done.stderr)
        self.go.touch()
        self.finish(child, code=0)
        self.assertEqual([one["phase"] for one in self.database.experiments()], ["DONE"])

    def test_readers_work_while_it_is_written(self):
        child = self.start_slow()
        wait_until(lambda: self.database.states("slow") == ["Running"], "the trial runs")
        self.assertEqual(self.run_it("logs", "slow/0", code=0).stdout, "hello\n")
        found, = json.loads(self.run_it("get", "experiments", "-o", "json", code=0).stdout)
        self.assertEqual((found["name"], found["phase"], found["counts"]["running"]), ("slow", "RUNNING", 1))
        trial, = json.loads(self.run_it("get", "trials", "slow", "-o", "json", code=0).stdout)
        self.assertEqual((trial["sequence"], trial["state"]), (0, "Running"))
        self.run_it("describe", "slow", code=0)
        self.go.touch()
        self.finish(child, code=0)

    def test_logs_follow_until_the_trial_has_ended(self):
        child = self.start_slow()
        follower = self.start("logs", "slow/0", "-f")
        wait_until(lambda: "hello" in self.output(follower), "the follower has read")
        self.assertIsNone(follower.poll())
        self.go.touch()
        self.finish(follower, code=0)
        self.finish(child, code=0)

    def test_the_lock_of_a_dead_process_holds_nobody_up(self):
        child = self.start_slow()
        child.kill()
        child.wait()
        self.go.touch()
        self.run_it("resume", "slow", code=0)

    def test_a_home_is_private(self):
        self.go.touch()
        os.umask(0o022)
        self.run_it("run", self.slow, code=0)
        self.assertEqual(stat.S_IMODE(self.home.stat().st_mode), 0o700)

    def mode(self, *path):
        return stat.S_IMODE(self.home.joinpath(*path).stat().st_mode)

    def test_logs_are_private(self):
        """In a home that others may enter too, and those that were written for all before."""
        self.go.touch()
        os.umask(0o022)
        (self.home / "logs").mkdir(parents=True)
        (self.home / "logs/autotune.1.log").write_text("old\n")
        self.assertEqual((self.mode("logs"), self.mode("logs/autotune.1.log")), (0o755, 0o644))
        self.run_it("run", self.slow, "--log-level", "debug", code=0)
        self.assertEqual(self.mode("logs"), 0o700)
        for path in (self.home / "logs").iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertIn("chmod 700", self.run_it("doctor").stdout)

    def old_database(self, version):
        self.home.mkdir(mode=0o700)
        path = self.home / "autotune.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE of_an_older_version (x)")
        connection.execute("INSERT INTO of_an_older_version VALUES (42)")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()
        connection.close()
        return path

    def test_an_older_schema_is_migrated_after_a_backup(self):
        self.old_database(0)
        self.go.touch()
        self.run_it("run", self.slow, code=0)
        self.assertEqual(self.database.phase("slow"), "DONE")
        backup = sqlite3.connect(self.home / "autotune.sqlite.backup-v0")
        self.assertEqual(backup.execute("SELECT x FROM of_an_older_version").fetchall(), [(42,)])
        backup.close()

    def test_a_newer_schema_is_refused(self):
        path = self.old_database(99)
        before = path.read_bytes()
        done = self.run_it("run", self.slow, code=2)
        self.assertIn("schema version 99", done.stderr)
        self.run_it("get", "experiments", code=2)
        self.assertTrue(path.read_bytes() == before, "it is left as it was")

    def test_a_foreign_database_is_refused(self):
        path = self.old_database(0)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA application_id = 1234")
        connection.commit()
        connection.close()
        done = self.run_it("run", self.slow)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("none of AutoTune's", done.stderr)

    def test_a_home_with_a_very_long_path(self):
        """Longer than what fits into the address of a Unix socket."""
        self.home = self.folder / ("deep" * 40) / "home"
        self.database.__init__(self.home)
        child = self.start_slow()
        self.assertIn("paused", self.run_it("pause", "slow", code=0).stdout)
        self.run_it("resume", "slow", code=0)
        self.go.touch()
        self.finish(child, code=0)


if __name__ == "__main__":
    unittest.main()
