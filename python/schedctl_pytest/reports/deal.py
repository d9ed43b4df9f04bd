"""The data plane: records on FIFOs between the engine and one worker (docs/run-protocol.md)."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import signal
import struct
from typing import List, NoReturn, Optional, Tuple

from ..worker.own import Own, high

RUN, RUN_REPORT, END = 1, 2, 3
READY, STARTED, DONE, WANT, SETUP, MISSING = 1, 2, 3, 4, 5, 6
NO_ITEM = 0xFFFFFFFF
NO_WORKER = 0xFFFF  # records of items that the reporter runs itself

_DEAL = struct.Struct("=II")
_RECORD = struct.Struct("=HHIddQ")
_STATE = struct.Struct("@Id")  # aligned, so that whoever reads it meanwhile sees whole numbers
_SECONDS = struct.Struct("=d")
_BUFFER_MAX = 64
STATE_SIZE = 64


class Closed(Exception):
    """The engine or the reporter is gone: end quietly."""


class Cut(Closed):
    """An item has closed what connects this worker with them."""


def gone(error: OSError) -> NoReturn:
    """Why a descriptor of this worker's cannot be used any more."""
    if error.errno in (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EISDIR):
        raise Cut from error
    raise Closed from error


class Records:
    """Writes what the engine learns of a worker; whole records, at most 4,096 bytes a write."""

    def __init__(self, directory: str, worker: int) -> None:
        """Raises Closed where the engine is gone, for whom a plain open() would wait for good."""
        try:
            fd = os.open(os.path.join(directory, "done"), os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):
                raise Closed from error
            raise
        os.set_blocking(fd, True)
        self._fd = high(fd)
        self._worker = worker
        self._buffer: List[bytes] = []

    def add(self, op: int, arg: int, wall: float = 0.0, cpu: float = 0.0, rss: int = 0) -> None:
        self._buffer.append(_RECORD.pack(op, self._worker, arg, wall, cpu, rss))
        if len(self._buffer) >= _BUFFER_MAX:
            self.flush()

    def flush(self) -> None:
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        self._buffer.clear()
        try:
            Own.write(self._fd, data)
        except OSError as error:
            gone(error)

    def close(self) -> None:
        os.close(self._fd)


class Deal:
    """A worker's deal queue. The engine may take back whatever was not read yet."""

    def __init__(self, directory: str, worker: int) -> None:
        path = os.path.join(directory, f"deal-{worker}")
        self._fd = high(os.open(path, os.O_RDONLY | os.O_NONBLOCK))

    def poll(self) -> Optional[Tuple[int, int]]:
        """(op, item), or None where nothing is there yet."""
        try:
            data = Own.read(self._fd, _DEAL.size)
        except BlockingIOError:
            return None
        except OSError as error:
            gone(error)
        if len(data) != _DEAL.size:
            raise Closed
        op, item = _DEAL.unpack(data)
        return op, item

    def wait(self, reporter: int) -> None:
        """Until a record is there. reporter: the descriptor that tells of the reporter's end."""
        poll = Own.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(reporter, select.POLLIN)
        for fd, events in poll.poll():
            if events & select.POLLNVAL:
                raise Cut
            if fd == reporter:
                raise Closed


class State:
    """The running item and when it began, in a file that the reporter reads: when the worker has
    died, and to see how long it has taken."""

    def __init__(self, directory: str, worker: int) -> None:
        fd = os.open(state_path(directory, worker), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(fd, STATE_SIZE)
            self._map = mmap.mmap(fd, STATE_SIZE)
        finally:
            os.close(fd)

    def set(self, item: int, began: float) -> None:
        """began: of Own.clock; 0 while the time that passes is not the item's."""
        _STATE.pack_into(self._map, 0, item + 1, began)

    def began(self) -> float:
        """As it was set, and moved on by the engine since, by the time in which it was paused."""
        began: float = _STATE.unpack_from(self._map)[1]
        return began

    def clear(self, began: float = 0.0) -> None:
        """No item runs. began: when the worker began to end."""
        _STATE.pack_into(self._map, 0, 0, began)


def fault_path(directory: str, worker: int) -> str:
    """Where a worker's stacks are dumped, and what else it has to say of its end."""
    return os.path.join(directory, f"fault-{worker}")


def take_fault(directory: str, worker: int) -> str:
    """What is in there; its number may be used again, so the file goes."""
    path = fault_path(directory, worker)
    try:
        with open(path, errors="replace") as file:
            text = file.read().strip()
        os.unlink(path)
    except OSError:
        return ""
    return text


def state_path(directory: str, worker: int) -> str:
    return os.path.join(directory, f"state-{worker}")


def take_state(directory: str, worker: int) -> int:
    """The item that worker was running, or -1; its number may be used again, so the file goes."""
    path = state_path(directory, worker)
    try:
        with open(path, "rb") as file:
            data = file.read(_STATE.size)
        os.unlink(path)
    except OSError:
        return -1
    if len(data) != _STATE.size:
        return -1
    number: int = _STATE.unpack(data)[0]
    return number - 1


def paused(directory: str) -> float:
    """Seconds in which the run was paused so far."""
    try:
        with open(os.path.join(directory, "paused"), "rb") as file:
            data = file.read(_SECONDS.size)
    except OSError:
        return 0.0
    seconds: float = _SECONDS.unpack(data)[0] if len(data) == _SECONDS.size else 0.0
    return seconds


class Watched:
    """The reporter's view of a State while its worker lives."""

    def __init__(self, directory: str, worker: int) -> None:
        """OSError where there is none yet."""
        with open(state_path(directory, worker), "rb") as file:
            self._map = mmap.mmap(file.fileno(), STATE_SIZE, prot=mmap.PROT_READ)

    def get(self) -> Tuple[int, float]:
        """(item or -1, when it began or 0)."""
        number, began = _STATE.unpack_from(self._map)
        return number - 1, began

    def close(self) -> None:
        self._map.close()


def die_with_writer(path: str) -> int:
    """SIGKILL for this process as soon as the last writer of this pipe is gone, even in an endless
    loop. Opens it anew, since a signal's receiver belongs to the open file and not to the process;
    the descriptor returned is to stay open."""
    fd = high(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, getattr(fcntl, "F_SETSIG", 10), signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    try:
        os.read(fd, 1)
    except BlockingIOError:
        return fd
    raise Closed  # it was gone before anybody could signal so


def die_with_engine(directory: str) -> int:
    """The engine is the only writer of DIR/life."""
    return die_with_writer(os.path.join(directory, "life"))


def die_with_reporter(pipe: int) -> int:
    """pipe: the read end of one whose write end the reporter alone has; it is closed."""
    fd = die_with_writer(f"/proc/self/fd/{pipe}")
    os.close(pipe)
    return fd
