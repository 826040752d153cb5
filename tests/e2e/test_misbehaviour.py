"""What a trial can do wrong: each has a defined outcome, and the experiment goes on to its end."""

import json
import unittest

from harness import FINAL, EndToEnd, experiment, shell, task, wait_until

MIB = 1 << 20


class Misbehaviour(EndToEnd):
    """Trial 1 of 3 misbehaves; the others do what they should."""

    def run_with(self, script, code=0, trials=3, command=None, **spec):
        odd = f"if test $AUTOTUNE_TRIAL_SEQUENCE = 1; then\n{script}\nexit $?\nfi\n{FINAL}"
        file = self.write("odd.json", experiment("odd", command or shell(odd), maxTrialNum=trials, **spec))
        done = self.run_it("run", file, code=code)
        found = self.database.experiment("odd")
        self.assertEqual(found["phase"], "DONE", done.stdout)
        rows = self.database.trials("odd")
        self.assertEqual(len(rows), trials)
        for row in rows:
            if row["sequence"] != 1 and command is None:
                self.assertEqual(row["state"], "Succeeded")
        self.assertEqual(self.trial_processes(), [])
        self.assertTrue(self.database.whole())
        return rows[1] if trials > 1 else rows[0]

    def attempt_folder(self):
        found = self.database.experiment("odd")
        return next((self.home / "trials" / found["id"]).glob("1-*/1/worker-0"))

    def rejected(self):
        return [event for event in self.database.events("odd") if event.kind == "lines-rejected"]

    def test_exit_0_without_a_final_result(self):
        trial = self.run_with("true")
        self.assertEqual((trial["state"], trial["reason"]), ("Succeeded", "no final result reported"))
        self.assertIsNone(trial["final_metrics"])
        self.assertNotEqual(self.database.experiment("odd")["best_sequence"], 1)

    def test_half_a_line_that_is_a_report_counts(self):
        trial = self.run_with("""printf '{"type":"final","value":2}' >> "$AUTOTUNE_REPORTS" """)
        self.assertEqual((trial["state"], trial["reason"]), ("Succeeded", ""))
        self.assertEqual([row["value"] for row in self.database.reports("odd", 1)], [2])

    def test_half_a_line_that_is_no_report_is_named_and_kept(self):
        trial = self.run_with("""printf '{"type":"final","val' >> "$AUTOTUNE_REPORTS" """)
        self.assertEqual((trial["state"], trial["reason"]), ("Succeeded", "no final result reported"))
        lines = self.rejected()
        self.assertEqual([(event.number(1), event.number(6)) for event in lines], [(1, 1)])
        self.assertIn('{"type":"final","val', lines[0].text(5))
        self.assertEqual((self.attempt_folder() / "reports.jsonl").read_text(), '{"type":"final","val')

    def test_rubbish_between_reports_harms_nothing(self):
        trial = self.run_with("""
            echo 'hello' >> "$AUTOTUNE_REPORTS"
            echo '{"type":"intermediate","value":1}' >> "$AUTOTUNE_REPORTS"
            head -c 3000 /dev/urandom >> "$AUTOTUNE_REPORTS"
            echo >> "$AUTOTUNE_REPORTS"
            echo '{"type":"intermediate","value":' >> "$AUTOTUNE_REPORTS"
            echo '{"type":"final","value":3}' >> "$AUTOTUNE_REPORTS" """)
        self.assertEqual((trial["state"], trial["reason"]), ("Succeeded", ""))
        self.assertEqual([row["value"] for row in self.database.reports("odd", 1)], [1, 3])
        self.assertTrue(self.rejected())

    def test_nan_is_kept_and_never_told_as_a_number(self):
        trial = self.run_with("""
            echo '{"type":"intermediate","value":"-Infinity"}' >> "$AUTOTUNE_REPORTS"
            echo '{"type":"final","value":"NaN"}' >> "$AUTOTUNE_REPORTS" """, tuner={"builtinTunerName": "TPE"})
        self.assertEqual(trial["state"], "Succeeded")
        kept = self.database.reports("odd", 1)
        self.assertEqual(kept[0]["value"], float("-inf"))
        self.assertIsNone(kept[1]["value"])  # how a row holds NaN
        self.assertNotEqual(self.database.experiment("odd")["best_sequence"], 1)

    def test_100_mb_of_stdout_are_cut_in_their_middle(self):
        trial = self.run_with(f"""
            echo first words
            yes 0123456789012345678901234567890 | head -c {100 * 1000 * 1000}
            echo last words
            {FINAL}""")
        self.assertEqual(trial["state"], "Succeeded")
        log = (self.attempt_folder() / "stdout").read_bytes()
        self.assertTrue(log.startswith(b"first words\n"))
        self.assertTrue(log.endswith(b"last words\n"))
        if len(log) < 100 * 1000 * 1000:
            self.assertIn(b"bytes are left out here", log)

    def test_100_000_reports_are_all_there(self):
        trial = self.run_with("""
            awk 'BEGIN { for (i = 0; i < 100000; ++i) printf("{\\"type\\":\\"intermediate\\",\\"value\\":%d}\\n", i) }' \
              >> "$AUTOTUNE_REPORTS"
            echo '{"type":"final","value":100000}' >> "$AUTOTUNE_REPORTS" """, trials=2)
        self.assertEqual(trial["state"], "Succeeded")
        reports = self.database.reports("odd", 1)
        self.assertEqual([row["value"] for row in reports], list(range(100001)))
        self.assertEqual([row["line"] for row in reports], list(range(1, 100002)))
        self.assertEqual([row["step"] for row in reports][:100000], list(range(100000)))

    def test_forks_and_exits(self):
        """What a trial leaves behind is ended with it."""
        trial = self.run_with(f"(setsid sleep 1000 &) ; sleep 1001 & {FINAL}")
        self.assertEqual(trial["state"], "Succeeded")

    def test_removes_its_folder(self):
        trial = self.run_with('rm -rf "$AUTOTUNE_TRIAL_DIR"; exit 0')
        self.assertEqual(trial["state"], "Succeeded")
        self.assertEqual(trial["reason"], "no final result reported")

    def test_reports_and_removes_its_folder(self):
        """What was read before is durable; a final result that nobody could read was not reported."""
        seen = self.folder / "seen"
        file = self.write("odd.json", experiment("odd", shell(f"""
            echo '{{"type":"intermediate","value":5}}' >> "$AUTOTUNE_REPORTS"
            until test -e {seen}; do sleep 0.05; done
            rm -rf "$AUTOTUNE_TRIAL_DIR" """), maxTrialNum=1))
        child = self.start("run", file)
        wait_until(lambda: self.database.reports("odd"), "the report is durable")
        seen.touch()
        self.finish(child)
        trial, = self.database.trials("odd")
        self.assertEqual((trial["state"], trial["reason"]), ("Succeeded", "no final result reported"))
        self.assertEqual([row["value"] for row in self.database.reports("odd")], [5])

    def test_killed_by_a_signal(self):
        trial = self.run_with("sh -c 'kill -11 $PPID'")
        self.assertEqual(trial["state"], "Failed")
        self.assertIn("signal 11 (Segmentation fault)", trial["reason"])

    def test_exit_code(self):
        trial = self.run_with("exit 3")
        self.assertEqual(trial["state"], "Failed")
        self.assertIn("exit code 3", trial["reason"])

    def test_a_final_result_of_a_failed_trial_does_not_make_it_the_best(self):
        trial = self.run_with("""echo '{"type":"final","value":99}' >> "$AUTOTUNE_REPORTS"; exit 1""")
        self.assertEqual(trial["state"], "Failed")
        self.assertNotEqual(self.database.experiment("odd")["best_sequence"], 1)

    def test_command_not_found(self):
        """All trials fail, each says why, and the exit code tells that none succeeded."""
        trial = self.run_with("", command=["no-such-program-here"], code=1)
        self.assertEqual(trial["state"], "Failed")
        self.assertIn("no-such-program-here", trial["reason"])

    def test_not_executable(self):
        path = self.folder / "program"
        path.write_text("#!/bin/sh\n")
        trial = self.run_with("", command=[str(path)], code=1)
        self.assertEqual(trial["state"], "Failed")
        self.assertIn("Permission denied", trial["reason"])

    def test_working_folder_that_is_not_there(self):
        file = self.write("odd.json", experiment(
            "odd", [task(shell(FINAL), workingDir=str(self.folder / "nowhere"))], maxTrialNum=1))
        self.run_it("run", file, code=1)
        trial, = self.database.trials("odd")
        self.assertEqual(trial["state"], "Failed")
        self.assertIn("nowhere", trial["reason"])

    def test_writes_bytes_that_are_no_text(self):
        trial = self.run_with(f"head -c 100000 /dev/urandom; head -c 100000 /dev/urandom >&2; {FINAL}")
        self.assertEqual(trial["state"], "Succeeded")
        self.run_it("logs", "odd/1", code=0)

    def test_a_final_result_of_many_numbers(self):
        value = json.dumps({"default": 0.5, "loss": 0.25, "worst": "NaN"})
        trial = self.run_with(f"""echo '{{"type":"final","value":{value}}}' >> "$AUTOTUNE_REPORTS" """)
        self.assertEqual(trial["state"], "Succeeded")
        self.assertIsNotNone(trial["final_metrics"])


if __name__ == "__main__":
    unittest.main()
