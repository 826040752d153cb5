"""Small services for the process as a whole: notices to the user, and what a fork must reset."""

import os
import sys
from typing import Callable, Set

_noticed: Set[str] = set()


def notice_once(text: str) -> None:
    """Writes a line to stderr, once a process for each text."""
    if text in _noticed:
        return
    _noticed.add(text)
    print(f"[t9k] {text}", file=sys.stderr, flush=True)


def after_fork_in_child(reset: Callable[[], None]) -> None:
    """Calls `reset` in each forked child; nothing to do where there is no fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=reset)
