"""The interface keeps what its released versions promised."""

from __future__ import annotations

from pathlib import Path

import pytest
from service.varlink_types import Interface

from .versions import Compared, breaks, version_of

RELEASED = Path(__file__).resolve().parents[2] / "fixtures/interfaces"
NAME = "org.schedctl.Scheduler"
PARTS = ("types", "calls", "replies", "errors")


@pytest.fixture(scope="module")
def present() -> str:
    path = Path(__file__).resolve().parents[3] / f"docs/{NAME}.varlink"
    return path.read_text()


def released() -> "list[str]":
    return sorted(path.name for path in RELEASED.glob(f"{NAME}-*.varlink"))


@pytest.mark.parametrize("name", released())
def test_nothing_released_is_broken(present: str, name: str) -> None:
    text = (RELEASED / name).read_text()
    major, minor = version_of(text)
    assert name == f"{NAME}-{major}.{minor}.varlink"
    assert breaks(text, present) == []
    assert version_of(present)[0] == major, "another major version has another name"


def contract(text: str) -> "dict[str, object]":
    found = Interface(text)
    return {name: getattr(found, name) for name in PARTS}


def test_what_changed_has_a_version_of_its_own(present: str) -> None:
    """A version that is released is not changed: its fixture's contract is the present one's."""
    texts = [(RELEASED / name).read_text() for name in released()]
    versions = {version_of(text): text for text in texts}
    assert versions and max(versions) <= version_of(present)
    if version_of(present) in versions:
        same = contract(versions[version_of(present)]) == contract(present)
        assert same, "what was added needs a higher minor version"


OLD = """
# Version 1.0.
interface org.example.X
type Kind (a, b)
# May grow.
type Cause (c, d)
type Item (name: string, kind: Kind, cause: Cause, size: ?int)
method Get(name: string, limit: ?int) -> (items: []Item, at: ?(x: int))
method Put(item: Item) -> ()
error Full (limit: int)
"""

KEEP = [
    ("error Full", "error Other ()\nerror Full"),
    ("type Kind", "type New (x: int)\ntype Kind"),
    ("limit: ?int)", "limit: ?int, more: ?bool)"),
    ("Get(name: string", "Get(name: ?string"),
    ("at: ?(x: int)", "at: (x: int, y: int)"),
    ("size: ?int)", "size: ?int, weight: ?int)"),
    ("(c, d)", "(c, d, e)"),
    ("(limit: int)", "(limit: int, of: string)"),
    ("method Put", "method Drop(name: string) -> ()\nmethod Put"),
]

BREAK = [
    ("org.example.X", "org.example.Y", "org.example.X is called org.example.Y"),
    ("error Full (limit: int)", "", "the error Full is gone"),
    ("(limit: int)", "(limit: string)", "Full.limit is string, was int"),
    ("(limit: int)", "()", "Full.limit is gone"),
    ("method Put(item: Item) -> ()", "", "the method Put is gone"),
    ("type Kind (a, b)", "type Sort (a, b)", "the type Kind is gone"),
    ("name: string, limit", "limit", "Get.name is gone"),
    ("limit: ?int", "limit: int", "Get.limit must be given"),
    ("limit: ?int", "limit: ?float", "Get.limit is float, was int"),
    ("limit: ?int", "limit: ?int, all: bool", "Get.all is new and must be given"),
    ("items: []Item", "items: ?[]Item", "Get's reply.items may be absent"),
    ("items: []Item", "items: Item", "Get's reply.items is Item, was a array"),
    ("(x: int)", "(y: int)", "Get's reply.at.x is gone"),
    ("(a, b)", "(a)", "Kind has no b"),
    ("(a, b)", "(a, b, z)", "Kind has z"),
    ("(c, d)", "(c)", "Cause has no d"),
    ("size: ?int", "size: int", "Item.size must be given"),
    ("size: ?int", "size: ?int, weight: int", "Item.weight is new and must be given"),
    ("kind: Kind", "kind: Cause", "Item.kind is Cause, was Kind"),
    ("kind: Kind", "kind: ?Kind", "Item.kind may be absent"),
]


@pytest.mark.parametrize(("old", "new"), KEEP)
def test_what_may_change(old: str, new: str) -> None:
    assert old in OLD
    assert breaks(OLD, OLD.replace(old, new, 1)) == []


@pytest.mark.parametrize(("old", "new", "expected"), BREAK)
def test_breaks_are_found(old: str, new: str, expected: str) -> None:
    assert old in OLD
    assert expected in breaks(OLD, OLD.replace(old, new, 1))


def test_every_member_that_goes_is_missed(present: str) -> None:
    """The present interface without one field, value or member at a time."""
    whole = Interface(present)
    for members in (whole.types, whole.calls, whole.errors):
        for name in list(members):
            gone = Interface(present)
            for of in (gone.types, gone.calls, gone.replies, gone.errors):
                of.pop(name, None)
            assert Compared(whole, gone).all(), name
    for part in PARTS:
        for name, (_, of) in getattr(whole, part).items():
            for field in list(of):
                gone = Interface(present)
                inner = getattr(gone, part)[name][1]
                inner.remove(field) if isinstance(inner, list) else inner.pop(field)
                assert Compared(whole, gone).all(), f"{name}.{field}"
