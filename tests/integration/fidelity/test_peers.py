"""What pytest's and pytest-xdist's own suites have shown to differ (tests/peers), in small."""

from __future__ import annotations

from typing import List

import pytest

from fidelity.compared import assert_same, both, sections
from suites import Suite

LOCKS = """
import os, weakref

_LIVE_LOCKS = weakref.WeakValueDictionary()

class FileLock:
    def __init__(self, path):
        self._creator_pid = os.getpid()
        _LIVE_LOCKS[id(self)] = self

    def acquire(self):
        if self._creator_pid != os.getpid():
            raise RuntimeError("inherited across fork")
"""


def test_errors_of_fixtures_and_properties(suite: Suite, start: str) -> None:
    """No frame of the worker's in an error at teardown; a property's name is checked in the test
    that gives it."""
    suite.write(
        test_it="""
            import pytest

            @pytest.fixture
            def breaks():
                yield
                assert 0

            def test_teardown(breaks): ...

            def test_other(): ...

            def test_property(record_testsuite_property):
                record_testsuite_property(1, "one")
        """
    )
    serial, ours = both(suite, start, "--junitxml", str(suite.path.parent / "junit.xml"))
    assert_same(serial, ours)
    title = "ERROR at teardown of test_teardown"
    assert sections(ours.out, title) == sections(serial.out, title)
    assert error(ours.out, "test_property") == error(serial.out, "test_property")


def error(out: str, name: str) -> List[str]:
    return [line for line in sections(out, name) if line.startswith("E ")]


def test_blocked_plugins(suite: Suite, start: str) -> None:
    """Those that pytest can do without, and workers have use for."""
    suite.write(
        test_some="""
            import warnings

            def test_fails(): assert 0

            def test_warns(): warnings.warn("careful")

            def test_passes(): ...
        """
    )
    blocked = ("reports", "tmpdir", "logging", "warnings", "faulthandler", "skipping")
    serial, ours = both(suite, start, *(f"-pno:{name}" for name in blocked))
    assert_same(serial, ours)
    assert serial.status == 1


def test_removed_directory(suite: Suite, start: str) -> None:
    suite.write(
        test_a="""
            import os, tempfile

            with tempfile.TemporaryDirectory() as directory:
                os.chdir(directory)
        """,
        test_b="def test_one(): ...\ndef test_two(): ...",
    )
    serial, ours = both(suite, start)
    assert_same(serial, ours)
    assert serial.status == 0


def test_summary_of_a_doctest(suite: Suite, start: str) -> None:
    (suite.path / "test_text.txt").write_text(">>> 3\n4\n")
    suite.write(test_a="def test_one(): ...")
    serial, ours = both(suite, start)
    assert_same(serial, ours)
    assert [line for line in ours.out.splitlines() if line.startswith("FAILED")] == [
        line for line in serial.out.splitlines() if line.startswith("FAILED")
    ]


def test_new_ones_first(suite: Suite, start: str) -> None:
    suite.write(
        test_a="def test_a1(): ...\ndef test_a2(): ...",
        test_b="def test_b1(): ...\ndef test_b2(): assert 0",
    )
    suite.run([], (), {})  # and not serial(), which may remember: pytest's cache is to know them
    suite.write(test_c="def test_c1(): ...\ndef test_c2(): ...")
    serial, ours = suite.run([], ("--nf",), {}), suite.parallel("--nf", start=start)
    assert_same(serial, ours)
    assert lines(ours.out) == lines(serial.out)


def lines(out: str) -> List[str]:
    """A line for each file."""
    return [line for line in out.splitlines() if line.startswith("test_")]


@pytest.mark.parametrize("engine", ["double"])
def test_locks_that_refuse_a_fork(suite: Suite) -> None:
    """filelock's in its newer versions, for which the module here stands."""
    (suite.path / "filelock").mkdir()
    (suite.path / "filelock" / "__init__.py").write_text("from ._api import FileLock\n")
    (suite.path / "filelock" / "_api.py").write_text(LOCKS)
    suite.write(
        test_lock="""
            from filelock import FileLock

            LOCK = FileLock("lock")

            def test_one(): LOCK.acquire()

            def test_two(): LOCK.acquire()
        """
    )
    ours = suite.parallel(start="auto")
    assert ours.status == 0
    assert "filelock" in ours.event("suite")["why"]
