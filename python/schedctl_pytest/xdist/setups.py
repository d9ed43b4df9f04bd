"""What fixtures of modules, classes and the session took in a worker of pytest-xdist, which goes to
the controller as an attribute of the next report."""

from __future__ import annotations

from typing import Any, Dict

from .. import compat
from ..suite.groups import is_package, name_of
from ..worker.meter import Meter

KEY = "schedctl_setups"  # in workerinput, where the controller wants them; and of a report

Setups = Dict[str, float]  # seconds by the node's id, "" for the session


class Worker:
    """A worker's plugin. What a package's fixtures take stays the item's."""

    def __init__(self) -> None:
        self._setups: Setups = {}
        self.meter = Meter(self._add)

    def _add(self, node: Any, seconds: float) -> None:
        name = "" if node.parent is None else name_of(node)
        if name is not None and not is_package(node):
            self._setups[name] = self._setups.get(name, 0.0) + seconds

    @compat.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if self._setups:
            setattr(report, KEY, self._setups)
            self._setups = {}


def measure(config: Any) -> None:
    worker = Worker()
    config.pluginmanager.register(worker, "schedctl-setups")
    config.pluginmanager.register(worker.meter, "schedctl-meter")


def take(report: Any) -> Setups:
    """Off the report, which nobody else is to see it in."""
    found: Setups = getattr(report, "__dict__", {}).pop(KEY, {})
    return found
