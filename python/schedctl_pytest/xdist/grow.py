"""Further workers for a loop that is running."""

from __future__ import annotations

from typing import Any


def start(config: Any, dsession: Any, workers: int) -> None:
    """As pytest-xdist replaces one that died. Where the user has named the workers, or this version
    has other names for what it takes, there are no more."""
    manager: Any = getattr(dsession, "nodemanager", None)
    active: Any = getattr(dsession, "_active_nodes", None)
    if active is None or getattr(dsession, "shuttingdown", True):
        return
    if not hasattr(manager, "setup_node") or set(config.getvalue("tx")) != {"popen"}:
        return
    from execnet import XSpec

    for _ in range(workers):
        active.add(manager.setup_node(XSpec("popen"), dsession.queue.put))
