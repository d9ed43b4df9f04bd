"""A further worker for a loop that is running."""

from __future__ import annotations

from typing import Any


def start(config: Any, dsession: Any) -> None:
    """As pytest-xdist replaces one that died. Where the user has named the workers, or this version
    has other names for what it takes, there are no more. OSError or EOFError: no process could be
    had, or it has ended at once."""
    manager: Any = getattr(dsession, "nodemanager", None)
    active: Any = getattr(dsession, "_active_nodes", None)
    if active is None or getattr(dsession, "shuttingdown", True):
        return
    if not hasattr(manager, "setup_node") or set(config.getvalue("tx")) != {"popen"}:
        return
    from execnet import XSpec

    active.add(manager.setup_node(XSpec("popen"), dsession.queue.put))
