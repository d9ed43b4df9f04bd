"""What is measured in a worker of pytest-xdist, and goes to the controller as an attribute of the
next report: CPU seconds of an item, and what fixtures of modules, classes and the session took."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from .. import compat
from ..suite.groups import is_package, name_of
from ..worker.meter import Meter

KEY = "schedctl_measured"  # in workerinput, where the controller wants it; and of a report
_SHORT = 0.01  # seconds: how much of so little was computing is not worth the telling


class Measured(NamedTuple):
    """setups: seconds by the node's id, "" for the session. cpu: seconds of an item without them,
    which its last report has unless it was short."""

    setups: Dict[str, float]
    cpu: Optional[float]


_NOTHING = Measured({}, None)


class Worker:
    """A worker's plugin. What a package's fixtures take stays the item's."""

    def __init__(self) -> None:
        self._setups: Dict[str, float] = {}
        self._took = 0.0  # by the reports of the item that runs
        self.meter = Meter(self._add)

    def _add(self, node: Any, seconds: float) -> None:
        name = "" if node.parent is None else name_of(node)
        if name is not None and not is_package(node):
            self._setups[name] = self._setups.get(name, 0.0) + seconds

    @compat.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        self._end()  # what was computed until then was no item's

    def _end(self) -> Optional[float]:
        """Of an item, or of what was no item's: CPU seconds, if they are worth telling."""
        took, self._took = self._took, 0.0
        _, cpu, _ = self.meter.end()
        self.meter.begin()
        return cpu if took >= _SHORT else None

    @compat.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        self._took += getattr(report, "duration", 0.0) or 0.0
        cpu = self._end() if is_last(report) else None
        if self._setups or cpu is not None:
            setattr(report, KEY, Measured(self._setups, cpu)._asdict())
            self._setups = {}


def is_last(report: Any) -> bool:
    """Of its item, unless that is run again. A subtest's is of a part of one."""
    return getattr(report, "when", "") == "teardown" and not hasattr(report, "context")


def measure(config: Any) -> None:
    worker = Worker()
    config.pluginmanager.register(worker, "schedctl-measured")
    config.pluginmanager.register(worker.meter, "schedctl-meter")


def take(report: Any) -> Measured:
    """Off the report, which nobody else is to see it in."""
    found = getattr(report, "__dict__", {}).pop(KEY, None)
    return _NOTHING if found is None else Measured(**found)
