"""Whether workers may be forked from this process, or have to be started afresh; always with the
reason."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Container, Iterable, List, Optional, Tuple

from . import vetted
from ..reports import handover
from .watch import Watch, sockets


def decide(wish: str, config: Any, watch: Watch, own: Iterable[int]) -> Tuple[str, str]:
    """("fork" or "spawn", why). own: descriptors of schedctl's own sockets."""
    if wish == "fork":
        return "fork", "asked for"
    cannot = cannot_spawn(config)
    if cannot:
        return (
            "fork",
            f"asked to start workers afresh, but {cannot}" if wish == "spawn" else cannot,
        )
    if wish == "spawn":
        return "spawn", "asked for"
    against = reasons_not_to_fork(config, watch, own)
    if against:
        return "spawn", "forking is not safe: " + "; ".join(against)
    return "fork", "no threads, no open sockets, and nobody has asked for a worker's id"


def cannot_spawn(config: Any) -> Optional[str]:
    plugins = config.invocation_params.plugins or ()
    if any(not isinstance(plugin, str) for plugin in plugins):
        return "pytest was given plugins as objects, which a fresh process cannot have"
    return None


def reasons_not_to_fork(config: Any, watch: Watch, own: Iterable[int]) -> List[str]:
    reasons = list(dict.fromkeys(watch.asked))[:3]
    reasons += threads()
    reasons += opened_sockets(config, watch, set(own))
    reasons += locks()
    reasons += node_hooks(config)
    return reasons


def threads() -> List[str]:
    """Python's threads by name; native ones by number, those of OpenBLAS excepted, which handles
    forks."""
    named = [
        thread.name
        for thread in threading.enumerate()
        if thread is not threading.main_thread()
        and vetted.package(getattr(thread, "_target", None)) not in vetted.THREADS
    ]
    if named:
        return [f"thread {name!r} runs" for name in named]
    native = len(os.listdir("/proc/self/task")) - threading.active_count()
    if native > _openblas_threads():
        return [f"{native} native threads run"]
    return []


def _openblas_threads() -> int:
    """How many threads the OpenBLAS copies in this process may have started."""
    if "numpy" not in sys.modules:
        return 0
    with open("/proc/self/maps") as file:
        copies = {line.split()[-1] for line in file if "openblas" in line or "libblas" in line}
    return len(copies) * (os.cpu_count() or 1)


def opened_sockets(config: Any, watch: Watch, own: "set[int]") -> List[str]:
    own.add(_rerunfailures_socket(config))
    return [
        f"{_kind(target)} {fd} was opened since the start"
        for fd, target in sockets().items()
        if fd not in own and watch.descriptors.get(fd) != target
    ]


def _kind(target: str) -> str:
    """socket:[123] and anon_inode:[eventpoll], in a word."""
    kind, _, what = target.partition(":")
    return kind if kind == "socket" else what.strip("[]")


def _rerunfailures_socket(config: Any) -> int:
    """pytest-rerunfailures listens for workers whenever pytest-xdist is there; forked ones do not
    need it."""
    try:
        number: int = config.failures_db.sock.fileno()
    except AttributeError:
        return -1
    return number


def locks() -> List[str]:
    """filelock's refuse to be taken in a forked copy of the process that made them. Older versions
    keep no list of them, and do not refuse."""
    alive = getattr(sys.modules.get("filelock._api"), "_LIVE_LOCKS", ())
    return ["locks made by filelock refuse to be inherited"] if alive else []


def node_hooks(config: Any) -> List[str]:
    """Plugins that prepare each of pytest-xdist's nodes, or take something from each at its end,
    which others than forked workers put together when their session finishes."""
    handed_over = handover.able(config)
    return [
        f"{name} {does}"
        for hook, does in (
            ("pytest_configure_node", "prepares each worker"),
            ("pytest_testnodedown", "collects from each worker"),
        )
        for name in node_hook_modules(getattr(config.hook, hook, None), handed_over)
    ]


def node_hook_modules(hook: Any, handed_over: Container[str]) -> List[str]:
    names = []
    for implementation in hook.get_hookimpls() if hook is not None else ():
        package = vetted.package(implementation.function)
        if package not in vetted.NODE_HOOKS and package not in handed_over:
            names.append(str(implementation.function.__module__))
    return names
