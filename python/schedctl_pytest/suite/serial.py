"""Items that must not run beside each other: ``xdist_group`` marks and the project's serial groups.

An item may be in several groups. It ties them together: all their items then run on one worker. So
what pytest-xdist promises of marks holds as well, which gives items with the same set of names to
one worker.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Optional, Pattern

from .marks import Found, Marks

MARK = "xdist_group"
_NOTHING: FrozenSet[str] = frozenset()

Names = List[FrozenSet[str]]  # per item


def groups(
    items: List[Any], marks: Marks, named: Dict[str, List[str]], dependent: Optional[Names] = None
) -> Optional[List[int]]:
    """Per item the number of its group or -1; None where there are none. named: from the settings,
    a group's name to its patterns; a mark of the same name means the same group. dependent: groups
    of other plugins' making."""
    if MARK not in marks.names and not named and dependent is None:
        return None
    compiled = _compiled(named) if named else {}
    names: Names = []
    for index, item in enumerate(items):
        found = _marked(marks.of_items[index])
        if dependent is not None:
            found |= dependent[index]
        for name, pattern in compiled.items():
            if pattern.match(item.nodeid):
                found |= {name}
        names.append(found)
    return _numbered(names) if any(names) else None


def _marked(marks: Found) -> FrozenSet[str]:
    return frozenset(_name(mark) for mark in marks if mark.name == MARK) if marks else _NOTHING


def _compiled(named: Dict[str, List[str]]) -> Dict[str, Pattern[str]]:
    from . import patterns

    return {name: patterns.compiled(texts) for name, texts in named.items()}


def _numbered(names: Names) -> List[int]:
    tied = _Tied()
    for group in names:
        tied.tie(group)
    numbers: Dict[str, int] = {}
    return [
        numbers.setdefault(tied.first(next(iter(group))), len(numbers)) if group else -1
        for group in names
    ]


def _name(mark: Any) -> str:
    return str(mark.args[0] if mark.args else mark.kwargs.get("name", "default"))


class _Tied:
    """Disjoint sets of names."""

    def __init__(self) -> None:
        self._above: Dict[str, str] = {}

    def tie(self, names: FrozenSet[str]) -> None:
        firsts = [self.first(name) for name in names]
        for first in map(self.first, firsts[1:]):
            if first != firsts[0]:
                self._above[first] = firsts[0]

    def first(self, name: str) -> str:
        while name in self._above:
            name = self._above[name]
        return name
