"""Plugins that put items into an order, and those whose items depend on it."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

import pytest

from fidelity.compared import assert_same
from fidelity.plugins import has, loading
from suites import Ran, Suite

DRAWN = """
    import random, pytest

    @pytest.fixture(scope="module")
    def drawn(): return random.random()

    class TestOne:
        @pytest.mark.parametrize("n", range(9))
        def test_draws(self, n, record_property):
            record_property("drawn", random.random())

    @pytest.mark.parametrize("n", range(9))
    def test_draws(n, record_property):
        record_property("drawn", random.random())
"""


@pytest.mark.parametrize("xdist", ["", "-pno:xdist"], ids=["xdist", "no xdist"])
def test_randomly(suite: Suite, start: str, xdist: str) -> None:
    """The same numbers in every item, the order's seed printed, and --randomly-seed=last."""
    loading(suite, pytest_randomly="randomly")
    suite.write(test_one=DRAWN, test_two=DRAWN)
    arguments = ["--randomly-seed=4711", *filter(None, [xdist])]
    serial = suite.serial(*arguments)
    ours = suite.parallel(*arguments, start=start)
    assert_same(serial, ours)
    assert "Using --randomly-seed=4711" in ours.out
    assert sorted(map(repr, ours.reports)) == sorted(map(repr, serial.reports))
    last = suite.parallel("--randomly-seed=last", *arguments[1:], start=start)
    assert sorted(map(repr, last.reports)) == sorted(map(repr, serial.reports))


def test_randomly_orders_what_is_dealt(suite: Suite) -> None:
    """The engine is told of the items in the order that the seed gives."""
    loading(suite, pytest_randomly="randomly").write(test_one=DRAWN)
    serial = suite.serial("--randomly-seed=4711", "-v")
    suite.engine = "double"
    ours = suite.parallel("--randomly-seed=4711")
    assert ours.event("suite")["items"] == sequence(serial.out)
    assert sequence(serial.out) != sorted(sequence(serial.out))


def sequence(out: str) -> List[str]:
    return re.findall(r"^(test_\w+\.py::\S+)", out, re.MULTILINE)


MARKED = {
    "pytest_dependency": (
        "dependency",
        """
        import pytest

        @pytest.mark.dependency()
        def test_base(): assert 0

        @pytest.mark.parametrize("n", range(6))
        def test_between(n): pass

        @pytest.mark.dependency(depends=["test_base"])
        def test_on_base(): pass

        @pytest.mark.dependency()
        def test_sound(): pass

        @pytest.mark.dependency(depends=["test_sound"])
        def test_on_sound(): pass

        class TestClass:
            @pytest.mark.dependency(depends=["test_other.py::test_there"], scope="session")
            def test_elsewhere(self): pass
        """,
    ),
    "pytest_order": (
        "pytest_order",
        """
        import os, pytest
        state = []

        @pytest.mark.order(3)
        def test_third(): assert state == [1, 2]

        @pytest.mark.order(1)
        def test_first(): state.append(1)

        @pytest.mark.parametrize("n", range(6))
        def test_between(n): pass

        @pytest.mark.order(2)
        def test_second(): state.append(2)
        """,
    ),
    "pytest": (
        "",
        """
        import pytest
        seen = []

        @pytest.mark.incremental
        class TestSteps:
            @pytest.mark.parametrize("n", range(8))
            def test_step(self, n):
                assert seen == list(range(n))
                seen.append(n)
        """,
    ),
}


@pytest.mark.parametrize("module", MARKED)
def test_items_that_depend_on_others(suite: Suite, start: str, module: str) -> None:
    entry, text = MARKED[module]
    pytest.importorskip(module)
    suite.load(*filter(None, [entry]))
    there = "import pytest\n@pytest.mark.dependency(scope='session')\ndef test_there(): pass\n"
    plain = "import pytest\n@pytest.mark.parametrize('n', range(10))\ndef test_plain(n): pass\n"
    suite.write(test_marked=text, test_plain=plain)
    if entry == "dependency":
        suite.write(test_other=there)
    assert_same(suite.serial(), suite.parallel(start=start))


def test_a_notebooks_cells(suite: Suite, start: str) -> None:
    loading(suite, nbval="nbval")
    pytest.importorskip("ipykernel")
    sources = ["a = 1", "a += 1", "a", "a * 2"]
    cells: List[Dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell{number}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"display_name": "", "language": "python", "name": "python3"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    for name in "ab":
        (suite.path / f"{name}.ipynb").write_text(json.dumps(notebook))
    assert_same(suite.serial("--nbval-lax"), suite.parallel("--nbval-lax", start=start))


def test_a_plain_suite_is_forked(suite: Suite) -> None:
    """However many plugins are installed."""
    from suites import plugins

    conflicting = {"snapshot", "cases", "harvest", "envfile", "flake8", "randomly", "pytest_fold"}
    suite.load(*({entry.name for entry in plugins()} - conflicting))
    suite.write(
        test_plain="import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_n(n): ...\n"
    )
    ours = ours_verbosely(suite)
    assert ours.status == 0 and "workers start by fork: no threads" in ours.err
    assert has("xdist") or "pytest_randomly" not in ours.err


def ours_verbosely(suite: Suite, *arguments: str) -> Ran:
    launcher = suite.launcher("auto", 2, "--verbose")
    return suite.run(launcher, arguments, {})
