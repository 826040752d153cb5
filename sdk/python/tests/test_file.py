"""The file of reports: whole lines from threads and forks, a full disk, a lost folder."""

import json
import os
import subprocess
import sys
import threading
import unittest
from unittest import mock

from support import TrialCase, output, script_environment

from t9k import tuner
from t9k.tuner import _transport

PROCESSES = 4
THREADS = 4
REPORTS = 200


def report_from_threads(writer):
    """REPORTS final results from each of THREADS threads, long enough to be torn if they could."""

    def run(thread):
        for count in range(REPORTS):
            key = f"p{writer}t{thread}n{count}" + "x" * 500
            tuner.report_final_result({"default": count, key: 1})

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


class Concurrency(TrialCase):
    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_lines_of_threads_and_forks_stay_whole_and_none_is_lost(self):
        children = []
        for writer in range(PROCESSES):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    report_from_threads(writer)
                    status = 0
                finally:
                    os._exit(status)
            children.append(child)
        for child in children:
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        keys = {next(k for k in r["value"] if k != "default") for r in self.reports()}
        self.assertEqual(len(self.lines()), PROCESSES * THREADS * REPORTS)
        self.assertEqual(len(keys), PROCESSES * THREADS * REPORTS)

    def test_steps_of_threads_are_each_given_once_and_in_order(self):
        def run():
            for _ in range(REPORTS):
                tuner.report_intermediate_result(1)

        threads = [threading.Thread(target=run) for _ in range(THREADS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual([r["step"] for r in self.reports()], list(range(THREADS * REPORTS)))

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_fork_while_another_thread_reports_does_not_block_the_child(self):
        inside, go_on = threading.Event(), threading.Event()

        def slow_send(report):
            inside.set()
            go_on.wait(30)

        with mock.patch.object(_transport, "send", slow_send):
            holder = threading.Thread(target=tuner.report_final_result, args=(1,))
            holder.start()
            self.assertTrue(inside.wait(30))
            child = os.fork()
            if child == 0:
                import signal

                signal.alarm(20)  # A blocked child dies of it, and the test fails.
                _transport.send = lambda report: None
                tuner.report_final_result(2)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            go_on.set()
            holder.join()
        self.assertEqual(status, 0)

    def test_a_report_is_in_the_file_when_the_call_returns_even_if_the_process_is_killed(self):
        script = (
            "import os, signal\n"
            "from t9k import tuner\n"
            "tuner.report_final_result(0.5)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run(
            [sys.executable, "-c", script], env=script_environment(self.environment), check=False
        )
        self.assertEqual(self.reports(), [{"type": "final", "value": 0.5}])

    def test_reports_of_shell_and_python_share_the_file(self):
        with open(self.reports_path, "a", encoding="utf-8") as file:
            file.write('{"type":"intermediate","step":0,"value":1}\n')
        tuner.report_final_result(2)
        self.assertEqual([r["value"] for r in self.reports()], [1, 2])


class FullDisk(TrialCase):
    def setUp(self):
        super().setUp()
        self.now = 0.0
        for target, replacement in (
            ("monotonic", lambda: self.now),
            ("sleep", self.pass_time),
        ):
            patch = mock.patch.object(_transport.time, target, replacement)
            patch.start()
            self.addCleanup(patch.stop)

    def pass_time(self, seconds):
        self.now += seconds

    def disk(self, room_at, torn=b""):
        """os.write of a disk that takes only the bytes `torn` of a line until `room_at`."""
        write = os.write

        def limited(file, data):
            if self.now >= room_at or data == b"\n":
                return write(file, data)
            if torn:
                return write(file, data[: len(torn)])
            raise OSError(28, "No space left on device")

        return mock.patch.object(_transport.os, "write", limited)

    def test_a_report_waits_for_room_and_says_so_once(self):
        with self.disk(room_at=10), output("stderr") as stderr:
            tuner.report_final_result(0.5)
        self.assertEqual(self.reports(), [{"type": "final", "value": 0.5}])
        self.assertEqual(stderr.getvalue().count("no room"), 1)

    def test_half_a_line_does_not_spoil_the_next_one(self):
        with self.disk(room_at=0.5, torn=b'{"ty'), output("stderr"):
            tuner.report_final_result(0.5)
        self.assertEqual(self.lines(), ['{"ty', '{"type":"final","value":0.5}'])

    def test_waiting_ends_in_an_error_that_names_the_file(self):
        with self.disk(room_at=1e9), output("stderr"):
            with self.assertRaisesRegex(OSError, "no room for a report .*reports.jsonl"):
                tuner.report_final_result(0.5)
        self.assertLess(self.now, 2 * _transport.FULL_DISK_WAIT_SECONDS)


class LostFolder(TrialCase):
    def test_a_lost_folder_is_an_error_that_names_the_path(self):
        self.reports_path = os.path.join(self.folder, "gone", "reports.jsonl")
        self.use({**self.environment, "AUTOTUNE_REPORTS": self.reports_path})
        with self.assertRaisesRegex(OSError, "gone"):
            tuner.report_final_result(1)

    def test_the_file_wins_over_the_server(self):
        self.use(
            {
                **self.environment,
                "AUTOTUNE_REPORT_URL": "http://127.0.0.1:1/",
                "AUTOTUNE_REPORT_TOKEN": "t",
            }
        )
        tuner.report_final_result(1)
        self.assertEqual(json.loads(self.lines()[0])["value"], 1)


if __name__ == "__main__":
    unittest.main()
