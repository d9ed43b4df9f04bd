"""How long items took: the sum of what their reports say."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Tuple

_BATCH = 200
_APART = 0.2  # seconds

Row = Tuple[int, int, float]


class Seconds:
    def __init__(self, tell: Callable[[List[Row]], None]) -> None:
        self._tell = tell
        self._open: Dict[str, Dict[Tuple[int, int], float]] = {}
        self._done: List[Row] = []
        self._told = time.monotonic()

    def report(self, report: Any) -> None:
        """A phase of an item; pytest-xdist notes which item and worker it is of."""
        index, node = getattr(report, "item_index", None), getattr(report, "node", None)
        if index is None or node is None:
            return
        of_item = self._open.setdefault(report.nodeid, {})
        key = index, number(node.gateway)
        of_item[key] = of_item.get(key, 0.0) + (getattr(report, "duration", 0.0) or 0.0)

    def finish(self, nodeid: str) -> None:
        of_item = self._open.pop(nodeid, {})
        self._done += [(index, worker, seconds) for (index, worker), seconds in of_item.items()]
        if len(self._done) >= _BATCH or time.monotonic() - self._told >= _APART:
            self.flush()

    def flush(self) -> None:
        if self._done:
            self._tell(self._done)
        self._done, self._told = [], time.monotonic()


def number(gateway: Any) -> int:
    """gwN; ids that the user chose have none."""
    name: str = gateway.id
    return int(name[2:]) if name.startswith("gw") and name[2:].isdigit() else -1
