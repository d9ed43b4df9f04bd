"""A forked worker's end: as an interpreter's, but for what is the reporter's to do."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import weakref
from typing import Any, NoReturn


def begin() -> None:
    """Forgets what the reporter is to do at its exit. What the standard library does there stays:
    it looks after whatever this process opens."""
    atexit._clear()
    atexit.register(logging.shutdown)
    _begin_finalizers()
    _begin_multiprocessing()


def _begin_finalizers() -> None:
    """weakref.finalize: those of the reporter do not run at this process's exit."""
    finalize: Any = weakref.finalize
    for inherited in list(finalize._registry):
        inherited.atexit = False
    finalize._registered_with_atexit = False


def _begin_multiprocessing() -> None:
    """As multiprocessing does in its own forked processes: the reporter's children are not this
    one's, which are ended and waited for as the user expects."""
    process: Any = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    if process is not None:
        process._children = set()
    if util is not None:
        atexit.register(util._exit_function)


def leave(status: int) -> NoReturn:
    """Waits for threads, runs what was registered, and ends the process. An interpreter's end goes
    on as well, whatever goes wrong in one of these steps."""
    join_threads = threading._shutdown  # type: ignore[attr-defined]
    try:
        for step in (join_threads, atexit._run_exitfuncs, _flush):
            with contextlib.suppress(BaseException):
                step()
    finally:
        os._exit(status)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
