"""Which items share fixtures: modules, classes in them, and packages."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from .. import compat

Group = Dict[str, Any]  # {"id": str, "parent": int}, and "loose": True of a package

NOTHING = -1  # in place of a group's number
SESSION = 0xFFFFFFFF


class Groups:
    """Numbers the groups of a list of items; a parent's number is less than its children's."""

    def __init__(self, packages: bool = False) -> None:
        """packages: whether they are groups."""
        self.groups: List[Group] = []
        self._packages = packages
        self._numbers: Dict[Any, int] = {}

    def of_item(self, item: Any) -> int:
        """The item's innermost group, or -1."""
        return self.of_node(item.parent)

    def of_node(self, node: Any) -> int:
        if node is None:
            return NOTHING
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = self._new(node)
        return number

    def _new(self, node: Any) -> int:
        parent = self.of_node(node.parent)
        name = name_of(node)
        loose = is_package(node)
        if name is None or (loose and not self._packages):
            return parent
        self.groups.append({"id": name, "parent": parent, **({"loose": True} if loose else {})})
        return len(self.groups) - 1

    def known(self, node: Any) -> int:
        """What setting up a fixture of this node is the cost of: a group, or SESSION; adds none.
        The node may never have been seen."""
        return SESSION if node.parent is None else self._numbers.get(node, NOTHING)


def name_of(node: Any) -> Optional[str]:
    """A group's id; None of collectors that are no group and count as what they are in: the
    instances of test classes, directories, the session."""
    from _pytest.nodes import File
    from _pytest.python import Class

    if is_package(node):
        # Up to pytest 7 it has its __init__.py's id, which is also that of a module.
        return str(node.nodeid).removesuffix("__init__.py").rstrip("/") or "."
    return str(node.nodeid) if isinstance(node, (File, Class)) else None


def is_package(node: Any) -> bool:
    """Whether fixtures of a package's scope are this node's: a folder with an __init__.py."""
    from _pytest.python import Package

    return isinstance(node, Package)


def of_items(session: Any) -> Tuple[List[int], Groups]:
    """Packages are groups only where a fixture may be set up once for each."""
    groups = Groups(packages=compat.has_fixtures_of(session, "package"))
    return [groups.of_item(item) for item in session.items], groups
