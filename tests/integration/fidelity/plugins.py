"""Which plugins of pytest this interpreter has, and a suite that loads some of them."""

from __future__ import annotations

import importlib.util
from typing import Dict

import pytest

from suites import Suite


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def loading(suite: Suite, **wanted: str) -> Suite:
    """module="entry point": skips the test where a module is missing."""
    for module in wanted:
        pytest.importorskip(module)
    return suite.load(*wanted.values())


def write_those(suite: Suite, modules: Dict[str, "tuple[str, str]"]) -> int:
    """module: (entry point or "", text of a test file). Writes those of installed modules, and
    returns how many."""
    found = {module: given for module, given in modules.items() if has(module)}
    for module, (entry, text) in found.items():
        if entry:
            suite.load(entry)
        suite.write(**{f"test_{module}": text})
    return len(found)
