"""Plugins that look at the next item as pytest's hooks tell it to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites import Suite

# What is done behind the last test of a class, in the ways that projects' conftest files do it.
LOOKS = """
    import os, pytest

    def note(*what):
        with open(os.environ["NOTES"], "a") as file:
            print(*what, file=file)

    def last_of_its_class(item, nextitem):
        if nextitem is None:
            return True
        assert isinstance(nextitem, pytest.Item)
        return nextitem.getparent(pytest.Class) is not item.getparent(pytest.Class)
"""

HOOKS = {
    "wraps the teardown": """
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_teardown(item, nextitem):
        yield
        if last_of_its_class(item, nextitem):
            note("last")
    """,
    "takes part in the teardown": """
    def pytest_runtest_teardown(nextitem, item):
        if last_of_its_class(item, nextitem):
            note("last")
    """,
    "wraps the protocol": """
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(item, nextitem):
        last = last_of_its_class(item, nextitem)
        yield
        if last:
            note("last")
    """,
}

TESTS = """
    import pytest

    class TestOne:
        @pytest.mark.parametrize("n", range(8))
        def test_one(self, n): pass

        def test_fails(self): assert 0

    class TestTwo:
        @pytest.mark.parametrize("n", range(8))
        def test_two(self, n): pass
"""


@pytest.mark.parametrize("hook", HOOKS)
def test_next_item_is_one_or_none(suite: Suite, start: str, tmp_path: Path, hook: str) -> None:
    """`nextitem is None` holds behind a worker's last item, and the run equals a serial one."""
    suite.write(conftest=LOOKS + HOOKS[hook], test_a=TESTS)
    notes = tmp_path / "notes"
    serial = suite.serial(NOTES=str(tmp_path / "serially"))
    ours = suite.parallel(start=start, NOTES=str(notes))
    assert (ours.status, ours.outcomes()) == (serial.status, serial.outcomes())
    assert len(notes.read_text().splitlines()) >= len(("TestOne", "TestTwo"))


@pytest.mark.parametrize("hook", HOOKS)
def test_next_item_and_maxfail(suite: Suite, start: str, tmp_path: Path, hook: str) -> None:
    """A plugin that looks does not keep a run from stopping at a failure."""
    suite.write(conftest=LOOKS + HOOKS[hook], test_a=TESTS)
    ours = suite.parallel("-x", start=start, NOTES=str(tmp_path / "notes"))
    assert ours.status == 1
    assert ours.failed() == ["test_a.py::TestOne::test_fails"]
