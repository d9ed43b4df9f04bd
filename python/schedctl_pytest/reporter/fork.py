"""Workers forked from the reporter after collection: the reporter's half. The copy's is
worker/forked.py."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Dict

from .handle import Handle, Pipes
from ..worker import forked

if TYPE_CHECKING:
    from .reporter import Reporter


def start(reporter: "Reporter", order: Dict[str, Any]) -> Handle:
    """Forks the worker that the engine's order describes."""
    pipes = Pipes()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = _fork()
        if pid == 0:
            forked.live(reporter, order, pipes)
        handle = Handle(order["worker"], pid, pipes, forked=True)
    except OSError:
        pipes.close()
        raise
    pipes.keep_reporters()
    return handle


def _fork() -> int:
    """Since Python 3.12 it warns of other threads, which is weighed elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
