"""The marks that say how items are to be run: found in one walk over the items, most of which have
none."""

from __future__ import annotations

from typing import Any, Container, Dict, List, Set, Tuple

Found = Tuple[Any, ...]
_NOTHING: Found = ()

NEEDS = "schedctl"
_SAYS = (
    f"{NEEDS}(cpus, memory, resource, exclusive): what the test needs under schedctl run:"
    ' CPUs, memory ("2G"), units of a resource ("database:1"), or the machine alone.'
)


def register(config: Any) -> None:
    """In pytest_configure of whoever collects, for --strict-markers and --markers."""
    config.addinivalue_line("markers", _SAYS)


class Marks:
    """Those that have one of some names. of_items: per item its own and those of what it is in, the
    closest first, as pytest's iter_markers() has them; names: of which there are any."""

    def __init__(self, items: List[Any], wanted: Container[str]) -> None:
        self._wanted = wanted
        self._of_parents: Dict[Any, Found] = {None: _NOTHING}
        self.names: Set[str] = set()
        self.of_items: List[Found] = [self._of(item) for item in items]

    def _of(self, node: Any) -> Found:
        above = self._of_parents.get(node.parent)
        if above is None:
            above = self._of_parents[node.parent] = self._of(node.parent)
        own = getattr(node, "own_markers", ())
        return self._chosen(own) + above if own else above

    def _chosen(self, marks: List[Any]) -> Found:
        chosen = tuple(mark for mark in marks if mark.name in self._wanted)
        self.names.update(mark.name for mark in chosen)
        return chosen
