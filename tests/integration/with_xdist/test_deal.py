"""Who gets what, on workers as pytest-xdist's are: an item begins when the next one is known or the
worker is to end. No process, no clock."""

from __future__ import annotations

import heapq
import random
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import pytest
from suites import plugin_path


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin_path())


class Simulated:
    """Runs a deal to its end. units: seconds of each item of each unit; known: whether the dealer
    is told; wrong: factor by which an item may be longer or shorter than told."""

    def __init__(self, units: Sequence[Sequence[float]], workers: int, known: bool = True) -> None:
        from schedctl_pytest.xdist.deal import Deal, Load, Unit

        self.seconds: List[float] = [one for unit in units for one in unit]
        numbers = iter(range(len(self.seconds)))
        self.units = [[next(numbers) for _ in unit] for unit in units]
        each = [sum(unit) / len(unit) if known else None for unit in units]
        self.deal: Any = Deal(Unit(list(unit), one) for unit, one in zip(self.units, each))
        self.loads: List[Any] = [Load() for _ in range(workers)]
        self.queues: List[List[int]] = [[] for _ in range(workers)]
        self.ended: Set[int] = set()
        self.running: Dict[int, int] = {}
        self.ran: List[Tuple[float, float, int, int]] = []  # begin, end, worker, item
        self.messages = 0
        self.now = 0.0
        self._events: List[Tuple[float, int]] = []

    def run(self) -> float:
        """Returns the makespan."""
        for worker, load in enumerate(self.loads):
            self.send(worker, self.deal.first(load, self.now))
        for worker in range(len(self.loads)):
            self.feed(worker)
        while self._events:
            self.now, worker = heapq.heappop(self._events)
            item = self.running.pop(worker)
            self.deal.learn(self.seconds[item])
            self.loads[worker].done(item, self.now)
            self.begin(worker)
            self.feed(worker)
        assert sorted(item for *_, item in self.ran) == list(range(len(self.seconds)))
        return max((end for _, end, *_ in self.ran), default=0.0)

    def feed(self, worker: int) -> None:
        if worker in self.ended:
            return
        live = (other for other in range(len(self.loads)) if other not in self.ended)
        others = [self.loads[other] for other in live if other != worker]
        items, ends = self.deal.feed(self.loads[worker], others, self.now)
        self.send(worker, items)
        if ends:
            self.ended.add(worker)
            self.begin(worker)

    def send(self, worker: int, items: List[int]) -> None:
        self.messages += bool(items)
        self.queues[worker] += items
        self.begin(worker)

    def begin(self, worker: int) -> None:
        queue = self.queues[worker]
        if worker in self.running or len(queue) < (1 if worker in self.ended else 2):
            return
        item = self.running[worker] = queue.pop(0)
        end = self.now + self.seconds[item]
        self.ran.append((self.now, end, worker, item))
        heapq.heappush(self._events, (end, worker))

    def worker_of(self, item: int) -> Optional[int]:
        return next((worker for _, _, worker, other in self.ran if other == item), None)


def listed(units: Sequence[Sequence[float]], workers: int) -> float:
    """The makespan of list scheduling (Graham 1969), where nobody has to know what comes next."""
    ends = [0.0] * workers
    for unit in units:
        heapq.heapreplace(ends, ends[0] + sum(unit))
    return max(ends)


def heavy_tailed(seed: int, count: int) -> List[List[float]]:
    generator = random.Random(seed)
    drawn = (min(30.0, generator.paretovariate(1.1) * 0.01) for _ in range(count))
    return [[seconds] for seconds in sorted(drawn, reverse=True)]


@pytest.mark.parametrize("workers", [1, 2, 3, 8, 24])
@pytest.mark.parametrize("count", [1, 2, 5, 30, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_as_short_as_list_scheduling(workers: int, count: int, seed: int) -> None:
    """But for what waits behind a long item, which is the shortest there is."""
    from schedctl_pytest.xdist.deal import AHEAD

    units = heavy_tailed(seed, count)
    makespan = Simulated(units, workers).run()
    best = max(sum(seconds for unit in units for seconds in unit) / workers, units[0][0])
    assert makespan <= max(listed(units, workers), best) + AHEAD / 2


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("seed", range(6))
def test_long_items_one_by_one(workers: int, seed: int) -> None:
    """Few and long, as in a suite of integration tests: nothing waits that another would take."""
    generator = random.Random(seed)
    units = [[generator.uniform(1, 60)] for _ in range(generator.randrange(1, 20))]
    units.sort(reverse=True)
    assert Simulated(units, workers).run() <= listed(units, workers) * 1.15


def test_nothing_waits_behind_a_long_item_that_others_can_run() -> None:
    simulated = Simulated([[10.0], [4.0], [4.0]], 2)
    assert simulated.run() == 10.0


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_units_stay_whole(known: bool, workers: int) -> None:
    generator = random.Random(workers)
    sizes = [generator.randrange(1, 9) for _ in range(60)]
    units = [[generator.expovariate(5) for _ in range(size)] for size in sizes]
    simulated = Simulated(units, workers, known)
    simulated.run()
    order = [item for *_, item in sorted(simulated.ran, key=lambda ran: (ran[2], ran[0]))]
    for unit in simulated.units:
        place = order.index(unit[0])
        assert order[place : place + len(unit)] == unit
        assert len({simulated.worker_of(item) for item in unit}) == 1


def test_short_items_go_ahead_in_batches() -> None:
    simulated = Simulated([[0.001]] * 5000, 2, known=False)
    assert simulated.run() < 2.5 * 1.05
    assert simulated.messages < 500


def test_unknown_items_are_dealt_one_by_one_at_first() -> None:
    simulated = Simulated([[3.0]] * 7, 3, known=False)
    assert simulated.run() == 9.0
