"""Fixtures of every scope in workers."""

from __future__ import annotations

from pathlib import Path
from typing import List

from fidelity.compared import assert_same, both
from suites import Suite


FIXTURES = """
    import os, pytest

    def note(*what):
        with open(os.environ["NOTES"], "a") as file:
            print(os.getpid(), *what, file=file)

    @pytest.fixture(scope="session", autouse=True)
    def session():
        note("session up")
        yield
        note("session down")

    @pytest.fixture(scope="module", autouse=True)
    def module(request):
        note("module up", request.node.name)
        yield
        note("module down", request.node.name)

    @pytest.fixture(scope="class")
    def klass(request):
        note("class up", request.node.name)
        yield
        note("class down", request.node.name)
"""


def test_wider_fixtures_once_a_worker(suite: Suite, start: str, tmp_path: Path) -> None:
    """What is set up is torn down, in the same process, and no module's fixture is up twice at
    once."""
    tests = """
        import pytest

        @pytest.mark.usefixtures("klass")
        class TestOne:
            @pytest.mark.parametrize("n", range(10))
            def test_one(self, n): pass

        def test_two(): pass
    """
    suite.write(conftest=FIXTURES, test_a=tests, test_b=tests, test_c=tests)
    notes = tmp_path / "notes"
    ours = suite.parallel(start=start, NOTES=str(notes))
    assert ours.status == 0
    up: List[str] = []
    for line in notes.read_text().splitlines():
        if " up" in line:
            assert line not in up
            up.append(line)
        else:
            up.remove(line.replace(" down", " up"))
    assert up == []
    assert len({line.split()[0] for line in notes.read_text().splitlines()}) <= 2


def test_tmp_path_is_own(suite: Suite, start: str, tmp_path: Path) -> None:
    tests = """
        import pytest

        @pytest.mark.parametrize("n", range(20))
        def test_writes(tmp_path, tmp_path_factory, n):
            assert not list(tmp_path.iterdir())
            (tmp_path / "file").write_text(str(n))
            base = tmp_path_factory.mktemp("more")
            (base / "file").write_text("x")
    """
    suite.write(test_temporary=tests)
    base = tmp_path / "base"
    assert_same(*both(suite, start, f"--basetemp={base}"))
    assert (
        len(list(base.glob("*/test_writes*/file"))) + len(list(base.glob("test_writes*/file")))
        >= 20
    )
