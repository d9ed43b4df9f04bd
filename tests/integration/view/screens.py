"""A program on a terminal of the test's making: its screen as lines of text, its keys."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyte

PATIENCE = 60.0  # seconds; a screen that has not come by then never does


class Terminal:
    """Runs a program on a pseudo terminal and shows what a person would see."""

    def __init__(
        self, command: Sequence[str | Path], env: dict[str, str], width: int, height: int
    ) -> None:
        self.master, slave = pty.openpty()
        self.screen = pyte.Screen(width, height)
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = b""
        self.set_size(width, height)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            preexec_fn=lambda: self.own_terminal(),
        )
        os.close(slave)

    @staticmethod
    def own_terminal() -> None:
        """A session of its own, so that size changes and hang-ups are signalled."""
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def resize(self, width: int, height: int) -> None:
        self.screen.resize(height, width)
        self.set_size(width, height)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def read(self, timeout: float) -> bool:
        """Whether anything came; what has come is on the screen then."""
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the program has ended
            return False
        self.bytes += data
        self.stream.feed(data)
        return bool(data)

    def wait_for(self, wanted: str | Callable[[str], bool]) -> str:
        deadline = time.monotonic() + PATIENCE
        while not (wanted in self.text if isinstance(wanted, str) else wanted(self.text)):
            ended = self.process.poll() is not None
            if not self.read(0.05) and ended:
                raise AssertionError(f"the program ended; {wanted} is not in\n{self.text}")
            assert time.monotonic() < deadline, f"{wanted} does not come:\n{self.text}"
        return self.text

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def finish(self) -> int:
        """Waits for the program's end, reading what it still says."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.05)
        while self.read(0):
            pass
        return self.process.wait(0)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)
