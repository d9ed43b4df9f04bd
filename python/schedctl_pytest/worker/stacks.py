"""Where the stacks of a worker's threads go when it dies, or is to end for being late: into a file
that the reporter reads."""

from __future__ import annotations

import os
import signal

from .own import high
from ..reports import deal

DUMP = signal.SIGRTMAX - 3  # one that neither libc nor the usual suites use


def enter_worker(directory: str, number: int, patient: bool) -> None:
    """patient: items are not waited for without end, and DUMP is sent to who is late."""
    import faulthandler

    if not faulthandler.is_enabled() and not patient:
        return
    fd = high(os.open(deal.fault_path(directory, number), os.O_WRONLY | os.O_CREAT, 0o600))
    if faulthandler.is_enabled():
        faulthandler.enable(file=fd)
    if patient:
        signal.signal(DUMP, signal.SIG_DFL)
        # chain: what the signal does by default comes after the dump, and ends the process.
        faulthandler.register(DUMP, file=fd, all_threads=True, chain=True)
