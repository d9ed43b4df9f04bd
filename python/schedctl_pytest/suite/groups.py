"""Which items share fixtures: modules, and classes in them."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

Group = Dict[str, Any]  # {"id": str, "parent": int}


class Groups:
    """Numbers the groups of a list of items; a parent's number is less than its children's."""

    def __init__(self) -> None:
        self.groups: List[Group] = []
        self._numbers: Dict[Any, int] = {}

    def of_item(self, item: Any) -> int:
        """The item's innermost group, or -1."""
        return self.of_node(item.parent)

    def of_node(self, node: Any) -> int:
        if node is None:
            return -1
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = self._new(node)
        return number

    def _new(self, node: Any) -> int:
        """Collectors that are neither a file nor a class (test classes' instances, packages,
        directories, the session) count as what they are in."""
        from _pytest.nodes import File
        from _pytest.python import Class, Package

        parent = self.of_node(node.parent)
        if isinstance(node, Package) or not isinstance(node, (File, Class)):
            return parent
        self.groups.append({"id": node.nodeid, "parent": parent})
        return len(self.groups) - 1

    def known(self, node: Any) -> int:
        """The group of a node that may never have been seen; adds none. For a fixture's node at run
        time."""
        return self._numbers.get(node, -1)


def of_items(items: List[Any]) -> Tuple[List[int], Groups]:
    groups = Groups()
    return [groups.of_item(item) for item in items], groups
