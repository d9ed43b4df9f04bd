"""Workers that the kernel killed for want of memory: their cgroup has a file that counts them."""

from __future__ import annotations

import os
import signal
from typing import Optional


class Kills:
    """The kernel's count, of which each worker that SIGKILL ended may have one."""

    def __init__(self, path: Optional[str]) -> None:
        """path: a file with a line "oom_kill N"; None where the kernel has none."""
        self._path = path
        self._known = self._count()

    def took(self, status: int) -> bool:
        """Whether a worker of this wait status is one of them."""
        if status < 0 or not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return False
        if self._count() <= self._known:
            return False
        self._known += 1
        return True

    def _count(self) -> int:
        if self._path is None:
            return 0
        try:
            with open(self._path, encoding="ascii") as file:
                for line in file:
                    name, _, number = line.partition(" ")
                    if name == "oom_kill":
                        return int(number)
        except (OSError, ValueError):
            pass
        return 0
