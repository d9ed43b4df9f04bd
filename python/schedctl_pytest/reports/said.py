"""What a worker writes to its standard output and error past pytest's capture: with -s, by live
logs, by capsys.disabled(). It is kept in files until its item is done and shown by the reporter, so
that an item's output stays together; what a dead worker had not handed over, the reporter finds
there."""

from __future__ import annotations

import os
import sys
from typing import Any, List, Optional, Tuple

from ..worker.own import Own, high

Texts = Tuple[bytes, bytes]  # of standard output and error


def shown_live(config: Any) -> bool:
    """Whether what items write is shown as it comes: nothing is captured, or logs are live."""
    manager = config.pluginmanager.get_plugin("capturemanager")
    if manager is None or config.getoption("capture", "no") in ("no", "tee-sys"):
        return True
    logging = config.pluginmanager.get_plugin("logging-plugin")
    is_live = getattr(logging, "_log_cli_enabled", None)
    return is_live is not None and bool(is_live())


class Said:
    """Takes this process's descriptors 1 and 2."""

    def __init__(self, directory: str, worker: int) -> None:
        self._fds: List[int] = []
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        _flush()
        for path, target in zip(_paths(directory, worker), (1, 2)):
            fd = high(os.open(path, flags, 0o600))
            os.dup2(fd, target)
            self._fds.append(fd)

    def take(self) -> Optional[Texts]:
        """What was written since the last call; None for nothing."""
        _flush()
        out, err = self._fds
        if not Own.lseek(out, 0, os.SEEK_END) and not Own.lseek(err, 0, os.SEEK_END):
            return None
        return self._empty(out), self._empty(err)

    @staticmethod
    def _empty(fd: int) -> bytes:
        data = Own.pread(fd, Own.fstat(fd).st_size, 0)
        Own.ftruncate(fd, 0)
        return data


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # a test has put something of its own there


def _paths(directory: str, worker: int) -> Tuple[str, str]:
    return os.path.join(directory, f"out-{worker}"), os.path.join(directory, f"err-{worker}")


def left_behind(directory: str, worker: int) -> Texts:
    """What a worker that is gone had not handed over."""
    out, err = _paths(directory, worker)
    return _read(out), _read(err)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
    except OSError:
        return b""
    return data


def show(texts: Texts) -> None:
    """In the reporter."""
    for stream, text in zip((sys.stdout, sys.stderr), texts):
        if not text:
            continue
        stream.flush()
        buffer = getattr(stream, "buffer", None)
        if buffer is None:
            stream.write(text.decode(errors="replace"))
        else:
            buffer.write(text)
        stream.flush()
