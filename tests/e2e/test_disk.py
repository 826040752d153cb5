"""A full disk pauses an experiment and harms nothing; a storage quota truncates logs and nothing else."""

import os
import subprocess
import unittest

from harness import FINAL, EndToEnd, experiment, shell, wait_until

DISK_MIB = 48


class FullDisk(EndToEnd):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        self.home.mkdir(mode=0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "autotune-e2e",
                                  str(self.home)], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
        self.filler = self.home / "filler"

    def tearDown(self):
        self.end_keeper()
        for pid in self.trial_processes():
            self.kill(pid)
        wait_until(lambda: not self.trial_processes(), "the trials are gone", 30)
        subprocess.run(["umount", "--lazy", str(self.home)], check=False, capture_output=True)
        super().tearDown()

    def fill(self):
        """Takes all that is left, down to the last page."""
        with open(self.filler, "ab", buffering=0) as out:
            for size in (1 << 20, 1 << 16, 1 << 12, 1):
                try:
                    while True:
                        out.write(b"\0" * size)
                except OSError:
                    pass

    def make_room(self):
        self.filler.unlink()

    def test_paused_with_the_reason_and_goes_on_by_itself(self):
        script = f"""
            echo "$AUTOTUNE_TRIAL_SEQUENCE" >> {self.folder}/started
            {FINAL} && exit 0
            echo "$AUTOTUNE_TRIAL_SEQUENCE" >> {self.folder}/found-it-full
            until test -e {self.folder}/room; do sleep 0.05; done
            {FINAL}"""
        file = self.write("disk.json", experiment("disk", shell(script), maxTrialNum=200, trialConcurrency=2))
        child = self.start("run", file)
        self.wait_for_lines(self.folder / "started", 6)
        self.fill()
        self.wait_for_phase("disk", "PAUSED")
        self.assertIn("no space left", self.database.experiment("disk")["reason"])
        wait_until(lambda: "PAUSED: no space left" in self.output(child), "the run says so")
        self.assertTrue(self.database.whole())
        self.assertIsNone(child.poll())
        before = {trial["sequence"]: (trial["state"], trial["final_metrics"]) for trial in self.database.trials("disk")
                  if trial["state"] not in ("Pending", "Running")}
        self.make_room()
        (self.folder / "room").touch()
        self.wait_for_phase("disk", "RUNNING", "DONE")
        self.finish(child, code=0)
        trials = self.database.trials("disk")
        self.assertEqual([trial["sequence"] for trial in trials], list(range(200)))
        self.assertEqual([(trial["sequence"], trial["reason"]) for trial in trials if trial["state"] != "Succeeded"], [])
        after = {trial["sequence"]: (trial["state"], trial["final_metrics"]) for trial in trials}
        self.assertEqual({sequence: after[sequence] for sequence in before}, before)
        self.assertTrue(self.database.whole())

    def test_killed_while_the_disk_is_full(self):
        script = f"echo up >> {self.folder}/started; until test -e {self.folder}/go; do sleep 0.05; done; {FINAL}"
        file = self.write("disk.json", experiment("disk", shell(script), maxTrialNum=4, trialConcurrency=2))
        child = self.start("run", file)
        self.wait_for_lines(self.folder / "started", 2)
        wait_until(lambda: self.database.states("disk") == ["Running", "Running"], "both are known to run")
        self.fill()
        child.kill()
        child.wait()
        (self.folder / "go").touch()
        wait_until(lambda: not self.trial_processes(), "the trials have ended, and could not write their results")
        self.make_room()
        self.run_it("resume", "disk", code=0)
        self.assertEqual(self.database.phase("disk"), "DONE")
        self.assertTrue(self.database.whole())

    def test_ctrl_c_on_a_full_disk(self):
        script = f"echo up >> {self.folder}/started; sleep 1000"
        file = self.write("disk.json", experiment("disk", shell(script), maxTrialNum=4, trialConcurrency=2))
        child = self.start("run", file)
        self.wait_for_lines(self.folder / "started", 2)
        self.fill()
        child.terminate()
        wait_until(lambda: not self.trial_processes(), "the trials are ended all the same")
        self.make_room()
        self.finish(child, code=130)
        self.assertEqual(self.database.phase("disk"), "STOPPED")


class Quota(EndToEnd):
    """spec.storage: 200 KiB. Trials write much to stdout and report what they should."""

    REPORTS_EACH = 300

    def run_noisy(self, trials):
        script = f"""
            awk 'BEGIN {{ for (i = 0; i < {self.REPORTS_EACH}; ++i)
                printf("{{\\"type\\":\\"intermediate\\",\\"value\\":%d}}\\n", i) }}' >> "$AUTOTUNE_REPORTS"
            echo first words
            yes 0123456789 | head -c 3000000
            echo last words
            sleep 0.5
            {FINAL}"""
        file = self.write("quota.json", experiment("quota", shell(script), maxTrialNum=trials, trialConcurrency=2,
                                                   storage="200Ki"))
        return self.run_it("run", file, code=0)

    def logs(self):
        found = self.database.experiment("quota")
        paths = (self.home / "trials" / found["id"]).glob("*/1/worker-0/stdout")
        return sorted(paths, key=lambda path: int(path.parts[-4].split("-")[0]))

    def test_a_quota_cuts_logs_and_never_a_result(self):
        done = self.run_noisy(trials=16)
        notices = [text for text in self.database.notices("quota") if text.startswith("storage quota reached")]
        self.assertEqual(len(notices), 1)
        self.assertIn("results are kept", notices[0])
        self.assertIn("storage quota reached", done.stdout)
        self.assertEqual(self.database.states("quota"), ["Succeeded"] * 16)
        for sequence in range(16):
            values = [row["value"] for row in self.database.reports("quota", sequence)]
            self.assertEqual(values, [*range(self.REPORTS_EACH), 1])
        sizes = [path.stat().st_size for path in self.logs()]
        self.assertLess(sizes[-1], 20000, "past the quota a log keeps its first and last words")
        for path in self.logs():
            text = path.read_bytes()
            self.assertTrue(text.startswith(b"first words\n"), path)
            self.assertTrue(text.endswith(b"last words\n"), path)
            self.assertIn(b"bytes are left out here", text)


if __name__ == "__main__":
    unittest.main()
