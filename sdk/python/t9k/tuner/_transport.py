"""Where reports go: a file, a server, or (run by hand) the terminal.

The file wins. One report is one `write` of one line to a file opened for appending, so reports of
threads, forked processes and shell scripts never mix within a line.
"""

import errno
import json
import os
import time
from typing import Any, Dict

from t9k.tuner import _http
from t9k.tuner._environment import replica
from t9k.tuner._process import notice_once

Report = Dict[str, Any]
ReportError = _http.ReportError

# A full disk pauses the experiment until someone makes room; a report waits that long for it.
FULL_DISK_WAIT_SECONDS = 60.0
FULL_DISK_POLL_SECONDS = 0.5


def send(report: Report) -> None:
    """Hands over one report; when this returns, the file has it, or the server does."""
    path = os.environ.get("AUTOTUNE_REPORTS")
    url = os.environ.get("AUTOTUNE_REPORT_URL")
    token = os.environ.get("AUTOTUNE_REPORT_TOKEN")
    if path:
        append(path, to_line(report))
    elif url and token:
        _http.client(url, token, replica()).send(report)
    else:
        _print(report)


def to_line(report: Report) -> bytes:
    """A report as one line of JSON, its newline included."""
    return (json.dumps(report, separators=(",", ":"), allow_nan=False) + "\n").encode("ascii")


def append(path: str, line: bytes) -> None:
    """Appends `line` to the file in one piece, waiting a while for room on a full disk."""
    deadline = time.monotonic() + FULL_DISK_WAIT_SECONDS
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    file = os.open(path, flags, 0o644)
    try:
        while not _written(file, line):
            if time.monotonic() >= deadline:
                raise OSError(errno.ENOSPC, "no room for a report (AUTOTUNE_REPORTS)", path)
            notice_once(f"no room to write {path}: waiting {FULL_DISK_WAIT_SECONDS:.0f} s for it")
            time.sleep(FULL_DISK_POLL_SECONDS)
    finally:
        os.close(file)


def _written(file: int, line: bytes) -> bool:
    try:
        count = os.write(file, line)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        raise
    if count == len(line):
        return True
    # Half a line is in the file. End it, so that it cannot spoil the report that comes next.
    try:
        os.write(file, b"\n")
    except OSError:
        pass
    return False


def _print(report: Report) -> None:
    at = f" at step {report['step']}" if "step" in report else ""
    print(f"[t9k] {report['type']} result{at}: {json.dumps(report['value'])}", flush=True)
