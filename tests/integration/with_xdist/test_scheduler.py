"""What pytest-xdist's controller asks and tells, on workers that only note what they get."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, List

import pytest
from suites import plugin_path

ITEMS = [f"test_{name}" for name in "abcdefgh"]


class Node:
    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.shutting_down = False
        self.has_died = False
        self.got: List[int] = []

    def send_runtest_some(self, items: List[int]) -> None:
        if self.has_died:
            raise OSError("cannot send (already closed?)")
        self.got += items

    def shutdown(self) -> None:
        self.shutting_down = True


class Controlled:
    """A scheduler and its workers, each of which has collected the same."""

    def __init__(self, workers: int) -> None:
        from schedctl_pytest.xdist.deal import Unit
        from schedctl_pytest.xdist.scheduler import SchedctlScheduling

        self.counts = 0
        self.scheduler: Any = SchedctlScheduling(
            None, print, workers, lambda ids: [Unit([n], None) for n in range(len(ids))], self.count
        )
        self.nodes = [self.add(number) for number in range(workers)]
        for node in self.nodes:
            self.collect(node)

    def count(self) -> None:
        self.counts += 1

    def add(self, number: int) -> Node:
        node = Node(number)
        self.scheduler.add_node(node)
        return node

    def collect(self, node: Node) -> None:
        self.scheduler.add_node_collection(node, ITEMS)
        if self.scheduler.collection_is_completed:
            self.scheduler.schedule()

    def finish(self) -> List[int]:
        """Everybody runs what they get. What ran."""
        ran: List[int] = []
        nodes = [node for node in self.scheduler.nodes if not node.has_died]
        while any(node.got for node in nodes):
            for node in nodes:
                if node.got:
                    ran.append(node.got.pop(0))
                    self.scheduler.mark_test_complete(node, ran[-1], 9.0)
        assert self.scheduler.tests_finished
        return sorted(ran)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin_path())


def test_a_worker_dies_while_it_is_told() -> None:
    """That it has is heard later."""
    controlled = Controlled(2)
    dead = controlled.nodes[1]
    dead.has_died = True
    controlled.scheduler.mark_test_complete(dead, dead.got.pop(0), 9.0)
    crashed = controlled.scheduler.remove_node(dead)
    assert crashed == ITEMS[dead.got[0]]
    assert controlled.finish() == [n for n in range(8) if n not in (1, dead.got[0])]


def test_one_that_has_not_collected_is_not_wanted() -> None:
    controlled = Controlled(1)
    late = controlled.add(1)
    controlled.scheduler.retire("gw1")
    controlled.collect(late)
    assert late.shutting_down and late.got == []
    assert controlled.finish() == list(range(8))


def test_the_last_one_stays_until_another_comes() -> None:
    controlled = Controlled(1)
    controlled.scheduler.retire("gw0")
    assert [node.shutting_down for node in controlled.nodes] == [False]
    controlled.collect(controlled.add(1))
    assert [node.shutting_down for node in controlled.nodes] == [True]
    assert controlled.finish() == list(range(8))


def test_each_collection_is_counted_as_the_session_s() -> None:
    controlled = Controlled(2)
    assert controlled.counts == 1
    controlled.collect(controlled.add(2))
    assert controlled.counts == 2
