"""Items that run alone, in the reporter, once the workers are done; each with the reason.

A measurement is worth nothing beside other work, and its table is made where it ran; a plugin that
rewrites the user's files from what all items said has to have heard all of them.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Collection, Dict, Iterator, List, Tuple

Because = Callable[[Any], bool]


class Alone:
    """items: their numbers; why: in a few words, "" where there are none."""

    def __init__(self, items: List[int], why: str) -> None:
        self.items = items
        self.why = why


def of_items(
    items: List[Any], config: Any, patterns: List[str], exclusive: Collection[int] = ()
) -> Alone:
    """patterns: the project's own wishes; exclusive: items that need the machine for themselves."""
    wanted = list(_wanted(config, patterns))
    if exclusive:
        wanted.insert(0, ("exclusive by a mark or the settings", _among(items, exclusive)))
    counts: Dict[str, int] = {}
    found: List[int] = []
    for index, item in enumerate(items) if wanted else ():
        for reason, applies in wanted:
            if applies(item):
                found.append(index)
                counts[reason] = counts.get(reason, 0) + 1
                break
    return Alone(found, "; ".join(_sentence(*count) for count in counts.items()))


def _sentence(reason: str, count: int) -> str:
    return f"{count} item{'s' if count > 1 else ''} alone: {reason}"


def _wanted(config: Any, patterns: List[str]) -> Iterator[Tuple[str, Because]]:
    if patterns:
        yield "the project's settings name them", _named(patterns)
    if _measures(config):
        yield "pytest-benchmark measures them", _uses("benchmark")
    if _updates_snapshots(config):
        yield "syrupy updates their snapshots", _uses("snapshot")
    if _changes_sources(config):
        yield "inline-snapshot may change their modules", _imports("inline_snapshot")


def _named(patterns: List[str]) -> Because:
    from .patterns import compiled

    pattern = compiled(patterns)
    return lambda item: pattern.match(item.nodeid) is not None


def _among(items: List[Any], numbers: Collection[int]) -> Because:
    chosen = {id(items[number]) for number in numbers}
    return lambda item: id(item) in chosen


def _uses(fixture: str) -> Because:
    return lambda item: fixture in getattr(item, "fixturenames", ())


def _measures(config: Any) -> bool:
    session = getattr(config, "_benchmarksession", None)
    return session is not None and not session.disabled and not session.skip


def _updates_snapshots(config: Any) -> bool:
    """Each worker would write the whole file, or, with versions of syrupy that take nothing from
    workers, nobody would know which snapshots are used."""
    session = getattr(config, "_syrupy", None)
    if session is None:
        return False
    return bool(session.update_snapshots) or not hasattr(session, "add_worker_report")


def _changes_sources(config: Any) -> bool:
    """It reports at least, unless it was told not to or nobody looks at a terminal."""
    if not config.pluginmanager.hasplugin("inline-snapshot-plugin"):
        return False
    state = getattr(sys.modules.get("inline_snapshot._global_state"), "state", None)
    return state is None or bool(getattr(state(), "active", True))


def _imports(package: str) -> Because:
    """Whether an item's module has anything of this package's among its names."""
    known: Dict[str, bool] = {}

    def imports(item: Any) -> bool:
        name = getattr(getattr(item, "module", None), "__name__", "")
        if name not in known:
            values = vars(sys.modules[name]).values() if name in sys.modules else ()
            known[name] = any(_of(value, package) for value in values)
        return known[name]

    return imports


def _of(value: Any, package: str) -> bool:
    named = value.__name__ if isinstance(value, type(sys)) else getattr(value, "__module__", "")
    return str(named).partition(".")[0] == package
