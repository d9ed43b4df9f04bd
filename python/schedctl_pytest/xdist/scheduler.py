"""A scheduler as pytest-xdist's controller wants it (2.5 and later), which deals in the engine's
order."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

import pytest

from .deal import Deal, Load, Unit

Plan = Callable[[List[str]], List[Unit]]


class SchedctlScheduling:
    """plan: asks for the units of a collection, in the order in which they are to begin. numnodes:
    how many workers collect before anything is dealt. count: says how many items the session has;
    pytest-xdist takes whatever the worker has that collected last."""

    def __init__(
        self, config: Any, log: Any, numnodes: int, plan: Plan, count: Callable[[], None]
    ) -> None:
        self.config = config
        self.log = log
        self.numnodes = numnodes
        self.collection: Optional[List[str]] = None
        self._plan = plan
        self._count = count
        self._deal = Deal()
        self._loads: Dict[Any, Load] = {}
        self._collections: Dict[Any, List[str]] = {}  # also of those that are gone
        self._unwanted: Set[str] = set()  # gateways that are to end

    # What the controller asks

    @property
    def nodes(self) -> List[Any]:
        return list(self._loads)

    @property
    def collection_is_completed(self) -> bool:
        return len(self._collections) >= self.numnodes

    @property
    def tests_finished(self) -> bool:
        """As pytest-xdist has it: until then, what a worker has that dies may be dealt again."""
        if not self.collection_is_completed or self._deal:
            return False
        return all(len(load) < 2 for load in self._loads.values())

    @property
    def has_pending(self) -> bool:
        return bool(self._deal) or any(self._loads.values())

    # What it tells

    def add_node(self, node: Any) -> None:
        assert node not in self._loads
        self._loads[node] = Load()

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        assert node in self._loads
        if self.collection is None:
            self._collections[node] = list(collection)
        elif list(collection) == self.collection:
            self._collections[node] = self.collection
        else:
            self._refuse(node, collection)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        self._deal.learn(duration)
        self._loads[node].done(item_index, time.monotonic())
        self._feed(node)

    def mark_test_pending(self, item: str) -> None:
        """Once more: whoever handles crashed items wants it."""
        assert self.collection is not None
        self._deal.put_back([Unit([self.collection.index(item)], None)])
        self._feed_all()

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        raise NotImplementedError()  # nothing is taken back

    def remove_node(self, node: Any) -> Optional[str]:
        """Returns the item that it has died in. The rest of what it had is for others."""
        crashed, units = self._loads.pop(node).lose()
        self._deal.put_back(units)
        self._feed_all()
        return None if crashed is None or self.collection is None else self.collection[crashed]

    def schedule(self) -> None:
        """Everybody has collected, or another one has."""
        assert self.collection_is_completed
        if self.collection is None:
            if not self._is_same_collection():
                self.log("**Different tests collected, aborting run**")
                return
            self.collection = next(iter(self._collections.values()))
            self._deal = Deal(self._plan(self.collection))
        self._count()
        self._end_unwanted()
        now = time.monotonic()
        for node in self._live():
            if not self._loads[node]:
                self._send(node, self._deal.first(self._loads[node], now))
        self._feed_all()

    # What the engine wishes

    def retire(self, gateway: str) -> None:
        """That worker gets nothing more, and ends when it has collected and run what it was sent;
        the last one stays until another comes."""
        self._unwanted.add(gateway)
        if self.collection is not None:
            self._end_unwanted()

    def _end_unwanted(self) -> None:
        for node in self._live():
            if node.gateway.id in self._unwanted and len(self._live()) > 1:
                node.shutdown()

    def seconds_each(self) -> float:
        """What every worker will yet get, as far as anybody knows."""
        return self._deal.seconds / max(1, len(self._live()))

    # Dealing

    def _live(self) -> List[Any]:
        """Those that get more."""
        return [
            node for node in self._loads if node in self._collections and not node.shutting_down
        ]

    def _feed_all(self) -> None:
        if self.collection is not None:
            for node in self._live():
                self._feed(node)

    def _feed(self, node: Any) -> None:
        live = self._live()
        if node not in live:
            return
        others = [self._loads[other] for other in live if other is not node]
        items, ends = self._deal.feed(self._loads[node], others, time.monotonic())
        self._send(node, items)
        if ends:
            node.shutdown()

    @staticmethod
    def _send(node: Any, items: List[int]) -> None:
        if not items:
            return
        try:
            node.send_runtest_some(items)
        except OSError:
            pass  # it has died: what it had, these included, is dealt again when that is told

    # Collections that differ

    def _is_same_collection(self) -> bool:
        """Reports the differences as pytest-xdist's schedulers do."""
        (first, wanted), *others = self._collections.items()
        found = [self._report(first, wanted, node, collection) for node, collection in others]
        return not any(found)

    def _refuse(self, node: Any, collection: Sequence[str]) -> None:
        """A worker that came later cannot be told what to run; an error where nobody else is
        left."""
        assert self.collection is not None
        node.shutdown()
        self.log("another collection than before:", node)
        if self._deal and not self._live():
            self._report(next(iter(self._collections)), self.collection, node, collection)
            self._deal = Deal()

    def _report(
        self, first: Any, wanted: Sequence[str], node: Any, collection: Sequence[str]
    ) -> bool:
        from xdist.report import report_collection_diff

        text = report_collection_diff(wanted, collection, first.gateway.id, node.gateway.id)
        if not text:
            return False
        self.log(text)
        report = pytest.CollectReport(node.gateway.id, "failed", longrepr=text, result=[])
        self.config.hook.pytest_collectreport(report=report)
        return True
