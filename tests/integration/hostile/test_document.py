"""docs/robustness.md names tests and limits that there are, and every test of this folder."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from service.conftest import SOURCE

HERE = Path(__file__).parent
SECTIONS = ("Bad input and hostile clients", "Limits", "Faults")
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
LIMIT = re.compile(r"`([A-Z_]+)`, `([\w/]+\.h)`")


def rows(section: str) -> list[str]:
    """Those of its table."""
    text = (SOURCE / "docs/robustness.md").read_text().split(f"\n## {section}\n")[1]
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return lines[2:]


def names_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return {node.name for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_is_a_test(section: str) -> None:
    assert rows(section)
    for row in rows(section):
        named = TEST.findall(row)
        assert named, row
        for file, name in named:
            assert name in names_of(HERE.parent / file), f"{file}::{name}"


def test_every_limit_is_there() -> None:
    for row in rows("Limits"):
        ((name, file),) = LIMIT.findall(row)
        assert re.search(rf"\b{name} =", (SOURCE / file).read_text()), row


def test_every_attack_is_a_row() -> None:
    named = {found for section in SECTIONS for row in rows(section) for found in TEST.findall(row)}
    for path in HERE.glob("test_*.py"):
        if path.name != Path(__file__).name:
            for name in names_of(path):
                assert (f"hostile/{path.name}", name) in named, name
