"""``schedctl attach``: an engine for this process, which is there already. It lives until its
standard input ends, or this process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Optional

from ..package import PATH

_PROGRAM = "SCHEDCTL_PROGRAM"
_PATIENCE = 30  # seconds for its line
_END = 10  # seconds for its end


class NotAttached(Exception):
    """schedctl is there and does not lend us anything; the text says why."""


def find() -> Optional[str]:
    """The program: the one that the environment names, that of the search path, or the one that was
    installed with this package (PREFIX/share/schedctl/python/schedctl_pytest)."""
    named = os.environ.get(_PROGRAM)
    if named:
        return named
    beside = os.path.normpath(os.path.join(PATH, *[os.pardir] * 4, "bin", "schedctl"))
    return shutil.which("schedctl") or shutil.which(beside)


class Attached:
    """A running ``schedctl attach``. NotAttached where there is none.

    run: its socket; environ: variables for this process.
    """

    def __init__(self, program: str) -> None:
        try:
            self._said = tempfile.TemporaryFile()  # a pipe would have to be read meanwhile
        except OSError as error:
            raise NotAttached(f"no temporary file: {error.strerror}") from error
        # No pipe: what was forked off this process holds our end, too, and yet we can end it.
        self._held, stdin = socket.socketpair()
        try:
            with stdin:
                self._process = subprocess.Popen(
                    [program, "attach"],
                    stdin=stdin.fileno(),
                    stdout=subprocess.PIPE,
                    stderr=self._said,
                )
        except OSError as error:
            self._held.close()
            self._said.close()
            raise NotAttached(f"{program}: {error.strerror}") from error
        try:
            self._take(self._line())
        except BaseException:
            self._process.kill()
            self.close(quiet=True)
            raise

    def _take(self, line: bytes) -> None:
        try:
            said: Dict[str, Any] = json.loads(line)
            self.run = str(said["run"])
            environ = said.get("environ") or {}
            self.environ = {str(name): str(value) for name, value in environ.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NotAttached(self._reason()) from None

    def _line(self) -> bytes:
        """What it writes up to the end of its line, or to its end."""
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        line, end = b"", time.monotonic() + _PATIENCE
        while b"\n" not in line:
            if not poller.poll(max(0, end - time.monotonic()) * 1000):
                raise NotAttached(f"no CPUs within {_PATIENCE} s")
            data = os.read(fd, 1 << 16)
            if not data:
                break
            line += data
        return line

    def _reason(self) -> str:
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            return "schedctl attach says nothing that can be understood"
        lines = [line.strip() for line in self._output() if line.strip()]
        reason = lines[0] if lines else f"schedctl attach ended with {self._process.returncode}"
        return reason[len("schedctl: ") :] if reason.startswith("schedctl: ") else reason

    def _output(self) -> List[str]:
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace").splitlines()

    def close(self, quiet: bool = False) -> None:
        """Ends it, which gives back what it holds, and shows what it said meanwhile."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        try:
            self._held.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already
        self._held.close()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            pass  # it has nobody left, and ends when it can
        if not quiet:
            self._show()
        self._said.close()

    def _show(self) -> None:
        """Behind what pytest has said, also where one pipe or file takes both."""
        with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or nobody reads it
            sys.stdout.flush()
        sys.stderr.writelines(line + "\n" for line in self._output())
