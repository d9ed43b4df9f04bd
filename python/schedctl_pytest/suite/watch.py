"""Notices, from the plugin's start until workers are started, what decides how they may be started.

Whoever reads a worker's id before there are workers has taken the reporter for the only process,
and forked workers would all inherit that. A user's random.seed() would be lost, since CPython seeds
anew in a forked child.
"""

from __future__ import annotations

import os
import random
import sys
from typing import Any, Callable, Dict, List, Optional

from . import vetted
from .. import compat

_WORKER_VARIABLES = frozenset(
    ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")
)
# Modules through which os.environ is read.
_MAPPINGS = frozenset(("os", "collections", "_collections_abc"))
# pytest-xdist's functions for everyone.
_XDIST_ASKS = frozenset(("is_xdist_worker", "is_xdist_controller", "get_xdist_worker_id"))


class Watch:
    """start() when the plugin loads; stop() before workers exist."""

    def __init__(self) -> None:
        self.asked: List[str] = []  # "FILE:LINE reads NAME"
        self.descriptors = sockets()
        self.seeds = Seeds()
        self._environ = os.environ  # a conftest file may put another object there
        self._encode: Any = None

    def start(self) -> None:
        self._watch_environment()
        self._watch_config()
        self.seeds.start()

    def stop(self) -> None:
        if self._encode is None:
            return
        self._environ.encodekey = self._encode
        self._encode = None
        from _pytest.config import Config

        if "__getattr__" in Config.__dict__:
            delattr(Config, "__getattr__")
        self.seeds.stop()

    def _watch_environment(self) -> None:
        encode = self._encode = self._environ.encodekey

        def encodekey(key: Any) -> Any:
            if key in _WORKER_VARIABLES:
                self._note(key)
            return encode(key)

        self._environ.encodekey = encodekey

    def _watch_config(self) -> None:
        """Config has no workerinput yet: a fallback attribute hears of everyone who asks."""
        from _pytest.config import Config

        def missing(config: Any, name: str) -> Any:
            if name == "workerinput":
                self._note("config.workerinput")
            raise AttributeError(f"{type(config).__name__!r} object has no attribute {name!r}")

        if "__getattr__" not in Config.__dict__:
            setattr(Config, "__getattr__", missing)

    def _note(self, name: str) -> None:
        frame: Any = sys._getframe(2)
        while frame is not None and _asks_for_others(frame):
            frame = frame.f_back
        if frame is not None and _package(frame) not in vetted.MAY_ASK:
            self.asked.append(f"{_place(frame)} reads {name}")


def _package(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _asks_for_others(frame: Any) -> bool:
    package = _package(frame)
    return package in _MAPPINGS or (package == "xdist" and frame.f_code.co_name in _XDIST_ASKS)


def _place(frame: Any) -> str:
    """FILE:LINE, with the folder of a file whose name says nothing."""
    folder, name = os.path.split(frame.f_code.co_filename)
    if name == "__init__.py":
        name = os.path.join(os.path.basename(folder), name)
    return f"{name}:{frame.f_lineno}"


class Seeds:
    """random's state, where the user seeded it: every worker goes on from there, as a serial run
    would. NumPy's is inherited, and drawn anew where the user did not seed it."""

    def __init__(self) -> None:
        self._seed: Optional[Callable[..., None]] = None
        self._seeded = False
        self._state: Any = None

    def start(self) -> None:
        original = self._seed = random.seed

        def seed(*args: Any, **kwargs: Any) -> None:
            original(*args, **kwargs)
            self._seeded = bool(args) or bool(kwargs)

        random.seed = seed

    def stop(self) -> None:
        if self._seed is not None:
            random.seed = self._seed
            self._seed = None

    def save(self) -> None:
        """Before a fork."""
        if self._seeded:
            self._state = random.getstate()

    def restore(self) -> None:
        """In the child."""
        if self._state is not None:
            random.setstate(self._state)
        compat.reseed_numpy()


def sockets() -> Dict[int, str]:
    """This process's sockets and event queues: descriptor to what /proc calls it."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the listing's own
        if target.startswith(("socket:", "anon_inode:[eventpoll]", "anon_inode:[io_uring]")):
            found[int(name)] = target
    return found
