"""What items took: the sum of what their reports say, less what they set up for others."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from .measured import Measured, is_last

_BATCH = 200
_APART = 0.2  # seconds

Row = Tuple[float, ...]  # item, worker, seconds, and CPU seconds if they are known
Setup = Tuple[str, int, float]


class _Item:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu: Optional[float] = None
        self.is_over = False  # unless it is run again

    def row(self) -> Tuple[float, ...]:
        seconds = max(0.0, self.seconds)
        return (seconds,) if self.cpu is None else (seconds, self.cpu)


class Seconds:
    """tell: gets `items` and, where there are any, `setups`, as the engine wants them."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._open: Dict[str, Dict[Tuple[int, int], _Item]] = {}
        self._done: List[Row] = []
        self._setups: List[Setup] = []
        self._told = float("-inf")  # the first is told at once

    def report(self, report: Any, measured: Measured) -> None:
        """A phase of an item; pytest-xdist notes which item and worker it is of. A subtest's is
        part of one."""
        worker = number(report.node.gateway)
        self._setups += [(name, worker, seconds) for name, seconds in measured.setups.items()]
        index = getattr(report, "item_index", None)
        if index is None:
            return
        of_item = self._open.setdefault(report.nodeid, {})
        item = of_item.setdefault((index, worker), _Item())
        item.seconds -= sum(measured.setups.values())
        if measured.cpu is not None:
            item.cpu = (item.cpu or 0.0) + measured.cpu
        if not hasattr(report, "context"):
            item.seconds += getattr(report, "duration", 0.0) or 0.0
            item.is_over = is_last(report)

    def finish(self, nodeid: str) -> None:
        """Nobody says in which worker: with --dist each the item may still run in another."""
        of_item = self._open.get(nodeid, {})
        for key in [key for key, item in of_item.items() if item.is_over]:
            self._done.append((*key, *of_item.pop(key).row()))
        if not of_item:
            self._open.pop(nodeid, None)
        if len(self._done) >= _BATCH or time.monotonic() - self._told >= _APART:
            self.flush()

    def flush(self) -> None:
        if self._done or self._setups:
            self._tell(items=self._done, **({"setups": self._setups} if self._setups else {}))
        self._done, self._setups, self._told = [], [], time.monotonic()


def number(gateway: Any) -> int:
    """gwN; ids that the user chose have none."""
    name: str = gateway.id
    return int(name[2:]) if name.startswith("gw") and name[2:].isdecimal() else -1
