"""A worker as the reporter holds it: its process, and the pipes to it."""

from __future__ import annotations

import os
import signal
from typing import Dict, Any, List, Optional, Tuple

from . import ends
from ..reports import relay
from ..worker import worker

_PIPE_SIZE = 1 << 20


class Pipes:
    """A new worker's: reports to the reporter, answers from it. The reporter has the worker's ends
    only until that exists."""

    def __init__(self) -> None:
        self._open: List[int] = []
        try:
            self.reports, self.worker_reports = self._pipe()
            self.worker_answers, self.answers = self._pipe()
        except OSError:
            self.close()
            raise
        _widen(self.worker_reports)
        os.set_blocking(self.reports, False)

    def _pipe(self) -> Tuple[int, int]:
        ends = os.pipe()
        self._open += ends
        return ends

    def keep_reporters(self) -> None:
        self._keep(self.reports, self.answers)

    def keep_workers(self) -> None:
        """In a forked worker."""
        self._keep(self.worker_reports, self.worker_answers)

    def close(self) -> None:
        self._keep()

    def _keep(self, *kept: int) -> None:
        for fd in self._open:
            if fd not in kept:
                os.close(fd)
        self._open = list(kept)


def _widen(pipe: int) -> None:
    """A full reports pipe would stop a worker."""
    import fcntl

    try:
        fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE_SIZE)
    except OSError:
        pass  # the user's limit of pipe memory: the usual 64 KiB do


class Handle:
    """Owns the process and the reporter's ends of the pipes until reap()."""

    def __init__(self, number: int, pid: int, pipes: Pipes, forked: bool) -> None:
        """OSError where the kernel gives no descriptor for the process, which is ended then."""
        self.number = number
        self.pid = pid
        try:
            self.pidfd = os.pidfd_open(pid)
        except OSError:
            _end(pid)
            raise
        self.reports = pipes.reports
        self.answers = pipes.answers
        self.forked = forked
        self.inbox = relay.Inbox()
        self.finished: Dict[int, None] = {}
        self.open: Optional[int] = None  # an item of which a part was relayed
        self.unusable: Optional[str] = None
        self.output: Optional[Dict[str, Any]] = None  # its last message

    def answer(self, go_on: bool) -> None:
        try:
            os.write(self.answers, worker.GO_ON if go_on else worker.STOP)
        except OSError:
            pass  # it is gone, and its end is told elsewhere

    def signal(self, number: int) -> None:
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            pass  # gone, and somebody else was told so

    def reap(self) -> int:
        """The wait status; blocks until it has ended. Where somebody else was told it (a suite that
        ignores SIGCHLD), what the worker said last stands for it."""
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            status = 0 if self.output is not None else ends.UNKNOWN
        self.close()
        return status

    def close(self) -> None:
        for fd in (self.pidfd, self.reports, self.answers):
            os.close(fd)


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
