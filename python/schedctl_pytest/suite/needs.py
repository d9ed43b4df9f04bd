"""What items need beside a worker, by ``@pytest.mark.schedctl`` and the project's settings: CPUs,
memory, units of limited resources, or the machine to themselves.

Whatever is closest to the item says how many CPUs and how much memory: its own mark, its class's,
its module's, then the settings, of whose patterns the last one counts. Resources add up by name,
and exclusive is who is called so anywhere.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Pattern, Set
from typing import Tuple

import pytest

from . import amounts
from .marks import NEEDS, Found


class Need(NamedTuple):
    """Of one mark or pattern, or of an item. None: it does not say."""

    cpus: Optional[int] = None
    memory: Optional[int] = None  # MiB
    resources: Dict[str, int] = {}
    exclusive: bool = False


_NOTHING = Need()


class Needs:
    """Those of a suite. exclusive: the items that are to run alone; of_items: the others' needs,
    and resources: how many there are of each in them, both as the engine is told."""

    def __init__(self) -> None:
        self.exclusive: Set[int] = set()
        self.of_items: List[Dict[str, Any]] = []
        self.resources: Dict[str, int] = {}


# One mark's, one pattern's


def _switch(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"has to be true or false, not {value!r}")
    return value


_READERS: Dict[str, Tuple[str, Callable[[Any], Any]]] = {
    "cpus": ("cpus", amounts.cpus),
    "memory": ("memory", amounts.mebibytes),
    "resource": ("resources", amounts.resources),
    "exclusive": ("exclusive", _switch),
}


def read(given: Dict[str, Any]) -> Need:
    """ValueError names the key of what is wrong."""
    made: Dict[str, Any] = {}
    for key, value in given.items():
        if key not in _READERS:
            raise ValueError(f"{key}: no such need; there are {', '.join(_READERS)}")
        field, reader = _READERS[key]
        try:
            made[field] = reader(value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return Need(**made)


def _read_mark(mark: Any) -> Need:
    if mark.args:
        raise ValueError(f"takes names alone: {', '.join(_READERS)}")
    return read(mark.kwargs)


# An item's


def combined(needs: Iterable[Need]) -> Need:
    """needs: the closest first."""
    cpus = memory = None
    resources: Dict[str, int] = {}
    exclusive = False
    for need in needs:
        cpus = need.cpus if cpus is None else cpus
        memory = need.memory if memory is None else memory
        exclusive = exclusive or need.exclusive
        for name, amount in need.resources.items():
            resources[name] = max(resources.get(name, 0), amount)
    return Need(cpus, memory, resources, exclusive)


class _Reader:
    """Reads each mark once, and says whose it was that is wrong."""

    def __init__(self, named: Dict[str, Need]) -> None:
        """named: the settings' patterns."""
        self._named = list(reversed([*_compiled(named)]))
        self._known: Dict[int, Need] = {}

    def of(self, item: Any, marks: Found) -> Iterator[Need]:
        for mark in marks:
            if mark.name == NEEDS:
                yield self._of_mark(item, mark)
        for pattern, need in self._named:
            if pattern.match(item.nodeid):
                yield need

    def _of_mark(self, item: Any, mark: Any) -> Need:
        need = self._known.get(id(mark))
        if need is None:
            try:
                need = self._known[id(mark)] = _read_mark(mark)
            except ValueError as error:
                raise pytest.UsageError(f"{item.nodeid}: mark {NEEDS}: {error}") from None
        return need


def _compiled(named: Dict[str, Need]) -> Iterator[Tuple[Pattern[str], Need]]:
    from .patterns import compiled

    for text, need in named.items():
        yield compiled([text]), need


def of_items(
    items: List[Any], marks: List[Found], named: Dict[str, Need], capacities: Dict[str, int]
) -> Needs:
    """marks: per item; named, capacities: the settings' patterns, and how many there are of each
    resource. pytest.UsageError names the item of what is wrong."""
    found = Needs()
    reader = _Reader(named)
    for index, item in enumerate(items):
        needs = list(reader.of(item, marks[index]))
        need = combined(needs) if needs else _NOTHING
        if need.exclusive:
            found.exclusive.add(index)
            continue
        told = _told(need)
        if told:
            found.of_items.append({"item": index, **told})
            for name in need.resources:
                found.resources[name] = capacities.get(name, 1)
    return found


def _told(need: Need) -> Dict[str, Any]:
    told: Dict[str, Any] = {}
    if need.cpus is not None and need.cpus > 1:
        told["cpus"] = need.cpus
    if need.memory is not None:
        told["memory"] = need.memory
    if need.resources:
        told["resources"] = need.resources
    return told
