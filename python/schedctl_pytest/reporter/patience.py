"""``--item-timeout``: an item that takes longer is a failure with the stacks of its worker's
threads, and the worker is replaced as one that died.

An item's time is that of its set-up, call and teardown, with the fixtures that it sets up and tears
down, and without the time in which its worker waits for the next item. A worker that ends (session
fixtures, hooks, threads, exit functions) may take as long once more.

A signal makes faulthandler dump, in C, whatever the interpreter does; then the same signal ends the
process, so that its end says that the dump is complete. Items that block all signals or replace
this one's handler are killed without a dump.
"""

from __future__ import annotations

import math
import os
import signal
import stat
from typing import Any, Dict, Generator, Iterable, List, Optional, Tuple

from .. import compat
from ..reports import deal
from ..worker.own import Own
from ..worker.stacks import DUMP

_DUMP_SECONDS = 2.0  # what a dump may take until the worker is killed without
_CAPTURED_MAX = 1 << 20

Section = Tuple[str, str]


class Late:
    """A worker that has taken too long. item: -1 where it was ending."""

    def __init__(self, seconds: float, item: int, sections: List[Section], kill_at: float) -> None:
        self.item = item
        self.sections = sections
        self.kill_at = kill_at
        self._seconds = seconds

    def text(self, stacks: str) -> str:
        what = f"exceeded --item-timeout of {self._seconds:g} s, and its worker was ended"
        if stacks:
            return f"{what}\n\n{stacks}"
        return f"{what}; no stacks, since the process took no signal but the last"


class Patience:
    """The reporter's watch over its workers' items."""

    def __init__(self, seconds: float, directory: str) -> None:
        self._seconds = seconds
        self._directory = directory
        self._states: Dict[Any, deal.Watched] = {}
        self._late: Dict[Any, Late] = {}

    def wait_ms(self, handles: Iterable[Any]) -> int:
        """Ends who is late. Until when nobody else can be."""
        now = Own.clock()
        until = min((self._look(handle, now) for handle in handles), default=self._seconds)
        return max(math.ceil(until * 1000), 0)

    def gone(self, handle: Any) -> Optional[Late]:
        """The worker has ended: why, if that was for being late."""
        state = self._states.pop(handle, None)
        if state is not None:
            state.close()
        return self._late.pop(handle, None)

    def _look(self, handle: Any, now: float) -> float:
        """Seconds until this worker has to be looked at again."""
        late = self._late.get(handle)
        if late is not None:
            return self._kill(handle, late, now)
        item, began = self._state(handle)
        if not began:
            return self._seconds
        left = began + self._seconds - now
        if left > 0 or self._state(handle) != (item, began):
            return max(left, 0.0)
        sections = captured(handle.pid, self._directory)
        self._late[handle] = Late(self._seconds, item, sections, now + _DUMP_SECONDS)
        handle.signal(DUMP)
        return _DUMP_SECONDS

    def _kill(self, handle: Any, late: Late, now: float) -> float:
        left = late.kill_at - now
        if left > 0:
            return min(left, self._seconds)
        handle.signal(signal.SIGKILL)
        late.kill_at = math.inf
        return self._seconds

    def _state(self, handle: Any) -> Tuple[int, float]:
        state = self._states.get(handle)
        if state is None:
            try:
                state = self._states[handle] = deal.Watched(self._directory, handle.number)
            except (OSError, ValueError):
                return -1, 0.0  # it has only been started
        return state.get()


def captured(pid: int, directory: str) -> List[Section]:
    """What pytest has captured of a running item: while it captures, a process's standard streams
    are its files."""
    found = []
    for fd, name in ((1, "Captured stdout"), (2, "Captured stderr")):
        path = f"/proc/{pid}/fd/{fd}"
        try:
            target = os.readlink(path)
            if target.startswith(directory) or not stat.S_ISREG(os.stat(path).st_mode):
                continue
            with open(path, "rb") as file:
                text = file.read(_CAPTURED_MAX).decode(errors="replace")
        except OSError:
            continue
        if text:
            found.append((name, text))
    return found


class Alarm:
    """A plugin: what the reporter runs itself cannot be ended with its process; an alarm fails the
    item as soon as the interpreter runs. Suites that use alarms themselves are left alone."""

    def __init__(self, seconds: float, directory: str) -> None:
        self._seconds = seconds
        self._directory = directory
        self._paused = 0.0

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, None, None]:
        free = signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
        if not free or signal.getitimer(signal.ITIMER_REAL)[0]:
            yield
            return
        self._paused = deal.paused(self._directory)
        signal.signal(signal.SIGALRM, self._expired)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        yield
        if signal.getsignal(signal.SIGALRM) == self._expired:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _expired(self, number: int, frame: Any) -> None:
        import pytest

        __tracebackhide__ = True
        paused = deal.paused(self._directory) - self._paused
        if paused > 0:
            self._paused += paused
            signal.setitimer(signal.ITIMER_REAL, paused)
            return
        pytest.fail(f"exceeded --item-timeout of {self._seconds:g} s{_other_stacks()}")


def _other_stacks() -> str:
    import faulthandler
    import tempfile
    import threading

    if threading.active_count() < 2:
        return ""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file=file)
        file.seek(0)
        return f"\n\n{file.read()}"
