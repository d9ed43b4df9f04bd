"""Further workers for a loop that is running."""

from __future__ import annotations

from typing import Any


def start(config: Any, dsession: Any, workers: int) -> None:
    """As pytest-xdist replaces one that died. Where the user has named the workers, or this version
    has other names for what it takes, there are no more."""
    manager: Any = getattr(dsession, "nodemanager", None)
    group, active = getattr(manager, "group", None), getattr(dsession, "_active_nodes", None)
    if group is None or active is None or getattr(dsession, "shuttingdown", True):
        return
    if not hasattr(manager, "setup_node") or set(config.getvalue("tx")) != {"popen"}:
        return
    from execnet import XSpec

    for _ in range(workers):
        spec = XSpec("popen")
        group.allocate_id(spec)
        active.add(manager.setup_node(spec, dsession.queue.put))
