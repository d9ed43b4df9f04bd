"""What an item cost: wall time, CPU time with reaped children, and the fixtures of wider scope that
it set up."""

from __future__ import annotations

import resource
from typing import Any, Callable, Generator, List, Tuple

import pytest

from .. import compat
from .own import Own


def cpu_and_rss() -> Tuple[float, int]:
    """CPU seconds of this process and its reaped children, and its peak memory in KiB."""
    own = Own.getrusage(resource.RUSAGE_SELF)
    children = Own.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return cpu, own.ru_maxrss


class Meter:
    """A plugin; begin() and end() enclose one item.

    on_setup(node, seconds) hears of every fixture of a node that the item is in; its time is not
    the item's. Neither is time spent in waited().
    """

    def __init__(self, on_setup: Callable[[Any, float], None]) -> None:
        self._on_setup = on_setup
        self._nested: List[float] = []
        self._began = 0.0
        self._cpu, _ = cpu_and_rss()
        self._apart = 0.0
        self._apart_cpu = 0.0

    def begin(self) -> float:
        """When the item begins. CPU time counts from the end of the item before: reading it twice
        would cost as much as an empty test."""
        self._apart = self._apart_cpu = 0.0
        self._began = Own.clock()
        return self._began

    def end(self) -> Tuple[float, float, int]:
        """(wall, cpu, rss) of the item."""
        wall = Own.clock() - self._began - self._apart
        cpu, rss = cpu_and_rss()
        spent, self._cpu = cpu - self._cpu - self._apart_cpu, cpu
        return max(wall, 0.0), max(spent, 0.0), rss

    def waited(self, seconds: float) -> None:
        self._apart += seconds

    @compat.wrapper(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
        # A fixture of a class's scope is the item's own where that is in no class.
        if fixturedef.scope == "function" or isinstance(request.node, pytest.Item):
            return (yield)
        began, cpu = Own.clock(), cpu_and_rss()[0]
        self._nested.append(0.0)
        try:
            return (yield)
        finally:
            self._set_up(request.node, began, cpu)

    def _set_up(self, node: Any, began: float, cpu: float) -> None:
        took = Own.clock() - began
        inner = self._nested.pop()
        if self._nested:
            self._nested[-1] += took
        else:
            self._apart += took
            self._apart_cpu += cpu_and_rss()[0] - cpu
        self._on_setup(node, took - inner)
