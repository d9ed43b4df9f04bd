"""How a worker ended, in words."""

from __future__ import annotations

import os
import signal

UNKNOWN = -1  # a wait status that nobody can tell


def died(worker: int, status: int, nodeid: str, details: str, for_memory: bool) -> str:
    """Why its item failed. details: what it left in its fault file; for_memory: the kernel killed
    it."""
    how = "was killed by the kernel for want of memory" if for_memory else ending(status)
    text = f"worker gw{worker} crashed while running {nodeid}: it {how}"
    return f"{text}\n\n{details}" if details else text


def ending(status: int) -> str:
    """A wait status in words."""
    if status == UNKNOWN:
        return "ended, and nobody was told how"
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exited with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
