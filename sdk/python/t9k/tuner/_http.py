"""Reports over HTTP, for a trial on a machine that does not share the trial's folder.

A POST of `{"replica", "firstLine", "reports": [...]}` is answered by `{"lastLine": N}`: lines up to
N are durable. Lines count from 1 in a replica, so a POST may be repeated: the server knows what it
has. A process asks with an empty POST where the count stands, as its replica may have been
restarted. One process of a replica reports at a time: two would claim the same lines.
"""

import atexit
import json
import threading
import time
import urllib.error
import urllib.request
from typing import Any, Dict, List, Optional, Tuple

from t9k.tuner._process import after_fork_in_child, notice_once

Report = Dict[str, Any]

REQUEST_TIMEOUT_SECONDS = 10.0
# While the server is away, reports hold training up for so long, then wait for a later one; after
# that nobody tries for a while, so that a script that reports each batch does not crawl.
INTERMEDIATE_WAIT_SECONDS = 2.0
AWAY_SECONDS = 10.0
AT_EXIT_WAIT_SECONDS = 20.0
# A final result is worth waiting for: a head may be restarting.
FINAL_WAIT_SECONDS = 120.0
FIRST_BACKOFF_SECONDS = 0.2
BACKOFF_SECONDS_MAX = 10.0
BATCH_REPORTS_MAX = 1000
# While the server is away, so many reports are kept; more intermediate ones are left out.
PENDING_REPORTS_MAX = 100_000


class ReportError(RuntimeError):
    """The server refuses this trial's reports, or could not be reached for a final result."""


class Client:
    """One replica's reports on their way to the server."""

    def __init__(self, url: str, token: str, replica: str) -> None:
        self._url = url
        self._token = token
        self._replica = replica
        self._lock = threading.Lock()
        self._pending: List[Report] = []
        self._last_line: Optional[int] = None  # The last durable one; None: not asked yet.
        self._away_until = 0.0  # On the monotonic clock.

    def send(self, report: Report) -> None:
        """Sends `report` behind what waits. Raises ReportError when a final result is stuck."""
        final = report["type"] == "final"
        with self._lock:
            if not final and len(self._pending) >= PENDING_REPORTS_MAX:
                notice_once(f"{self._url} is away: intermediate results are left out from here on")
                return
            self._pending.append(report)
            if final:
                self._flush(FINAL_WAIT_SECONDS, must=True)
            elif time.monotonic() >= self._away_until:
                self._flush(INTERMEDIATE_WAIT_SECONDS, must=False)

    def flush_at_exit(self) -> None:
        """The last try for what waits, at the end of the process."""
        with self._lock:
            if not self._pending:
                return
            try:
                self._flush(AT_EXIT_WAIT_SECONDS, must=True)
            except ReportError as error:
                notice_once(f"{len(self._pending)} reports are lost: {error}")

    def _flush(self, wait_seconds: float, must: bool) -> None:
        deadline = time.monotonic() + wait_seconds
        backoff = FIRST_BACKOFF_SECONDS
        while self._pending:
            try:
                self._post_batch(deadline)
                backoff = FIRST_BACKOFF_SECONDS
            except (OSError, ValueError) as error:  # URLError and time-outs are OSErrors.
                _raise_if_refused(error, self._url)
                left = deadline - time.monotonic()
                if left <= 0:
                    if must:
                        raise ReportError(f"{self._url} does not take reports: {error}") from error
                    notice_once(f"{self._url} does not take reports for now: {error}")
                    self._away_until = time.monotonic() + AWAY_SECONDS
                    return
                time.sleep(min(backoff, left))
                backoff = min(2 * backoff, BACKOFF_SECONDS_MAX)

    def _post_batch(self, deadline: float) -> None:
        if self._last_line is None:
            self._last_line = self._post(1, [], deadline)
        batch = self._pending[:BATCH_REPORTS_MAX]
        last_line = self._post(self._last_line + 1, batch, deadline)
        stored = last_line - self._last_line
        if stored < 1:
            raise ValueError(f"line {self._last_line + 1} is not durable yet")
        # More than was sent: a process before this one had lines under way. They are the server's.
        del self._pending[: min(stored, len(batch))]
        self._last_line = last_line

    def _post(self, first_line: int, reports: List[Report], deadline: float) -> int:
        """The last durable line, as the server answers."""
        body = {"replica": self._replica, "firstLine": first_line, "reports": reports}
        request = urllib.request.Request(
            self._url,
            data=json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii"),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
            method="POST",
        )
        timeout = min(REQUEST_TIMEOUT_SECONDS, max(0.5, deadline - time.monotonic()))
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            found = json.load(answer)
        if not isinstance(found, dict) or not isinstance(found.get("lastLine"), int):
            raise ValueError(f"the answer has no 'lastLine': {found!r}")
        return int(found["lastLine"])


def _raise_if_refused(error: Exception, url: str) -> None:
    """Trying again helps against a server that is busy or away, not against a refusal."""
    if not isinstance(error, urllib.error.HTTPError):
        return
    if error.code >= 500 or error.code in (408, 425, 429):
        return
    try:
        text = error.read(500).decode("utf-8", "replace").strip()
    except OSError:
        text = ""
    raise ReportError(f"{url} refuses reports of this trial: {error.code} {text}") from error


_clients: Dict[Tuple[str, str, str], Client] = {}
_clients_lock = threading.Lock()


def client(url: str, token: str, replica: str) -> Client:
    """This process's client for that server."""
    with _clients_lock:
        key = (url, token, replica)
        if key not in _clients:
            _clients[key] = Client(url, token, replica)
        return _clients[key]


def _after_fork_in_child() -> None:
    # What waits is the parent's to send; the child asks where the count stands.
    global _clients_lock
    _clients_lock = threading.Lock()
    _clients.clear()


def _at_exit() -> None:
    for each in list(_clients.values()):
        each.flush_at_exit()


after_fork_in_child(_after_fork_in_child)
atexit.register(_at_exit)
