"""Reports over HTTP, against a server in this process that behaves as a head may."""

import http.server
import json
import os
import subprocess
import sys
import threading
import unittest
from unittest import mock

from support import TrialCase, fresh_process, output, script_environment

from t9k import tuner
from t9k.tuner import _http

TOKEN = "right-token"


class Head(http.server.ThreadingHTTPServer):
    """Stores lines by their number, once each, and does first what `faults` say."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stored = {}  # line -> report
        self.posts = []
        self.faults = []  # Each ends one POST that has reports: a status, "drop" or "half".
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/api/reports"

    def reports(self):
        with self.lock:
            return [self.stored[line] for line in sorted(self.stored)]


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        head = self.server
        with head.lock:
            head.posts.append(body)
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self.answer(401, {"error": "token unknown"})
            reports = body["reports"]
            fault = head.faults.pop(0) if reports and head.faults else None
            if isinstance(fault, int):
                return self.answer(fault, {"error": "on purpose"})
            if fault == "half":
                reports = reports[: len(reports) // 2]
            for line, report in enumerate(reports, body["firstLine"]):
                head.stored.setdefault(line, report)
            if fault == "drop":  # Stored, and the answer is lost.
                self.close_connection = True
                return None
            return self.answer(200, {"lastLine": max(head.stored, default=0)})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class HttpCase(TrialCase):
    def setUp(self):
        super().setUp()
        self.head = Head()
        thread = threading.Thread(target=self.head.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.head.server_close)
        self.addCleanup(self.head.shutdown)
        self.environment.pop("AUTOTUNE_REPORTS")
        self.environment.update(AUTOTUNE_REPORT_URL=self.head.url, AUTOTUNE_REPORT_TOKEN=TOKEN)
        self.use(self.environment)
        self.new_process()
        self.set_limit("FIRST_BACKOFF_SECONDS", 0.001)

    def new_process(self):
        fresh_process()
        _http._clients.clear()

    def set_limit(self, name, value):
        patch = mock.patch.object(_http, name, value)
        patch.start()
        self.addCleanup(patch.stop)

    def steps(self):
        return [r.get("step", "final") for r in self.head.reports()]


class Sending(HttpCase):
    def test_reports_arrive_in_order_and_numbered(self):
        tuner.report_intermediate_result(0.5)
        tuner.report_intermediate_result(float("nan"))
        tuner.report_final_result({"default": 0.75})
        self.assertEqual(
            self.head.stored,
            {
                1: {"type": "intermediate", "step": 0, "value": 0.5},
                2: {"type": "intermediate", "step": 1, "value": "NaN"},
                3: {"type": "final", "value": {"default": 0.75}},
            },
        )
        self.assertEqual({post["replica"] for post in self.head.posts}, {"worker-0"})

    def test_a_busy_server_is_asked_again(self):
        self.head.faults = [503, 429]
        tuner.report_final_result(1)
        self.assertEqual(self.steps(), ["final"])

    def test_a_lost_answer_doubles_nothing(self):
        self.head.faults = ["drop"]
        tuner.report_intermediate_result(1)
        tuner.report_final_result(1)
        self.assertEqual(self.steps(), [0, "final"])

    def test_a_restarted_replica_goes_on_behind_what_is_durable(self):
        tuner.report_intermediate_result(1)
        self.new_process()
        tuner.report_intermediate_result(1)
        self.assertEqual(self.steps(), [0, 0])
        self.assertEqual(sorted(self.head.stored), [1, 2])

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_child_goes_on_behind_its_parent(self):
        tuner.report_intermediate_result(1)
        child = os.fork()
        if child == 0:
            tuner.report_final_result(1)
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(self.steps(), [0, "final"])

    def test_what_the_server_took_in_part_is_sent_on(self):
        self.set_limit("INTERMEDIATE_WAIT_SECONDS", 0)
        self.set_limit("AWAY_SECONDS", 0)
        self.head.faults = [503, 503, "half"]
        with output("stderr"):
            for _ in range(4):
                tuner.report_intermediate_result(1)
        tuner.report_final_result(1)
        self.assertEqual(self.steps(), [0, 1, 2, 3, "final"])


class Away(HttpCase):
    def test_while_the_server_is_away_reports_wait_for_the_next_one_that_gets_through(self):
        self.set_limit("INTERMEDIATE_WAIT_SECONDS", 0)
        self.set_limit("AWAY_SECONDS", 0)
        self.head.faults = [503, 503]
        with output("stderr") as stderr:
            for _ in range(3):
                tuner.report_intermediate_result(1)
        self.assertEqual(self.steps(), [0, 1, 2])
        self.assertEqual(stderr.getvalue().count("for now"), 1)

    def test_after_a_failure_intermediate_results_do_not_try_for_a_while(self):
        self.set_limit("INTERMEDIATE_WAIT_SECONDS", 0)
        self.set_limit("AWAY_SECONDS", 1000)
        self.head.faults = [503]
        with output("stderr"):
            for _ in range(50):
                tuner.report_intermediate_result(1)
        self.assertEqual(len([post for post in self.head.posts if post["reports"]]), 1)
        tuner.report_final_result(1)
        self.assertEqual(self.steps(), list(range(50)) + ["final"])

    def test_beyond_the_limit_intermediate_results_are_left_out_and_the_final_one_is_not(self):
        self.set_limit("INTERMEDIATE_WAIT_SECONDS", 0)
        self.set_limit("AWAY_SECONDS", 1000)
        self.set_limit("PENDING_REPORTS_MAX", 2)
        self.head.faults = [503]
        with output("stderr") as stderr:
            for _ in range(5):
                tuner.report_intermediate_result(1)
        tuner.report_final_result(1)
        self.assertEqual(self.steps(), [0, 1, "final"])
        self.assertEqual(stderr.getvalue().count("left out"), 1)

    def test_a_final_result_that_cannot_be_sent_is_an_error(self):
        self.set_limit("FINAL_WAIT_SECONDS", 0.05)
        self.use({**self.environment, "AUTOTUNE_REPORT_URL": "http://127.0.0.1:1/"})
        with self.assertRaisesRegex(tuner.ReportError, "does not take reports"):
            tuner.report_final_result(1)
        _http._clients.clear()

    def test_a_refusal_is_an_error_at_once_with_the_servers_words(self):
        self.use({**self.environment, "AUTOTUNE_REPORT_TOKEN": "wrong"})
        with self.assertRaisesRegex(tuner.ReportError, "401.*token unknown"):
            tuner.report_intermediate_result(1)
        self.assertEqual(len(self.head.posts), 1)
        _http._clients.clear()

    def test_what_waits_is_sent_when_the_process_ends(self):
        script = (
            "from t9k import tuner\n"
            "from t9k.tuner import _http\n"
            "_http.INTERMEDIATE_WAIT_SECONDS = 0\n"
            "tuner.report_intermediate_result(1)\n"
        )
        self.head.faults = [503]
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=script_environment(self.environment),
            stderr=subprocess.PIPE,
            check=False,
        )
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.steps(), [0])


if __name__ == "__main__":
    unittest.main()
