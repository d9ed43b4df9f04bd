"""Which unit goes to which worker, and when; no I/O and no clock.

A worker of pytest-xdist runs an item only when it knows the next one, so each has something that it
has not begun. What waits behind a long item is lost to the others, so there it is the shortest unit
that is left (they come longest first, Graham 1969), or nothing, where the others will have begun
all of it before the long one ends. Short items are sent ahead by seconds, less and less towards the
end (guided self-scheduling, Polychronopoulos & Kuck 1987), so that no worker waits for an answer.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import Deque, Iterable, List, NamedTuple, Optional, Sequence, Tuple

AHEAD = 0.2  # seconds of work that a worker has at most behind what it runs
_CHEAP = 0.05  # of a long item: a unit this short may wait behind it


class Unit(NamedTuple):
    """Items for one worker, one after the other. each: seconds of one; None: nobody knows."""

    items: List[int]
    each: Optional[float]


class Load:
    """What one worker has been sent and has not run; the first of it is running."""

    def __init__(self) -> None:
        self._items: Deque[Tuple[int, Unit]] = deque()
        self._known = 0.0
        self._unknown = 0
        self.began = 0.0  # when the first of it did

    def __len__(self) -> int:
        return len(self._items)

    def add(self, unit: Unit, now: float) -> None:
        if not self._items:
            self.began = now
        self._items.extend((item, unit) for item in unit.items)
        self._count(unit, len(unit.items))

    def done(self, item: int, now: float) -> None:
        for place, (other, unit) in enumerate(self._items):
            if other == item:
                del self._items[place]
                self._count(unit, -1)
                break
        self.began = now

    def _count(self, unit: Unit, items: int) -> None:
        if unit.each is None:
            self._unknown += items
        else:
            self._known += items * unit.each

    def seconds(self, typical: float) -> float:
        """Of everything in it; typical: of an item that nobody knows."""
        return max(0.0, self._known) + self._unknown * typical

    def last(self, typical: float) -> float:
        """Seconds of the last item, which begins only when it knows the next one."""
        each = self._items[-1][1].each if self._items else 0.0
        return typical if each is None else each

    def left(self, typical: float, now: float) -> float:
        """Until it is through. What has begun may take longer than thought: it counts as over."""
        if not self._items:
            return 0.0
        first = self._items[0][1].each
        first = typical if first is None else first
        return self.seconds(typical) - min(first, max(0.0, now - self.began))

    def lose(self) -> Tuple[Optional[int], List[Unit]]:
        """The item that the worker has died in, and what is left of its units."""
        if not self._items:
            return None, []
        crashed, _ = self._items.popleft()
        units: List[Unit] = []
        last: Optional[Unit] = None
        for item, unit in self._items:
            if unit is not last:
                units.append(Unit([], unit.each))
                last = unit
            units[-1].items.append(item)
        self._items.clear()
        return crashed, units


class Deal:
    """The units that no worker has yet, in the order in which they are to begin."""

    def __init__(self, units: Iterable[Unit] = ()) -> None:
        self._queue: Deque[Unit] = deque()
        self._known = 0.0  # seconds in the queue
        self._unknown = 0  # items in it
        self._seen = 0
        self._seen_seconds = 0.0
        for unit in units:
            self._queue.append(unit)
            self._count(unit, 1)

    def __bool__(self) -> bool:
        return bool(self._queue)

    def _count(self, unit: Unit, sign: int) -> None:
        if unit.each is None:
            self._unknown += sign * len(unit.items)
        else:
            self._known += sign * len(unit.items) * unit.each

    def _pop(self, shortest: bool = False) -> Unit:
        unit = self._queue.pop() if shortest else self._queue.popleft()
        self._count(unit, -1)
        return unit

    def put_back(self, units: Sequence[Unit]) -> None:
        """They had been dealt: they are the next."""
        for unit in reversed(units):
            self._queue.appendleft(unit)
            self._count(unit, 1)

    def learn(self, seconds: float) -> None:
        """What some item took."""
        self._seen += 1
        self._seen_seconds += max(0.0, seconds)

    @property
    def typical(self) -> float:
        """Seconds of an item that nobody knows: as the others; at first many, so that few are
        sent."""
        return self._seen_seconds / self._seen if self._seen else AHEAD

    @property
    def seconds(self) -> float:
        """Of everything that no worker has."""
        return max(0.0, self._known) + self._unknown * self.typical

    def first(self, load: Load, now: float) -> List[int]:
        """The next unit, for a worker that has nothing, before others get what they are to have
        ahead."""
        if not self._queue:
            return []
        unit = self._pop()
        load.add(unit, now)
        return list(unit.items)

    def feed(self, load: Load, others: Sequence[Load], now: float) -> Tuple[List[int], bool]:
        """The items that the worker is to be sent, and whether it is to end when it has run
        everything. others: what those have who get more when they are through."""
        ahead = min(AHEAD, self.seconds / 4 / (1 + len(others)))
        sent: List[int] = []
        if self._has(load, ahead / 2):  # to send seldom, and then more
            return sent, not self._queue
        while self._queue and not self._has(load, ahead):
            unit = self._choose(load, others, ahead, now)
            if unit is None:
                return sent, True
            load.add(unit, now)
            sent += unit.items
        return sent, not self._queue

    def _has(self, load: Load, ahead: float) -> bool:
        """Whether a worker has so many seconds before it waits for an answer."""
        if len(load) < 2:
            return False
        return load.seconds(self.typical) - load.last(self.typical) >= ahead

    def _choose(
        self, load: Load, others: Sequence[Load], ahead: float, now: float
    ) -> Optional[Unit]:
        """None: the others will do everything before this one is through."""
        last = load.last(self.typical)
        shortest = self._queue[-1].each
        if last <= ahead or shortest is None:
            return self._pop()
        if shortest * len(self._queue[-1].items) <= _CHEAP * last:
            return self._pop(shortest=True)
        before = self._begun_before(load, others, now)
        if before == len(self._queue) and not self._unknown:
            return None
        return self._pop(shortest=before > 0)

    def _begun_before(self, load: Load, others: Sequence[Load], now: float) -> int:
        """How many units the others will have begun when this worker is through, by list
        scheduling."""
        own = load.left(self.typical, now)
        ends = [other.left(self.typical, now) for other in others]
        if not ends:
            return 0
        heapq.heapify(ends)
        for place, unit in enumerate(self._queue):
            if own <= ends[0]:
                return place
            each = self.typical if unit.each is None else unit.each
            heapq.heapreplace(ends, ends[0] + len(unit.items) * each)
        return len(self._queue)
