"""What is to stay in one worker, as the installed pytest-xdist would say."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from . import others
from .deal import Unit

# Those whose items may begin in another order.
_SCHEDULERS = {
    "load": "LoadScheduling",
    "loadscope": "LoadScopeScheduling",
    "loadfile": "LoadFileScheduling",
    "loadgroup": "LoadGroupScheduling",
}


def dealt_by(config: Any) -> str:
    """Who deals where like() does not say how, or where nobody asks it; "" else."""
    names = others(config.hook.pytest_xdist_make_scheduler)
    if names:
        return f"pytest_xdist_make_scheduler of {names[0]}"
    dist = config.getvalue("dist")
    return "" if dist in _SCHEDULERS else f"pytest-xdist, with --dist {dist}"


def like(config: Any, log: Any) -> Any:
    """pytest-xdist's own scheduler of the same kind; None for kinds that are left to it."""
    from xdist import scheduler

    dist = config.getvalue("dist")
    kind = getattr(scheduler, _SCHEDULERS.get(dist, ""), None)
    if kind is None or dist != "load" and not hasattr(kind, "_split_scope"):
        return None
    return kind(config, log)


def of_items(scheduler: Any, ids: Sequence[str]) -> Optional[List[int]]:
    """Per item the number of its scope; None where each is for itself."""
    split = getattr(scheduler, "_split_scope", None)
    if split is None:
        return None
    numbers: Dict[str, int] = {}
    return [numbers.setdefault(split(nodeid), len(numbers)) for nodeid in ids]


def plain(dist: str, nodeid: str) -> str:
    """The id without the group that pytest-xdist appends where it deals by groups."""
    name, at, group = nodeid.rpartition("@")
    if dist != "loadgroup" or not at or "]" in group or "::" in group:
        return nodeid
    return name


def units(plan: Dict[str, Any], items: int) -> Optional[List[Unit]]:
    """Those of the engine's plan; None where it has none for so many items."""
    if plan.get("mode") == "dry":
        return []
    if plan.get("mode") != "xdist":
        return None
    found, wanted = [], plan["units"]
    seconds = plan.get("seconds") or [-1] * len(wanted)
    for unit, whole in zip(wanted, seconds):
        if unit:
            found.append(Unit(list(unit), whole / len(unit) if whole >= 0 else None))
    named = [item for unit in found for item in unit.items]
    if len(set(named)) != len(named) or not all(0 <= item < items for item in named):
        return None
    return found


def as_collected(units: List[Unit]) -> List[Unit]:
    """In the order of the collection, to which what is known of their seconds would be no help."""
    return [Unit(unit.items, None) for unit in sorted(units, key=lambda unit: unit.items)]


def in_order(of_items: Optional[List[int]], items: int) -> List[Unit]:
    """As pytest-xdist has them where nothing is known."""
    if of_items is None:
        return [Unit([item], None) for item in range(items)]
    found: Dict[int, Unit] = {}
    for item, scope in enumerate(of_items):
        found.setdefault(scope, Unit([], None)).items.append(item)
    return list(found.values())
