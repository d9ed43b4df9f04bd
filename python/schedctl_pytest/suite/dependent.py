"""Items that depend on each other by what other plugins promise: each set runs in collection order
on one worker.

pytest-dependency skips what depends on an item that has not passed, and looks for that item in its
own process; pytest-order and its kin put items into an order that somebody relies on; the cells of
a notebook share a kernel; and the recipe of pytest's own documentation for incremental testing
looks at the class's earlier items.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Tuple

from .marks import Marks

# Item and mark -> a group's name for the item, which has that mark, or whose class or module has.
Grouping = Callable[[Any, Any], str]
Groupings = Dict[str, Grouping]  # by the mark's name


def of_items(
    items: List[Any], config: Any, marks: Marks, groupings: Groupings
) -> Optional[List[FrozenSet[str]]]:
    """Per item the names of its groups; None where there are none. groupings: of this session."""
    cells = _cells(config)
    if cells is None and marks.names.isdisjoint(groupings):
        return None
    found = [
        frozenset(groupings[mark.name](item, mark) for mark in its if mark.name in groupings)
        for item, its in zip(items, marks.of_items)
    ]
    if "dependency" in groupings:
        found = _whole_modules(items, found)
    if cells is not None:
        found = [
            groups | {f"notebook {item.parent.nodeid}"} if isinstance(item, cells) else groups
            for item, groups in zip(items, found)
        ]
    return found if any(found) else None


def groupings(config: Any) -> Groupings:
    """The marks that tie items, of the plugins that are there."""
    return dict(_marks(config))


def _marks(config: Any) -> Iterator[Tuple[str, Grouping]]:
    has = config.pluginmanager.hasplugin
    yield "incremental", lambda item, mark: f"incremental {item.parent.nodeid}"
    if has("dependency"):
        yield "dependency", _dependency
    if has("pytest_order"):
        yield "order", lambda item, mark: "order"
    if has("pytest_ordering"):
        yield "run", lambda item, mark: "order"
    if has("depends"):
        yield "depends", lambda item, mark: "depends"


def _dependency(item: Any, mark: Any) -> str:
    """Names are looked up in a scope; a wider one than a module is one group for all."""
    if mark.kwargs.get("scope", "module") in ("session", "package"):
        return _ALL_DEPENDENCIES
    return f"dependency {_module(item)}"


_ALL_DEPENDENCIES = "dependency"


def _module(item: Any) -> str:
    return str(item.nodeid).partition("::")[0]


def _whole_modules(items: List[Any], found: List[FrozenSet[str]]) -> List[FrozenSet[str]]:
    """What an item depends on need not have a mark (automark_dependency), nor be in its module."""
    everywhere = any(_ALL_DEPENDENCIES in groups for groups in found)
    modules = {
        _module(item)
        for item, groups in zip(items, found)
        if any(name.startswith(_ALL_DEPENDENCIES) for name in groups)
    }
    made = []
    for item, groups in zip(items, found):
        module = _module(item)
        if module in modules:
            groups |= {_ALL_DEPENDENCIES if everywhere else f"dependency {module}"}
        made.append(groups)
    return made


def _cells(config: Any) -> Any:
    """nbval's class of items, where notebooks are collected."""
    option = config.option
    if not (getattr(option, "nbval", False) or getattr(option, "nbval_lax", False)):
        return None
    return getattr(sys.modules.get("nbval.plugin"), "IPyNbCell", None)
